import assert from "node:assert/strict";
import { test } from "node:test";
import jwt from "jsonwebtoken";
import { signUp } from "../../support/identity.ts";
import { as, identityNode, movableClock } from "./node.ts";

const account = { email: "ada@example.com", password: "correct horse battery" };
const kinds = { student: "student", teacher: "teacher", factory: "factory" } as const;

test("registering makes an account that is signed in", async t => {
	const { call } = await identityNode(t);
	const answer = await call("auth.register", { ...account, name: " Ada ", role: "teacher" });
	const { user, accessToken, refreshToken, expiresIn } = answer;
	assert.match(user.id, /^usr_[0-9a-f-]{36}$/);
	const { id: _, createdAt, ...rest } = user;
	assert.deepEqual(rest, {
		email: "ada@example.com",
		emailVerified: false,
		name: "Ada",
		roles: ["teacher"],
	});
	assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
	assert.equal(expiresIn, 900);
	assert.ok(refreshToken.length > 43);
	assert.deepEqual(await call("auth.me", {}, as(accessToken)), user);
});

test("an access token carries id, session and roles, and no e-mail or name", async t => {
	const { call } = await identityNode(t);
	const { accessToken, user } = await call("auth.register", { ...account, name: "Ada" });
	const { header, payload } = jwt.decode(accessToken, { complete: true }) as jwt.Jwt;
	assert.equal(header.alg, "ES256");
	assert.deepEqual(Object.keys(payload).sort(), [
		"aud",
		"exp",
		"iat",
		"iss",
		"roles",
		"sid",
		"sub",
	]);
	const { exp = 0, iat = 0, sub, roles } = payload as jwt.JwtPayload;
	assert.equal(exp - iat, 900);
	assert.equal(sub, user.id);
	assert.deepEqual(roles, ["student"]);
});

test("who registers is a student unless they say teacher or factory", async t => {
	const { call } = await identityNode(t);
	for (const role of Object.values(kinds)) {
		const { user } = await call("auth.register", { ...account, email: `${role}@b.co`, role });
		assert.deepEqual(user.roles, [role]);
		assert.equal(user.name, "");
	}
	assert.deepEqual((await call("auth.register", account)).user.roles, ["student"]);
});

for (const [field, change] of Object.entries({
	"/email": { email: "ada" },
	"/email ": { email: `${"a".repeat(250)}@b.co` },
	"/password": { password: "1234567" },
	"/password ": { password: "x".repeat(129) },
	"/name": { name: "x".repeat(101) },
	"/role": { role: "admin" },
}))
	test(`registering with ${JSON.stringify(change).slice(0, 40)} is refused at ${field}`, async t => {
		const { call } = await identityNode(t);
		await assert.rejects(call("auth.register", { ...account, ...change } as never), error => {
			const { type, code, data } = error as {
				type: string;
				code: number;
				data: { errors?: { path: string }[] } | { path: string }[];
			};
			assert.equal(type, "VALIDATION_ERROR");
			assert.equal(code, 422);
			const errors = Array.isArray(data) ? data : (data.errors ?? []);
			assert.equal(errors[0]?.path, field.trim());
			return true;
		});
	});

test("roles, ids and other keys in a registration change nothing", async t => {
	const { call } = await identityNode(t);
	const extra = { id: "usr_mine", roles: ["admin"], approved: true, claim: { roles: ["admin"] } };
	const { user } = await call("auth.register", { ...account, ...extra } as never);
	assert.notEqual(user.id, "usr_mine");
	assert.deepEqual(user.roles, ["student"]);
	assert.equal(user.approved, undefined);
});

test("passwords of 8 and of 128 characters are taken as they are, spaces and all", async t => {
	const { call } = await identityNode(t);
	for (const [i, password] of ["12345678", " spaced ", "🔑".repeat(8), "x".repeat(128)].entries()) {
		const email = `user${i}@example.com`;
		await call("auth.register", { email, password });
		await call("auth.login", { email, password });
		await assert.rejects(call("auth.login", { email, password: password.slice(0, -2) }), {
			type: "INVALID_CREDENTIALS",
		});
	}
});

