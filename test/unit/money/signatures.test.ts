import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
	isPaidSignature,
	isSignedWebhook,
	signPaid,
	signWebhook,
} from "../../../services/money/signatures.ts";

const now = 1_700_000_000_000;
const body = Buffer.from('{"id":"evt_1"}');
const header = signWebhook("secret", body, now);
const holds = (given: unknown, bytes = body, secrets = ["secret"], at = now) =>
	isSignedWebhook(given, bytes, secrets, at);

test("the header is Stripe's: HMAC-SHA256, hex, over the time, a dot and the bytes", () => {
	const v1 = createHmac("sha256", "secret").update(`1700000000.${body}`).digest("hex");
	assert.equal(header, `t=1700000000,v1=${v1}`);
});

test("any secret and any v1 will do, and time may be off by 300 s in either direction", () => {
	const other = header.replace(/v1=.*/, `v1=${"0".repeat(64)}`);
	assert.ok(holds(header));
	assert.ok(holds(header, body, ["new secret", "secret"]));
	assert.ok(holds(`${other},${header.split(",")[1]},v0=x`));
	for (const off of [-300_000, 300_000]) assert.ok(holds(header, body, ["secret"], now + off));
});

test("nothing else holds", () => {
	for (const off of [-301_000, 301_000]) assert.ok(!holds(header, body, ["secret"], now + off));
	assert.ok(!holds(header, Buffer.from('{"id":"evt_1" }')));
	assert.ok(!holds(header, body, ["other"]));
	assert.ok(!holds(header, body, []));
	const empty = signWebhook("", body, now);
	assert.ok(!holds(empty, body, [""]), "an empty secret signs nothing");
	for (const given of [undefined, "", [header], 1, "t=,v1=", "v1=00", header.replace("t=", "t=1")])
		assert.ok(!holds(given), String(given));
	fc.assert(fc.property(fc.string(), text => !holds(text) && !holds(`t=1700000000,v1=${text}`)));
});

test("a buyer's signature is Razorpay's, and holds for one charge of one order", () => {
	const signature = signPaid("secret", "order_1", "pay_1");
	const expected = createHmac("sha256", "secret").update("order_1|pay_1").digest("hex");
	assert.equal(signature, expected);
	assert.ok(isPaidSignature("secret", "order_1", "pay_1", signature));
	assert.ok(!isPaidSignature("secret", "order_2", "pay_1", signature));
	for (const none of ["", "undefined"])
		assert.ok(
			!isPaidSignature("secret", "order_1", undefined, signPaid("secret", "order_1", none)),
		);
	assert.ok(!isPaidSignature("", "order_1", "pay_1", signPaid("", "order_1", "pay_1")));
	for (const wrong of ["", "x", signature.slice(1), signature.toUpperCase()])
		assert.ok(!isPaidSignature("secret", "order_1", "pay_1", wrong));
});
