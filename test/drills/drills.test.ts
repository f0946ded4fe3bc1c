import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { areHere } from "../support/servers.ts";
import { needsFakeStripe } from "../support/stripe/fake-stripe.ts";
import type { Drill } from "./drill.ts";
import { findDrills } from "./harness/find.ts";
import { play } from "./harness/play.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** `DRILLS=kills,nats` runs these alone. */
const names = process.env.DRILLS?.split(",");

/** What allows no failed request has the machine to itself. */
const alone = new Set(["detection", "rolling", "versions", "overload"]);

const drilled = (drill: Drill) =>
	test(`${drill.name}: ${drill.mustHold}, seed ${seed}`, async t => {
		const { broken } = await play(drill, {
			size: drill.small,
			seed,
			say: line => t.diagnostic(line),
		});
		assert.deepEqual(broken, []);
	});

const hasServers = await areHere("nats", "redis", "mongo");
const hasStripe = needsFakeStripe();
if (hasServers && hasStripe) {
	const drills = await findDrills(names);
	describe("drills, alone", () => {
		for (const drill of drills) if (alone.has(drill.name)) drilled(drill);
	});
	describe("drills, three at a time", { concurrency: 3 }, () => {
		for (const drill of drills) if (!alone.has(drill.name)) drilled(drill);
	});
}
