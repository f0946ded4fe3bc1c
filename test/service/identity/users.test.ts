import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import jwt from "jsonwebtoken";
import { signUp } from "../../support/identity.ts";
import { as, identityNode, movableClock } from "./node.ts";

const notFound = { type: "USER_NOT_FOUND", code: 404 };
const forbidden = { type: "FORBIDDEN", code: 403 };
const nobody = { type: "UNAUTHENTICATED", code: 401 };
const invalid = { type: "VALIDATION_ERROR", code: 422 };

test("one's own profile", async t => {
	const { call, node } = await identityNode(t);
	const { user, token } = await signUp(node);
	assert.deepEqual(await call("users.me", {}, as(token)), user);
});

test("name and picture can be changed and the picture removed; the rest stays", async t => {
	const { call, node } = await identityNode(t);
	const { user, token } = await signUp(node);
	const change = (params: object) => call("users.updateMe", params, as(token));
	const pictureUrl = "https://example.com/ada.png";
	assert.deepEqual(await change({ name: "  Ada " }), { ...user, name: "Ada" });
	assert.deepEqual(await change({ pictureUrl }), { ...user, name: "Ada", pictureUrl });
	assert.deepEqual(await change({}), { ...user, name: "Ada", pictureUrl });
	assert.deepEqual(await change({ name: "", pictureUrl: "" }), { ...user, name: "" });
	assert.deepEqual(await call("users.me", {}, as(token)), { ...user, name: "" });
});

test("keys that are not the caller's to change, change nothing", async t => {
	const { call, node } = await identityNode(t);
	const victim = await signUp(node);
	const { user, token } = await signUp(node);
	const answer = await call(
		"users.updateMe",
		{
			...{ id: victim.user.id, email: "root@example.com", roles: ["admin"], approved: true },
			...{ claimed: true, createdAt: "2000-01-01T00:00:00.000Z", "name.x": 1, $set: { roles: [] } },
		} as never,
		as(token),
	);
	assert.deepEqual(answer, user);
	assert.deepEqual(await call("users.describe", { id: user.id }), user);
	assert.deepEqual(await call("users.describe", { id: victim.user.id }), victim.user);
});

for (const wrong of [
	{ name: "x".repeat(101) },
	{ name: null },
	{ name: 7 },
	{ pictureUrl: "javascript:alert(1)" },
	{ pictureUrl: "data:text/html,x" },
	{ pictureUrl: `https://${"x".repeat(2_048)}` },
])
	test(`a profile with ${JSON.stringify(wrong).slice(0, 40)} is refused`, async t => {
		const { call, node } = await identityNode(t);
		const { token } = await signUp(node);
		await assert.rejects(call("users.updateMe", wrong as never, as(token)), invalid);
	});

test("others see name and roles; the e-mail is for oneself and admins", async t => {
	const { call, node } = await identityNode(t);
	const ada = await signUp(node, { role: "teacher", name: "Ada" });
	const other = await signUp(node);
	const admin = await signUp(node, { role: "admin" });
	const { id, email } = ada.user;
	const profile = { id, name: "Ada", roles: ["teacher"] };
	assert.deepEqual(await call("users.get", { id }, as(other.token)), profile);
	await assert.rejects(call("users.get", { id }), nobody);
	assert.deepEqual(await call("users.get", { id }, as(ada.token)), { ...profile, email });
	assert.deepEqual(await call("users.get", { id }, as(admin.token)), { ...profile, email });
	for (const id of ["usr_none", "", "../x", "__proto__"])
		await assert.rejects(call("users.get", { id }, as(other.token)), notFound);
});

test("a profile that was read before shows its changes, and stays without the e-mail for others", async t => {
	const { call, node } = await identityNode(t);
	const ada = await signUp(node);
	const other = await signUp(node);
	const admin = await signUp(node, { role: "admin" });
	const { id } = ada.user;
	const seenBy = (token: string) => call("users.get", { id }, as(token));
	await Promise.all([ada, other, admin].map(({ token }) => seenBy(token)));
	await call("users.updateMe", { name: "Ada" }, as(ada.token));
	await call("users.setRoles", { id, roles: ["teacher"] }, as(admin.token));
	const profile = { id, name: "Ada", roles: ["teacher"] };
	assert.deepEqual(await seenBy(other.token), profile);
	assert.deepEqual(await seenBy(admin.token), { ...profile, email: ada.email });
});

