import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs } from "../../support/servers.ts";
import { clocks } from "./fixtures/clocks.contract.ts";
import { strikes } from "./fixtures/clocks.service.ts";
import { fixture, TestMesh, until } from "./mesh.ts";

const servers = await needs("nats", "mongo");
if (servers)
	test("of three nodes one runs each tick, also after a run that failed, and none after its stop", async t => {
		const mesh = new TestMesh(t, [fixture(clocks)], {
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
		});
		const nodes = await mesh.startAll(["clocks", "clocks", "clocks"]);
		const struck = (count: number) =>
			until(
				async () => strikes.length,
				length => length >= count,
			);
		strikes.length = 0;
		const from = Date.now();
		await struck(4);
		// The one that began before `from` may be counted late.
		const ticks = Math.floor(Date.now() / 1_000) - Math.floor(from / 1_000) + 1;
		assert.ok(strikes.length <= ticks, `${strikes.length} runs of ${ticks} ticks`);

		await Promise.all(nodes.slice(1).map(node => node.stop()));
		strikes.length = 0;
		await struck(2);
		assert.deepEqual([...new Set(strikes.map(({ nodeID }) => nodeID))], [nodes[0]?.broker.nodeID]);
		await nodes[0]?.stop();
		strikes.length = 0;
		await sleep(1_100);
		assert.deepEqual(strikes, []);
	});
