import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { signUp } from "../../support/identity.ts";
import { identityNode } from "./node.ts";

type Verify = (hash: string, password: string) => Promise<boolean>;

/** Kind, version and cost of every hash that was verified; put in place before the service loads the package. */
const costs: string[] = [];
const argon2 = createRequire(import.meta.url)("@node-rs/argon2") as { verify: Verify };
const { verify } = argon2;
argon2.verify = (hash, password) => {
	costs.push(hash.split("$").slice(1, 4).join("$"));
	return verify(hash, password);
};

test("an unknown e-mail costs what a known one costs: one argon2 verification of equal cost", async t => {
	const { call, node } = await identityNode(t);
	const { email } = await signUp(node);
	costs.length = 0;
	for (const asked of [email, "nobody@example.com"])
		await assert.rejects(call("auth.login", { email: asked, password: "x" }), {
			type: "INVALID_CREDENTIALS",
		});
	assert.equal(costs.length, 2);
	assert.equal(costs[0], costs[1]);
});