test("the list is for admins: newest first, in pages, by e-mail", async t => {
	const { call, node } = await identityNode(t);
	const admin = await signUp(node, { role: "admin" });
	const people = [];
	for (let i = 0; i < 5; i++) people.push((await signUp(node)).user);
	const list = (params: object) => call("users.list", params, as(admin.token));
	const page = await list({ pageSize: 2 });
	assert.deepEqual(page.items, [people[4], people[3]]);
	assert.equal(page.total, 6);
	const next = await list({ pageSize: 2, cursor: page.nextCursor });
	assert.deepEqual(next.items, [people[2], people[1]]);
	const one = await list({ email: ` ${people[0]?.email.toUpperCase()} ` });
	assert.deepEqual(one.items, [people[0]]);
	assert.deepEqual((await list({ email: "nobody@example.com" })).items, []);
});

test("what is an admin's is forbidden to others and closed to nobody", async t => {
	const { call, node } = await identityNode(t);
	const { user, token } = await signUp(node, { role: "teacher" });
	const { id } = user;
	const attempts = [
		["users.list", {}],
		["users.setRoles", { id, roles: ["admin"] }],
		["users.setApproval", { id, approved: true }],
	] as const;
	for (const [action, params] of attempts) {
		await assert.rejects(call(action, params as never, as(token)), forbidden);
		await assert.rejects(call(action, params as never), nobody);
	}
	assert.deepEqual(await call("users.describe", { id }), user);
});

test("a change of roles holds at once and ends the user's sessions, nobody else's", async t => {
	const { call, node } = await identityNode(t);
	const admin = await signUp(node, { role: "admin" });
	const ada = await signUp(node);
	const second = await call("auth.login", ada);
	const bystander = await signUp(node);
	const { id } = ada.user;
	const changed = await call(
		"users.setRoles",
		{ id, roles: ["teacher", "admin"] },
		as(admin.token),
	);
	assert.deepEqual(changed, { ...ada.user, roles: ["teacher", "admin"] });
	for (const { refreshToken } of [ada, second])
		await assert.rejects(call("auth.refresh", { refreshToken }), { type: "SESSION_REVOKED" });
	await node.platform.tokens.refreshRevoked();
	for (const token of [ada.token, second.accessToken])
		await assert.rejects(call("users.me", {}, as(token)), nobody);
	await call("auth.refresh", { refreshToken: bystander.refreshToken });
	const again = await call("auth.login", ada);
	assert.deepEqual(again.user.roles, ["teacher", "admin"]);
	await call("users.list", {}, as(again.accessToken));
	await sleep(200);
	await call("auth.refresh", { refreshToken: again.refreshToken });
});

test("a fact that comes late ends no session that was opened after the change", async t => {
	const clock = movableClock();
	const { call, node } = await identityNode(t, { clock });
	const ada = await signUp(node);
	const before = new Date(clock.at).toISOString();
	clock.at += 1;
	const later = await call("auth.login", ada);
	const userId = ada.user.id;
	assert.deepEqual(await call("auth.revokeUser", { userId, before }), { revoked: 1 });
	assert.deepEqual(await call("auth.revokeUser", { userId, before }), { revoked: 0 });
	await call("auth.refresh", { refreshToken: later.refreshToken });
	await assert.rejects(call("auth.refresh", { refreshToken: ada.refreshToken }), {
		type: "SESSION_REVOKED",
	});
});

test("where the sessions cannot be revoked at once, the fact makes it good", async t => {
	const { call, node } = await identityNode(t);
	const admin = await signUp(node, { role: "admin" });
	const ada = await signUp(node);
	const auth = node.broker.getLocalService("auth") as unknown as {
		sessions: { find(guard: object, ...rest: unknown[]): Promise<object[]> };
	};
	const find = auth.sessions.find.bind(auth.sessions);
	auth.sessions.find = async (guard, ...rest) => {
		if ("createdAt" in guard) throw new Error("cut off");
		return find(guard, ...rest);
	};
	const { id } = ada.user;
	const changed = await call("users.setRoles", { id, roles: ["factory"] }, as(admin.token));
	assert.deepEqual(changed.roles, ["factory"]);
	const { refreshToken } = await call("auth.refresh", { refreshToken: ada.refreshToken });
	auth.sessions.find = find;
	for (let waited = 0; waited < 30_000; waited += 100) {
		if ((await call("auth.revoked")).sessions.length > 0) break;
		await sleep(100);
	}
	await assert.rejects(call("auth.refresh", { refreshToken }), { type: "SESSION_REVOKED" });
});