test("an e-mail is taken in whatever form it is typed", async t => {
	const { call } = await identityNode(t);
	await call("auth.register", account);
	for (const email of ["ada@example.com", " ADA@Example.com ", "ａｄａ@example.com"])
		await assert.rejects(call("auth.register", { ...account, email }), {
			type: "EMAIL_TAKEN",
			code: 409,
		});
});

test("of 20 parallel registrations of one e-mail one wins, with all that it said", async t => {
	const { call } = await identityNode(t);
	const wanted = Array.from({ length: 20 }, (_, i) => ({
		...account,
		password: `the password ${i}`,
		name: `Name ${i}`,
		role: i % 2 ? kinds.teacher : kinds.factory,
	}));
	const results = await Promise.allSettled(wanted.map(w => call("auth.register", w)));
	const won = results.flatMap((r, i) => (r.status === "fulfilled" ? [{ i, answer: r.value }] : []));
	assert.equal(won.length, 1);
	for (const result of results)
		if (result.status === "rejected") assert.equal(result.reason.type, "EMAIL_TAKEN");
	const [{ i, answer }] = won as [(typeof won)[0]];
	assert.equal(answer.user.name, `Name ${i}`);
	assert.deepEqual(answer.user.roles, [wanted[i]?.role]);
	const { user } = await call("auth.login", { ...account, password: `the password ${i}` });
	assert.deepEqual(user, answer.user);
});

test("a registration cut off after the profile does not hold the e-mail", async t => {
	const { call } = await identityNode(t);
	const left = { id: "usr_left", email: account.email, name: "Left", roles: ["admin" as const] };
	await call("users.create", left);
	const { user } = await call("auth.register", { ...account, name: "Ada", role: "student" });
	assert.equal(user.id, "usr_left");
	assert.equal(user.name, "Ada");
	assert.deepEqual(user.roles, ["student"]);
	await call("auth.login", account);
	await assert.rejects(call("auth.register", account), { type: "EMAIL_TAKEN" });
});

test("a registration cut off between credential and profile is made good by the login", async t => {
	const { call, node } = await identityNode(t);
	const left = { id: "usr_left", email: account.email, name: "Left", roles: ["admin" as const] };
	await call("users.create", left);
	const { users } = node.broker.getLocalService("users") as unknown as {
		users: { advance: (...args: unknown[]) => Promise<unknown> };
	};
	const advance = users.advance;
	users.advance = () => Promise.reject(new Error("cut off"));
	await assert.rejects(call("auth.register", { ...account, name: "Ada", role: "teacher" }));
	users.advance = advance;
	await assert.rejects(call("auth.register", account), { type: "EMAIL_TAKEN" });
	const { user, accessToken } = await call("auth.login", account);
	assert.deepEqual([user.id, user.name, user.roles], ["usr_left", "Ada", ["teacher"]]);
	const { roles } = jwt.decode(accessToken) as jwt.JwtPayload;
	assert.deepEqual(roles, ["teacher"]);
});

test("a login answers as a registration does, in a session of its own", async t => {
	const { call } = await identityNode(t);
	const registered = await call("auth.register", account);
	const answer = await call("auth.login", { ...account, email: " Ada@Example.com " });
	assert.deepEqual(answer.user, registered.user);
	assert.equal(answer.expiresIn, 900);
	assert.notEqual(answer.refreshToken, registered.refreshToken);
	assert.equal((await call("auth.sessions", {}, as(answer.accessToken))).items.length, 2);
});

test("a login that cannot be finished leaves no session", async t => {
	const { call, node } = await identityNode(t);
	const { accessToken } = await call("auth.register", account);
	const { users } = node.broker.getLocalService("users") as unknown as {
		users: { get: (...args: unknown[]) => Promise<unknown> };
	};
	const get = users.get;
	users.get = () => Promise.reject(new Error("cut off"));
	await assert.rejects(call("auth.login", account));
	users.get = get;
	assert.equal((await call("auth.sessions", {}, as(accessToken))).items.length, 1);
});

