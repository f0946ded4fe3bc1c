import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Broker } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import type { CredentialDoc } from "../../../models/identity/credential.model.ts";
import { eventually } from "../../support/http.ts";
import { type SignedUp, signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";
import { as, movableClock } from "./node.ts";

const password = "another password";

/** Accounts, and the mailbox of each. */
async function open(t: TestContext) {
	const clock = movableClock();
	const services = "identity,engagement";
	const node = await startNode(t, { env: { SERVICES: services, MESH: services }, clock });
	const broker = node.broker as unknown as Broker;
	const call: Broker["call"] = broker.call.bind(broker);
	/** The links that a user was sent, newest first. */
	const linksOf = async ({ token }: SignedUp, template: string) => {
		const { items } = await call("mail.shown", { pageSize: 100 }, as(token));
		return items
			.filter(mail => mail.template === template)
			.map(({ text }) => /token=([\w.-]+)/.exec(text)?.[1] as string);
	};
	const link = async (who: SignedUp, template: string, count = 1) => {
		const links = await eventually(
			() => linksOf(who, template),
			found => found.length >= count,
		);
		assert.equal(links.length, count);
		return links[0] as string;
	};
	const forgot = (email: string, address = "10.0.0.1") =>
		call("auth.forgotPassword", { email }, { headers: { address } });
	const login = (email: string, word: string) => call("auth.login", { email, password: word });
	const code = (answer: Promise<unknown>) =>
		answer.then(
			() => "ok",
			error => codeOf(error),
		);
	return { call, node, clock, link, linksOf, forgot, login, code, person: () => signUp(node) };
}

test("a new password is chosen by mail, once, and ends every session", async t => {
	const { call, clock, link, forgot, login, code, person } = await open(t);
	const who = await person();
	const { refreshToken } = await login(who.email, who.password);
	assert.deepEqual(await forgot(`  ${who.email.toUpperCase()} `), { accepted: true });
	const token = await link(who, "password_reset");
	clock.at += 1_000;
	const reset = (word = password) => code(call("auth.resetPassword", { token, password: word }));
	const answers = await Promise.all([reset(), reset("yet another one"), reset("a third password")]);
	assert.deepEqual(answers.toSorted(), ["RESET_TOKEN_INVALID", "RESET_TOKEN_INVALID", "ok"]);
	const chosen = [password, "yet another one", "a third password"][answers.indexOf("ok")] as string;
	assert.equal(await code(login(who.email, who.password)), "INVALID_CREDENTIALS");
	assert.equal(await code(call("auth.refresh", { refreshToken })), "SESSION_REVOKED");
	const verdict = await call("auth.verify", { token: who.token });
	assert.equal(verdict.valid, false);
	clock.at += 1_000;
	const again = await login(who.email, chosen);
	const told = await eventually(
		() => call("notifications.list", {}, as(again.accessToken)),
		({ total }) => total === 1,
	);
	assert.equal(told.items[0]?.type, "account.password_changed");
	assert.equal((await call("auth.verify", { token: again.accessToken })).valid, true);
	assert.equal(await reset(), "RESET_TOKEN_INVALID");
});

test("a reset ends the sessions itself, where its fact is late", async t => {
	const { call, node, link, forgot, person } = await open(t);
	const who = await person();
	await forgot(who.email);
	const token = await link(who, "password_reset");
	t.mock.method(node.platform.pipe, "publish", async () => {});
	await call("auth.resetPassword", { token, password });
	assert.equal((await call("auth.verify", { token: who.token })).valid, false);
});

test("who signs in while the password changes is not let in by the old one", async t => {
	const { call, node, link, forgot, login, code, person } = await open(t);
	const who = await person();
	await forgot(who.email);
	const token = await link(who, "password_reset");
	const { credentials } = node.broker.getLocalService("auth") as unknown as {
		credentials: Collection<CredentialDoc>;
	};
	const reached = Promise.withResolvers<void>();
	const changed = Promise.withResolvers<void>();
	const findOne = credentials.findOne.bind(credentials);
	const held = t.mock.method(credentials, "findOne", async (guard: Guard) => {
		const found = await findOne(guard);
		reached.resolve();
		await changed.promise;
		return found;
	});
	const late = code(login(who.email, who.password));
	await reached.promise;
	held.mock.restore();
	await call("auth.resetPassword", { token, password });
	changed.resolve();
	assert.equal(await late, "INVALID_CREDENTIALS");
	const { accessToken } = await login(who.email, password);
	const { items } = await call("auth.sessions", {}, as(accessToken));
	assert.equal(items.length, 1);
});

test("a link is over after 30 min, and when another was asked for", async t => {
	const { call, clock, link, forgot, code, person } = await open(t);
	const who = await person();
	await forgot(who.email);
	const first = await link(who, "password_reset");
	await forgot(who.email);
	clock.at += 60_000;
	await forgot(who.email);
	const second = await link(who, "password_reset", 2);
	const reset = (token: string) => code(call("auth.resetPassword", { token, password }));
	assert.equal(await reset(first), "RESET_TOKEN_INVALID");
	clock.at += 30 * 60_000;
	assert.equal(await reset(second), "RESET_TOKEN_EXPIRED");
	assert.equal(await reset("nonsense"), "RESET_TOKEN_INVALID");
	assert.equal(
		await code(call("auth.resetPassword", { token: second, password: "short" })),
		"VALIDATION_ERROR",
	);
});

test("asking says nothing of whether there is an account, and may not be done for ever", async t => {
	const { forgot, code, person, linksOf } = await open(t);
	const who = await person();
	const timed = async (email: string, address: string) => {
		const start = performance.now();
		const answer = await forgot(email, address);
		return { answer, ms: performance.now() - start };
	};
	const known = await timed(who.email, "10.0.0.2");
	const unknown = await timed("nobody@example.com", "10.0.0.2");
	assert.deepEqual(known.answer, unknown.answer);
	for (const { ms } of [known, unknown]) assert.ok(ms >= 149, `${ms} ms`);
	for (const email of [who.email, "nobody@example.com"]) {
		const codes = [];
		for (let tries = 0; tries < 11; tries++) codes.push(await code(forgot(email, "10.0.0.3")));
		assert.deepEqual(codes, [...Array(10).fill("ok"), "TOO_MANY_REQUESTS"], email);
	}
	assert.equal((await linksOf(who, "password_reset")).length, 1, "one mail in 60 s");
});

test("an address is confirmed by the mail that registering sends, as often as its link is followed", async t => {
	const { call, clock, link, code, person } = await open(t);
	const who = await person();
	assert.equal(who.user.emailVerified, false);
	const me = () => call("auth.me", {}, as(who.token));
	const resend = () => call("auth.resendVerification", {}, as(who.token));
	const first = await link(who, "email_verification");
	const verify = (token: string) => code(call("auth.verifyEmail", { token }));
	assert.equal(await verify("nonsense"), "VERIFICATION_TOKEN_INVALID");
	await resend();
	clock.at += 60_000;
	assert.deepEqual(await resend(), { accepted: true });
	const second = await link(who, "email_verification", 2);
	assert.equal(await verify(first), "VERIFICATION_TOKEN_INVALID");
	assert.equal((await me()).emailVerified, false);
	assert.deepEqual([await verify(second), await verify(second)], ["ok", "ok"]);
	assert.equal((await me()).emailVerified, true);
	assert.equal((await call("users.me", {}, as(who.token))).emailVerified, true);
	assert.equal(await code(resend()), "EMAIL_VERIFIED");
	clock.at += 3 * 86_400_000;
	assert.equal(await verify(second), "VERIFICATION_TOKEN_EXPIRED");
});

test("neither facts nor logs have an address or a token", async t => {
	const { node, link, forgot, person } = await open(t);
	const told: string[] = [];
	const { pipe } = node.platform;
	const publish = pipe.publish.bind(pipe);
	t.mock.method(pipe, "publish", (fact: object, id: string) => {
		told.push(JSON.stringify(fact));
		return publish(fact as never, id);
	});
	const who = await person();
	await forgot(who.email);
	const token = await link(who, "password_reset");
	const text = told.join("\n");
	assert.match(text, /account\.verification_requested/);
	assert.match(text, /account\.reset_requested/);
	assert.ok(!text.includes(who.email) && !text.includes(token.split(".")[2] as string));
});
