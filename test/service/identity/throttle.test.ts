import assert from "node:assert/strict";
import { test } from "node:test";
import { signUp } from "../../support/identity.ts";
import { identityNode, movableClock } from "./node.ts";

const wrong = { type: "INVALID_CREDENTIALS", code: 401 };
const refused = { type: "TOO_MANY_REQUESTS", code: 429 };
const from = (address: string) => ({ headers: { address } });

test("after 10 wrong passwords the right one is refused too, for 15 min, from there alone", async t => {
	const clock = movableClock();
	const { call, node } = await identityNode(t, { clock });
	const ada = await signUp(node);
	const login = (password: string, address: string) =>
		call("auth.login", { email: ada.email, password }, from(address));
	for (let i = 0; i < 10; i++) await assert.rejects(login("wrong", "192.0.2.1"), wrong);
	await assert.rejects(login(ada.password, "192.0.2.1"), { ...refused, data: { retryAfter: 900 } });
	await login(ada.password, "192.0.2.2");
	clock.at += 15 * 60_000 - 1;
	await assert.rejects(login(ada.password, "192.0.2.1"), { ...refused, data: { retryAfter: 1 } });
	clock.at += 1;
	await login(ada.password, "192.0.2.1");
});

test("however the e-mail is typed, it is one account; a success does not start anew", async t => {
	const { call, node } = await identityNode(t);
	const { email, password } = await signUp(node);
	for (let i = 0; i < 9; i++)
		await assert.rejects(
			call("auth.login", { email: i % 2 ? email : ` ${email}`, password: "x" }),
			wrong,
		);
	await call("auth.login", { email, password });
	await assert.rejects(call("auth.login", { email: email.toUpperCase(), password: "x" }), wrong);
	await assert.rejects(call("auth.login", { email, password }), refused);
});

test("an unknown e-mail is refused like a known one", async t => {
	const { call } = await identityNode(t);
	const login = () => call("auth.login", { email: "nobody@example.com", password: "x" });
	for (let i = 0; i < 10; i++) await assert.rejects(login(), wrong);
	await assert.rejects(login(), refused);
});

test("100 failures from one address close it for every account", async t => {
	const { call, node } = await identityNode(t);
	const ada = await signUp(node);
	const guess = (i: number) =>
		assert.rejects(
			call("auth.login", { email: `user${i}@example.com`, password: "x" }, from("192.0.2.1")),
			wrong,
		);
	for (let i = 0; i < 100; i += 10)
		await Promise.all(Array.from({ length: 10 }, (_, j) => guess(i + j)));
	await assert.rejects(call("auth.login", ada, from("192.0.2.1")), refused);
	await call("auth.login", ada, from("192.0.2.2"));
});

test("30 parallel guesses are 10 guesses", async t => {
	const { call, node } = await identityNode(t);
	const { email } = await signUp(node);
	const results = await Promise.allSettled(
		Array.from({ length: 30 }, () => call("auth.login", { email, password: "wrong" })),
	);
	const codes = results.map(r => (r.status === "rejected" ? r.reason.type : "in"));
	assert.equal(codes.filter(code => code === "INVALID_CREDENTIALS").length, 10);
	assert.equal(codes.filter(code => code === "TOO_MANY_REQUESTS").length, 20);
});

test("30 parallel logins with the right password all get in", async t => {
	const { call, node } = await identityNode(t);
	const { email, password } = await signUp(node);
	await Promise.all(Array.from({ length: 30 }, () => call("auth.login", { email, password })));
});
