import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { redact } from "../../../kernel/redact.ts";

const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl";

for (const [text, left] of [
	[`token was ${jwt}.`, "token was [redacted]."],
	["Authorization: Bearer abc.def", "Authorization: [redacted] [redacted]"],
	["key sk_live_51Mabc and rk_test_9", "key [redacted] and [redacted]"],
	["paid by 4242 4242 4242 4242 today", "paid by [redacted] today"],
	["paid by 4242-4242-4242-4242", "paid by [redacted]"],
	["an order 4242424242424241", "an order 4242424242424241"],
	["mongodb://root:hunter2@db/x", "mongodb://[redacted]@db/x"],
	['{"password":"a \\"b\\" c","x":1}', '{"password":[redacted],"x":1}'],
	['"{\\"password\\":\\"a b\\"}"', '"{\\"password\\":[redacted]}"'],
	["?secret=abc&page=2", "?secret=[redacted]&page=2"],
	["pay_0190f3c2-0000-7000-8000-000000000000", "pay_0190f3c2-0000-7000-8000-000000000000"],
	["01903322-1122-7123-8456-123456789012", "01903322-1122-7123-8456-123456789012"],
	[`t=1,v1=${"0a".repeat(32)}`, "t=1,[redacted]"],
] as const)
	test(`${text} is logged as ${left}`, () => {
		assert.equal(redact(text), left);
	});

test("fields that are named as secrets lose their value, however deep", () => {
	assert.deepEqual(
		redact({ a: [{ refreshToken: "x", "X-Service-Key": "y", ok: 1 }], email: "e" }),
		{ a: [{ refreshToken: "[redacted]", "X-Service-Key": "[redacted]", ok: 1 }], email: "e" },
	);
});

test("an error keeps its class, code and stack, and loses its context and what is secret", () => {
	const error = Object.assign(new TypeError("password=hunter2", { cause: new Error(jwt) }), {
		code: 500,
		ctx: { params: { note: "hunter2" } },
		data: { password: "hunter2" },
	});
	const clean = redact(error) as typeof error;
	assert.ok(clean instanceof TypeError);
	assert.equal(clean.code, 500);
	assert.match(clean.stack ?? "", /redact\.test/);
	assert.doesNotMatch(`${inspect(clean, { depth: 9 })}${clean.stack}`, /hunter2|eyJ/);
	assert.equal(error.data.password, "hunter2", "the error itself is untouched");
});

test("what refers to itself ends, and long text is cut", () => {
	const loop: Record<string, unknown> = {};
	loop.loop = loop;
	assert.match(inspect(redact(loop), { depth: 9 }), /\[deep\]/);
	assert.equal((redact("x".repeat(50_000)) as string).length, 16_385);
});

test("text that is made to be slow is not", () => {
	const start = process.cpuUsage();
	for (const part of ["eyJ-", 'password:"', "1 ", "ses_a.", "Bearer ", "://", "token\\"])
		redact(part.repeat(40_000));
	assert.ok(process.cpuUsage(start).user < 3_000_000, "µs of CPU time");
});