test("a wrong password and an unknown e-mail are the same error", async t => {
	const { call } = await identityNode(t);
	await call("auth.register", account);
	const refusals = [];
	for (const wrong of [
		{ ...account, password: "wrong" },
		{ ...account, email: "nobody@example.com" },
		{ ...account, email: "no address" },
	])
		refusals.push(await call("auth.login", wrong).catch(error => error));
	for (const { type, code, message, data } of refusals)
		assert.deepEqual(
			[type, code, message, data],
			["INVALID_CREDENTIALS", 401, "E-mail or password is wrong", undefined],
		);
});

test("a refresh gives a new pair for the same session", async t => {
	const { call } = await identityNode(t);
	const { refreshToken, accessToken, user } = await call("auth.register", account);
	const next = await call("auth.refresh", { refreshToken });
	assert.deepEqual(Object.keys(next).sort(), ["accessToken", "expiresIn", "refreshToken"]);
	assert.notEqual(next.refreshToken, refreshToken);
	assert.equal((await call("auth.me", {}, as(next.accessToken))).id, user.id);
	const sid = (token: string) => (jwt.decode(token) as jwt.JwtPayload).sid;
	assert.equal(sid(next.accessToken), sid(accessToken));
});

test("20 parallel refreshes of one token get one successor, which works", async t => {
	const { call } = await identityNode(t);
	const { refreshToken } = await call("auth.register", account);
	const answers = await Promise.all(
		Array.from({ length: 20 }, () => call("auth.refresh", { refreshToken })),
	);
	assert.equal(new Set(answers.map(a => a.refreshToken)).size, 1);
	for (const { accessToken } of answers) await call("auth.me", {}, as(accessToken));
	await call("auth.refresh", { refreshToken: answers[0]?.refreshToken as string });
});

test("a token used again after 10 s ends the whole session", async t => {
	const clock = movableClock();
	const { call, node } = await identityNode(t, { clock });
	const { refreshToken } = await call("auth.register", account);
	const other = await call("auth.login", account);
	const second = await call("auth.refresh", { refreshToken });
	clock.at += 10_000;
	assert.equal((await call("auth.refresh", { refreshToken })).refreshToken, second.refreshToken);
	clock.at += 1;
	await assert.rejects(call("auth.refresh", { refreshToken }), {
		type: "REFRESH_REUSED",
		code: 401,
	});
	for (const spent of [refreshToken, second.refreshToken])
		await assert.rejects(call("auth.refresh", { refreshToken: spent }), {
			type: "SESSION_REVOKED",
			code: 401,
		});
	await node.platform.tokens.refreshRevoked();
	await assert.rejects(call("auth.me", {}, as(second.accessToken)), { type: "UNAUTHENTICATED" });
	await call("auth.refresh", { refreshToken: other.refreshToken });
});

test("a refresh token lives 30 days from when it was given", async t => {
	const clock = movableClock();
	const { call } = await identityNode(t, { clock });
	const { refreshToken } = await call("auth.register", account);
	clock.at += 30 * 86_400_000 - 1;
	const next = await call("auth.refresh", { refreshToken });
	clock.at += 30 * 86_400_000;
	await assert.rejects(call("auth.refresh", { refreshToken: next.refreshToken }), {
		type: "REFRESH_INVALID",
		code: 401,
	});
});

test("what is no refresh token, or nobody's, is one stable error", async t => {
	const { call } = await identityNode(t);
	const { accessToken, refreshToken } = await call("auth.register", account);
	const [sid, body, tag] = refreshToken.split(".") as [string, string, string];
	for (const wrong of [
		"x",
		accessToken.slice(0, 256),
		`${sid}.${"A".repeat(43)}.${tag}`,
		`${sid}.${body}.${"A".repeat(22)}`,
		`ses_01a1fe4e-3109-79f9-b802-fea381f3da8b.${body}.${tag}`,
	])
		await assert.rejects(call("auth.refresh", { refreshToken: wrong }), {
			type: "REFRESH_INVALID",
		});
	await call("auth.refresh", { refreshToken });
});