test("a login beside a change of roles has the new ones, or is revoked", async t => {
	const { call, node } = await identityNode(t);
	const admin = await signUp(node, { role: "admin" });
	const ada = await signUp(node);
	const { id } = ada.user;
	const auth = node.broker.getLocalService("auth") as unknown as {
		sessions: { insert(doc: object): Promise<object> };
	};
	const insert = auth.sessions.insert.bind(auth.sessions);
	const change = (role: "teacher" | "factory") =>
		call("users.setRoles", { id, roles: [role] }, as(admin.token));

	auth.sessions.insert = async doc => {
		await change("teacher");
		return insert(doc);
	};
	const after = await call("auth.login", ada);
	assert.deepEqual((jwt.decode(after.accessToken) as jwt.JwtPayload).roles, ["teacher"]);

	auth.sessions.insert = async doc => {
		const stored = await insert(doc);
		await change("factory");
		return stored;
	};
	const { refreshToken } = await call("auth.login", ada);
	await assert.rejects(call("auth.refresh", { refreshToken }), { type: "SESSION_REVOKED" });
});

test("roles and approval of nobody, and roles that are none", async t => {
	const { call, node } = await identityNode(t);
	const admin = as((await signUp(node, { role: "admin" })).token);
	const { id } = (await signUp(node)).user;
	await assert.rejects(
		call("users.setRoles", { id: "usr_none", roles: ["admin"] }, admin),
		notFound,
	);
	await assert.rejects(
		call("users.setApproval", { id: "usr_none", approved: true }, admin),
		notFound,
	);
	for (const roles of [[], ["root"], ["student", "student"], "admin", [null]])
		await assert.rejects(call("users.setRoles", { id, roles } as never, admin), invalid);
	for (const approved of ["yes", 1, null, undefined])
		await assert.rejects(call("users.setApproval", { id, approved } as never, admin), invalid);
});

test("an approval is seen in the profile and leaves the sessions", async t => {
	const { call, node } = await identityNode(t);
	const admin = as((await signUp(node, { role: "admin" })).token);
	const { user, refreshToken } = await signUp(node, { role: "teacher" });
	for (const approved of [true, false]) {
		const changed = await call("users.setApproval", { id: user.id, approved }, admin);
		assert.deepEqual(changed, { ...user, approved });
		assert.deepEqual(await call("users.describe", { id: user.id }), { ...user, approved });
	}
	await call("auth.refresh", { refreshToken });
});

test("an admin's writes wait while the list of revoked sessions is old", async t => {
	const clock = movableClock();
	const { call, node } = await identityNode(t, { clock });
	const admin = as((await signUp(node, { role: "admin" })).token);
	const { id } = (await signUp(node)).user;
	await node.platform.tokens.stop();
	clock.at += 30_001;
	const busy = { type: "SERVICE_UNAVAILABLE", code: 503 };
	await assert.rejects(call("users.setRoles", { id, roles: ["teacher"] }, admin), busy);
	await assert.rejects(call("users.setApproval", { id, approved: true }, admin), busy);
	await call("users.list", {}, admin);
});

test("a profile is made once per e-mail, whoever asks how often", async t => {
	const { call } = await identityNode(t);
	const wanted = { email: "Ada@Example.com", name: "Ada", roles: ["student" as const] };
	const made = await Promise.all(
		Array.from({ length: 10 }, (_, i) => call("users.create", { ...wanted, id: `usr_${i}` })),
	);
	assert.equal(new Set(made.map(user => user.id)).size, 1);
	assert.deepEqual(await call("users.findByEmail", { email: "ada@example.com " }), made[0]);
	await assert.rejects(call("users.findByEmail", { email: "x@example.com" }), notFound);
	await assert.rejects(call("users.create", { ...wanted, id: "usr_x", email: "x" }), invalid);
});

test("a profile is claimed once", async t => {
	const { call } = await identityNode(t);
	const roles = ["student" as const];
	await call("users.create", { id: "usr_1", email: "a@b.co", name: "Left", roles });
	const claimed = await call("users.claim", { id: "usr_1", name: "Ada", roles: ["teacher"] });
	assert.deepEqual([claimed.name, claimed.roles], ["Ada", ["teacher"]]);
	assert.deepEqual(await call("users.claim", { id: "usr_1", name: "Eve", roles }), claimed);
	await assert.rejects(call("users.claim", { id: "usr_2", name: "Eve", roles }), notFound);
});
