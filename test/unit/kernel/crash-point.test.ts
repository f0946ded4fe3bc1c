import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { parseCrashAt, watchedCalls, watchedWrites } from "../../../kernel/crash-point.ts";
import { readEnv } from "../../../kernel/env.ts";
import { root } from "../../support/node.ts";

describe("CRASH_AT", () => {
	test("names a service, a point and a side of it", () => {
		assert.deepEqual(parseCrashAt("payments:12:before"), {
			service: "payments",
			n: 12,
			when: "before",
		});
		assert.equal(parseCrashAt("count"), "count");
	});

	for (const wrong of ["payments", "payments:0:before", "payments:1:during", "after-write", "::"])
		test(`is not ${wrong}`, () =>
			assert.throws(() => readEnv({ CRASH_AT: wrong }), /CRASH_AT: expected <service>/));

	test("leaves everything as it is where it is not set", () => {
		const env = readEnv({});
		const driver = { insert: async () => {} } as never;
		assert.equal(watchedWrites(env, "payments", "payments", driver), driver);
		const provider = { create: async () => {} };
		assert.equal(watchedCalls(env, "payments", provider, ["create"]), provider);
	});
});

/** What a process prints that makes three calls, the second of which changes nothing. */
function calls(at: string) {
	const script = `
		import { armCrashPoints, watchedCalls } from "./kernel/crash-point.ts";
		import { readEnv } from "./kernel/env.ts";
		const env = readEnv({ CRASH_AT: "${at}" });
		const say = what => async () => { process.stdout.write(what + " "); throw new Error("refused"); };
		const provider = watchedCalls(env, "payments", { create: say("create"), fetch: say("fetch"), cancel: say("cancel") }, ["create", "cancel"]);
		await provider.cancel().catch(() => {});
		armCrashPoints(env);
		for (const name of ["create", "fetch", "cancel"])
			await provider[name]().catch(() => process.stdout.write("heard "));
	`;
	const { stdout, stderr, signal } = spawnSync(
		process.execPath,
		["--input-type=module", "--eval", script],
		{ cwd: root, encoding: "utf8" },
	);
	return { stdout: stdout.trim(), stderr: stderr.trim(), signal };
}

describe("a process ends itself", () => {
	test("before its n-th call that changes something, which is then not made", () => {
		const ended = calls("payments:2:before");
		assert.equal(ended.stdout, "cancel create heard fetch heard");
		assert.deepEqual(
			[ended.signal, ended.stderr],
			["SIGKILL", "crash point payments:2:before provider.cancel"],
		);
	});

	test("after it, before the caller hears of the answer, be it a refusal", () => {
		const ended = calls("payments:1:after");
		assert.deepEqual([ended.stdout, ended.signal], ["cancel create", "SIGKILL"]);
	});

	test("at no point of another service, nor one that never comes", () => {
		for (const at of ["ledger:1:before", "payments:3:before"])
			assert.deepEqual(
				[calls(at).signal, calls(at).stdout],
				[null, "cancel create heard fetch heard cancel heard"],
			);
	});

	test("or only names the points, from where it is armed on", () => {
		assert.deepEqual(calls("count").stderr.split("\n"), [
			"crash point payments:1 provider.create",
			"crash point payments:2 provider.cancel",
		]);
	});
});