test("a logout ends the session: its refresh token at once, its access token with the next list", async t => {
	const { call, node } = await identityNode(t);
	const { accessToken, refreshToken, user } = await call("auth.register", account);
	const other = await call("auth.login", account);
	const hints: unknown[] = [];
	node.broker.createService({
		name: "listener",
		events: { "auth.revoked": () => void hints.push("auth.revoked") },
	});
	assert.equal(await call("auth.logout", {}, as(accessToken)), null);
	await assert.rejects(call("auth.refresh", { refreshToken }), { type: "SESSION_REVOKED" });
	assert.deepEqual(await call("auth.verify", { token: accessToken }), { valid: false });
	assert.equal((await call("auth.revoked")).sessions.length, 1);
	assert.deepEqual(hints, ["auth.revoked"]);
	await node.platform.tokens.refreshRevoked();
	await assert.rejects(call("auth.me", {}, as(accessToken)), {
		type: "UNAUTHENTICATED",
		code: 401,
	});
	assert.equal((await call("auth.me", {}, as(other.accessToken))).id, user.id);
});

test("a refresh under way does not outlive a logout", async t => {
	const { call } = await identityNode(t);
	const { accessToken, refreshToken } = await call("auth.register", account);
	const [refreshed] = await Promise.allSettled([
		call("auth.refresh", { refreshToken }),
		call("auth.logout", {}, as(accessToken)),
	]);
	const newest = refreshed.status === "fulfilled" ? refreshed.value.refreshToken : refreshToken;
	await assert.rejects(call("auth.refresh", { refreshToken: newest }), { type: "SESSION_REVOKED" });
});

test("a revoked session is told for as long as an access token of it may be taken", async t => {
	const clock = movableClock();
	const { call } = await identityNode(t, { clock });
	const { accessToken } = await call("auth.register", account);
	const { sid } = jwt.decode(accessToken) as jwt.JwtPayload;
	await call("auth.logout", {}, as(accessToken));
	clock.at += 16 * 60_000 - 1;
	assert.deepEqual(await call("auth.revoked"), { sessions: [sid] });
	clock.at += 1;
	assert.deepEqual(await call("auth.revoked"), { sessions: [] });
});

test("verify says whose a token is, and of a bad one only that", async t => {
	const clock = movableClock();
	const { call } = await identityNode(t, { clock });
	const { accessToken, user } = await call("auth.register", account);
	const good = { valid: true, user };
	assert.deepEqual(await call("auth.verify", { token: accessToken }), good);
	assert.deepEqual(await call("auth.verify", {}, as(accessToken)), good);
	assert.deepEqual(await call("auth.verify", {}, { headers: { bearer: accessToken } }), good);
	for (const token of ["", "x", "a.b.c", `${accessToken}x`, accessToken.slice(0, -8)])
		assert.deepEqual(await call("auth.verify", { token }), { valid: false });
	assert.deepEqual(await call("auth.verify", {}), { valid: false });
	assert.deepEqual(await call("auth.verify", {}, { headers: { bearer: "x" } }), { valid: false });
	clock.at += 900_000;
	assert.deepEqual(await call("auth.verify", { token: accessToken }), { valid: false });
});

test("sessions are listed with device and last use, and only one's own", async t => {
	const clock = movableClock();
	const { call, node } = await identityNode(t, { clock });
	await signUp(node);
	await call("auth.register", account, { headers: { userAgent: "Phone" } });
	clock.at += 1_000;
	const laptop = await call("auth.login", account, { headers: { userAgent: "L".repeat(999) } });
	clock.at += 1_000;
	await call("auth.refresh", { refreshToken: laptop.refreshToken });
	const { items } = await call("auth.sessions", {}, as(laptop.accessToken));
	assert.deepEqual(
		items.map(({ id: _, ...rest }) => rest),
		[
			{
				device: "L".repeat(256),
				current: true,
				createdAt: new Date(clock.at - 1_000).toISOString(),
				lastUsedAt: new Date(clock.at).toISOString(),
				expiresAt: new Date(clock.at + 30 * 86_400_000).toISOString(),
			},
			{
				device: "Phone",
				current: false,
				createdAt: new Date(clock.at - 2_000).toISOString(),
				lastUsedAt: new Date(clock.at - 2_000).toISOString(),
				expiresAt: new Date(clock.at - 2_000 + 30 * 86_400_000).toISOString(),
			},
		],
	);
});

