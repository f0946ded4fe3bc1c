import assert from "node:assert/strict";
import { test } from "node:test";
import { seal, unseal } from "../../../kernel/sealing.ts";

const secret = "a-secret-of-thirty-two-characters";

test("what was sealed opens under its secret and name, and reads as it was", () => {
	const sealed = seal("private ✓", secret, "kid-1");
	assert.equal(unseal(sealed, secret, "kid-1"), "private ✓");
	assert.ok(!Buffer.from(sealed, "base64url").includes("private"));
});

test("each seal differs", () => {
	assert.notEqual(seal("x", secret, "k"), seal("x", secret, "k"));
});

test("another secret, another name, one changed byte or a torn end open nothing", () => {
	const sealed = seal("private", secret, "kid-1");
	assert.equal(unseal(sealed, `${secret}!`, "kid-1"), null);
	assert.equal(unseal(sealed, secret, "kid-2"), null);
	const bytes = Buffer.from(sealed, "base64url");
	for (let i = 0; i < bytes.length; i++) {
		const changed = Buffer.from(bytes);
		changed[i] = (changed[i] as number) ^ 1;
		assert.equal(unseal(changed.toString("base64url"), secret, "kid-1"), null, `byte ${i}`);
	}
	for (const length of [0, 11, 27, 28, bytes.length - 1])
		assert.equal(unseal(bytes.subarray(0, length).toString("base64url"), secret, "kid-1"), null);
});

test("an unsealed PEM is not mistaken for a sealed one", () => {
	assert.equal(unseal("-----BEGIN PRIVATE KEY-----\nMIG", secret, "kid-1"), null);
});
