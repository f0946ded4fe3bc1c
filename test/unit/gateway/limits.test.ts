import assert from "node:assert/strict";
import { test } from "node:test";
import { Contracts } from "../../../kernel/contracts.ts";
import { findServices } from "../../../kernel/load.ts";
import { makeLimiter, policyOf } from "../../../services/gateway/api/limits.ts";
import { root } from "../../support/node.ts";

const folders = await findServices(root);
const { actions } = new Contracts(folders.map(folder => folder.contract));

test("what is static is a file that anybody may read, and all else counts under the default", () => {
	const found = [...actions].filter(([, { isStatic }]) => isStatic).map(([name]) => name);
	assert.deepEqual(found.sort(), [
		"api.docs",
		"api.docsFile",
		"api.docsProblem",
		"api.icon",
		"certificates.style",
		"ops.file",
		"ops.page",
		"sandbox.script",
		"sandbox.style",
		"school.checkout",
		"school.file",
		"school.home",
		"school.page",
	]);
	for (const [name, action] of actions) {
		const { kind, access, answers, isStatic = false } = action;
		assert.equal(policyOf(action, 600).name, isStatic ? "pages" : "default", name);
		if (isStatic) assert.deepEqual([kind, access, answers], ["read", "public", "file"], name);
	}
});

test("a flood of pages ends, and takes nothing from what the client may ask of the API", async t => {
	const limiter = makeLimiter(1, undefined, "test");
	t.after(() => limiter.close());
	const take = (action: string) => {
		const contract = actions.get(action);
		assert.ok(contract, action);
		const policy = policyOf(contract, limiter.perMinute ?? 0);
		return limiter.take([{ policy, client: "192.0.2.1", failsOpen: true }]);
	};
	for (let i = 0; i < 50; i++) await take("school.file");
	await assert.rejects(take("school.page"), { type: "TOO_MANY_REQUESTS" });
	await take("courses.list");
	await assert.rejects(take("courses.list"), { type: "TOO_MANY_REQUESTS" });
});
