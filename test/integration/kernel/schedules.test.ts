import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs } from "../../support/servers.ts";
import { clocks } from "./fixtures/clocks.contract.ts";
import { strikes } from "./fixtures/clocks.service.ts";
import { fixture, TestMesh } from "./mesh.ts";

const servers = await needs("nats", "mongo");
if (servers)
	test("of three nodes one runs each tick, also after a run that failed, and none after its stop", async t => {
		const mesh = new TestMesh(t, [fixture(clocks)], {
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
		});
		const nodes = await mesh.startAll(["clocks", "clocks", "clocks"]);
		const from = Date.now();
		await sleep(3_300);
		const to = Date.now();
		const seconds = strikes
			.filter(({ at }) => at >= from && at <= to)
			.map(({ at }) => Math.floor(at / 1_000));
		assert.deepEqual(seconds, [...new Set(seconds)], "one run per tick");
		const expected = Math.floor(to / 1_000) - Math.floor(from / 1_000);
		assert.ok(seconds.length >= expected - 1 && seconds.length <= expected, `${seconds}`);

		await Promise.all(nodes.slice(1).map(node => node.stop()));
		strikes.length = 0;
		await sleep(1_700);
		assert.ok(strikes.length >= 1, "who is left goes on");
		assert.deepEqual([...new Set(strikes.map(({ nodeID }) => nodeID))], [nodes[0]?.broker.nodeID]);
		await nodes[0]?.stop();
		strikes.length = 0;
		await sleep(1_100);
		assert.deepEqual(strikes, []);
	});