test("one's own session can be ended from another; anybody else's is not there", async t => {
	const { call, node } = await identityNode(t);
	const phone = await call("auth.register", account);
	const laptop = await call("auth.login", account);
	const stranger = await signUp(node);
	const { sid } = jwt.decode(phone.accessToken) as { sid: string };
	const notFound = { type: "SESSION_NOT_FOUND", code: 404 };
	await assert.rejects(call("auth.revokeSession", { id: sid }, as(stranger.token)), notFound);
	await call("auth.refresh", { refreshToken: phone.refreshToken });
	await call("auth.revokeSession", { id: sid }, as(laptop.accessToken));
	await assert.rejects(call("auth.revokeSession", { id: sid }, as(laptop.accessToken)), notFound);
	await assert.rejects(call("auth.revokeSession", { id: "x" }, as(laptop.accessToken)), notFound);
	await assert.rejects(call("auth.refresh", { refreshToken: phone.refreshToken }), {
		type: "SESSION_REVOKED",
	});
	const { items } = await call("auth.sessions", {}, as(laptop.accessToken));
	assert.deepEqual(
		items.map(item => item.current),
		[true],
	);
});

test("without a token nobody is signed in", async t => {
	const { call } = await identityNode(t);
	for (const action of ["auth.me", "auth.logout", "auth.sessions", "users.me"] as const)
		await assert.rejects(call(action), { type: "UNAUTHENTICATED", code: 401 });
	await assert.rejects(call("auth.revokeSession", { id: "x" }), { type: "UNAUTHENTICATED" });
});

test("what has expired is removed, what has not stays", async t => {
	const clock = movableClock();
	const { call } = await identityNode(t, { clock });
	await call("auth.register", account);
	await assert.rejects(call("auth.login", { ...account, password: "wrong" }));
	assert.deepEqual(await call("auth.purge"), { removed: 0 });
	clock.at += 15 * 60_000;
	assert.deepEqual(await call("auth.purge"), { removed: 2 });
	clock.at += 30 * 86_400_000;
	assert.deepEqual(await call("auth.purge"), { removed: 1 });
});

test("an operator's console signs a user in by e-mail; no HTTP route does", async t => {
	const { call, node } = await identityNode(t);
	const { user } = await signUp(node, { role: "teacher" });
	const answer = await call("auth.signInAs", { email: ` ${user.email.toUpperCase()}` });
	assert.deepEqual((await call("auth.me", {}, as(answer.accessToken))).roles, ["teacher"]);
	await assert.rejects(call("auth.signInAs", { email: "nobody@example.com" }), {
		type: "USER_NOT_FOUND",
	});
	for (const action of ["auth.signInAs", "auth.revoked", "auth.revokeUser", "users.claim"]) {
		const { rest, access } = node.platform.contracts.action(action) ?? {};
		assert.deepEqual([rest, access], [undefined, "internal"]);
	}
});

test("no answer and no list ever shows a hash or a secret", async t => {
	const { call, node } = await identityNode(t);
	const admin = await signUp(node, { role: "admin" });
	const answers = [
		await call("auth.register", account),
		await call("auth.sessions", {}, as(admin.token)),
		await call("users.list", {}, as(admin.token)),
		await call("auth.jwks"),
		await call("users.describe", { id: admin.user.id }),
	];
	// As a member's name, or as it is written: random text holds "hash" once in some hundred runs.
	assert.doesNotMatch(JSON.stringify(answers), /argon2|"\w*(?:hash|secret)\w*":|"d":|PRIVATE/i);
});
