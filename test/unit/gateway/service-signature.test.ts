import assert from "node:assert/strict";
import { test } from "node:test";
import { signService, verifyService } from "../../../services/gateway/api/service-signature.ts";

const secret = "the first secret";
const now = 1_800_000_000_000;
const request = {
	name: "payment-service",
	method: "POST",
	target: "/api/enrollments/internal/complete?a=1",
	body: Buffer.from('{"userId":"usr_1"}'),
};
const seconds = now / 1000;
const signature = signService(secret, request, seconds, "nonce-0001");

test("the signature is the documented one", () => {
	assert.equal(
		signature,
		"t=1800000000,n=nonce-0001,v1=" +
			"9b511986d268716699bb3e825bd61343078330ca21de09bc4026a889990f3743",
	);
});

test("what was signed holds, and gives its nonce", () => {
	assert.equal(verifyService([secret], { ...request, signature }, now), "nonce-0001");
});

test("any of several secrets will do", () => {
	assert.equal(
		verifyService(["a newer one", secret], { ...request, signature }, now),
		"nonce-0001",
	);
	assert.equal(verifyService(["a newer one"], { ...request, signature }, now), null);
	assert.equal(verifyService([], { ...request, signature }, now), null);
});

for (const [what, changed] of [
	["name", { name: "course-service" }],
	["method", { method: "PUT" }],
	["path", { target: "/api/enrollments/internal/drop?a=1" }],
	["query", { target: "/api/enrollments/internal/complete?a=2" }],
	["body", { body: Buffer.from('{"userId":"usr_2"}') }],
] as const)
	test(`another ${what} does not hold`, () => {
		assert.equal(verifyService([secret], { ...request, ...changed, signature }, now), null);
	});

test("no byte of the signature may differ", () => {
	for (let i = 0; i < signature.length; i++) {
		const other = signature[i] === "0" ? "1" : "0";
		const flipped = signature.slice(0, i) + other + signature.slice(i + 1);
		assert.equal(verifyService([secret], { ...request, signature: flipped }, now), null, flipped);
	}
});

test("300 s are let pass in either direction, 301 are not", () => {
	for (const [off, holds] of [
		[300, true],
		[-300, true],
		[301, false],
		[-301, false],
	] as const) {
		const signed = signService(secret, request, seconds + off, "nonce-0001");
		assert.equal(
			verifyService([secret], { ...request, signature: signed }, now) !== null,
			holds,
			`${off}`,
		);
	}
});
