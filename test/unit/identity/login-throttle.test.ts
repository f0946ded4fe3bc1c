import assert from "node:assert/strict";
import { test } from "node:test";
import { LoginWindowModel } from "../../../models/identity/login-window.model.ts";
import { LoginThrottle, networkOf } from "../../../services/identity/auth/login-throttle.ts";
import { memoryCollection } from "../../support/memory.ts";

const minute = 60_000;
const ada = "ada@example.com";

async function throttle() {
	const clock = { at: 1_750_000_000_000, now: () => clock.at };
	const windows = await memoryCollection(LoginWindowModel);
	// Two, as on two nodes: nothing is kept beside the store.
	const nodes = [new LoginThrottle(windows, clock), new LoginThrottle(windows, clock)] as const;
	let turn = 0;
	const enter = (email: string, address: string) =>
		(nodes[turn++ % 2] as LoginThrottle).enter(email, address);
	const fail = async (email: string, address: string) => (await enter(email, address)).failed();
	const pass = async (email: string, address: string) => (await enter(email, address)).passed();
	return { clock, enter, fail, pass, windows };
}

const refused = { type: "TOO_MANY_REQUESTS", code: 429 };

test("after 10 failures of one account from one address nothing more is let in", async () => {
	const { fail, enter } = await throttle();
	for (let i = 0; i < 10; i++) await fail(ada, "192.0.2.1");
	await assert.rejects(enter(ada, "192.0.2.1"), { ...refused, data: { retryAfter: 900 } });
});

test("another account and another address are not touched by it", async () => {
	const { fail, pass } = await throttle();
	for (let i = 0; i < 10; i++) await fail(ada, "192.0.2.1");
	await pass("bob@example.com", "192.0.2.1");
	await pass(ada, "192.0.2.2");
});

test("after 100 failures of one address no account is let in from there", async () => {
	const { fail, enter, pass } = await throttle();
	for (let i = 0; i < 100; i++) await fail(`user${i}@example.com`, "192.0.2.1");
	await assert.rejects(enter("fresh@example.com", "192.0.2.1"), refused);
	await pass("fresh@example.com", "192.0.2.2");
});

test("what an account refuses does not count against its address", async () => {
	const { fail, enter, pass } = await throttle();
	for (let i = 0; i < 10; i++) await fail(ada, "192.0.2.1");
	for (let i = 0; i < 200; i++) await assert.rejects(enter(ada, "192.0.2.1"), refused);
	await pass("bob@example.com", "192.0.2.1");
});

test("the window ends 15 min after its first attempt, and says so in whole seconds", async () => {
	const { clock, fail, enter, pass } = await throttle();
	await fail(ada, "a");
	clock.at += 5 * minute;
	for (let i = 0; i < 9; i++) await fail(ada, "a");
	clock.at += 10 * minute - 1;
	await assert.rejects(enter(ada, "a"), { ...refused, data: { retryAfter: 1 } });
	clock.at += 1;
	await pass(ada, "a");
	for (let i = 0; i < 10; i++) await fail(ada, "a");
	await assert.rejects(enter(ada, "a"), refused);
});

test("right passwords use nothing up", async () => {
	const { pass, windows } = await throttle();
	for (let i = 0; i < 150; i++) await pass(ada, "a");
	assert.deepEqual(
		(await windows.find({})).map(({ slots, failures }) => ({ slots, failures })),
		[
			{ slots: 0, failures: 0 },
			{ slots: 0, failures: 0 },
		],
	);
});

test("of 40 parallel guesses 10 are looked at", async () => {
	const { enter } = await throttle();
	let looked = 0;
	const results = await Promise.allSettled(
		Array.from({ length: 40 }, async () => {
			const attempt = await enter(ada, "a");
			looked++;
			await new Promise(resolve => setTimeout(resolve, 30));
			await attempt.failed();
		}),
	);
	assert.equal(looked, 10);
	assert.equal(results.filter(r => r.status === "rejected").length, 30);
});

test("40 parallel right passwords wait for each other and all get in", async () => {
	const { enter } = await throttle();
	let inside = 0;
	let most = 0;
	await Promise.all(
		Array.from({ length: 40 }, async () => {
			const attempt = await enter(ada, "a");
			most = Math.max(most, ++inside);
			while (most < 10) await new Promise(resolve => setTimeout(resolve, 5));
			await new Promise(resolve => setTimeout(resolve, 30));
			inside--;
			await attempt.passed();
		}),
	);
	assert.equal(most, 10);
});

test("an attempt that ends after its window does not count in the next one", async () => {
	const { clock, enter, pass, windows } = await throttle();
	const late = await enter(ada, "a");
	const later = await enter(ada, "a");
	clock.at += 15 * minute;
	await pass(ada, "a");
	await late.passed();
	await later.failed();
	for (const { slots, failures } of await windows.find({}))
		assert.deepEqual([slots, failures], [0, 0]);
});

test("an attempt that finds nothing is a failure, and one that is cut off is none", async () => {
	const { clock, windows } = await throttle();
	const login = new LoginThrottle(windows, clock);
	const around = (attempt: () => Promise<string | null>) => login.around(ada, "a", attempt);
	const counts = async () =>
		(await windows.find({})).map(({ slots, failures }) => [slots, failures]);
	assert.equal(await around(async () => "found"), "found");
	await assert.rejects(
		around(() => Promise.reject(new Error("cut off"))),
		/cut off/,
	);
	assert.deepEqual(await counts(), [
		[0, 0],
		[0, 0],
	]);
	assert.equal(await around(async () => null), null);
	assert.deepEqual(await counts(), [
		[1, 1],
		[1, 1],
	]);
});

test("the store holds neither e-mail nor address", async () => {
	const { fail, windows } = await throttle();
	await fail(ada, "192.0.2.1");
	const stored = JSON.stringify(await windows.find({}));
	assert.ok(!stored.includes("ada") && !stored.includes("192"));
});

test("an IPv6 client is its /64", () => {
	assert.equal(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
	assert.equal(networkOf("2001:0DB8:0001:2::9"), "2001:db8:1:2::/64");
	assert.equal(networkOf("2001:db8::1"), "2001:db8:0:0::/64");
	assert.equal(networkOf("2001:db8:1::2:3:4"), "2001:db8:1:0::/64");
	assert.equal(networkOf("::1"), "0:0:0:0::/64");
	assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
	assert.equal(networkOf("64:ff9b::192.0.2.33"), "64:ff9b:0:0::/64");
});

test("an IPv4 client is itself, however it is written", () => {
	assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
	assert.equal(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
	assert.equal(networkOf("local"), "local");
});
