import assert from "node:assert/strict";
import { test } from "node:test";
import { readiness } from "../../../kernel/ops.ts";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";
import { needsOwn } from "../../support/servers.ts";

const servers = await needsOwn("redis");
if (servers)
	test("a cached read is answered with Redis there, hung and gone", async t => {
		const node = await startNode(t, {
			env: { REDIS_URL: servers.redis.url, SERVICES: "identity", MESH: "identity" },
		});
		const becomes = (status: string) =>
			eventually(
				async () => readiness(node.broker),
				ready => ready.status === status,
			);
		await becomes("ready");
		const alice = await signUp(node, {});
		const bob = await signUp(node, {});
		const ask = async () => {
			const started = performance.now();
			const profile = await node.broker.call<{ id: string; email?: string }, object>(
				"users.get",
				{ id: alice.user.id },
				{ headers: { token: bob.token } },
			);
			assert.equal(profile.id, alice.user.id);
			return performance.now() - started;
		};
		await ask();
		const own = await node.broker.call<{ email?: string }, object>(
			"users.get",
			{ id: alice.user.id },
			{ headers: { token: alice.token } },
		);
		assert.ok(own.email, "what is cached for one caller is not another's");
		await assert.rejects(
			node.broker.call("users.get", { id: alice.user.id }, {}),
			{ type: "UNAUTHENTICATED" },
			"a cached answer is not given to nobody",
		);
		await servers.redis.kill("SIGSTOP");
		assert.ok((await ask()) < 2_000, "a hung Redis is a miss, long before the request times out");
		await servers.redis.kill("SIGCONT");
		await becomes("ready");
		await servers.redis.kill("SIGKILL");
		await ask();
		await becomes("degraded");
	});
