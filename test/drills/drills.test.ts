import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PROMQL_COMMAND, promqlIsHere } from "../support/promql.ts";
import { areHere, reportMissing } from "../support/servers.ts";
import { needsFakeStripe } from "../support/stripe/fake-stripe.ts";
import type { Drill } from "./drill.ts";
import { findDrills } from "./harness/find.ts";
import { play } from "./harness/play.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** `DRILLS=kills,nats` runs these alone. */
const names = process.env.DRILLS?.split(",");

/** What allows no failed request has the machine to itself. */
const alone = new Set(["detection", "rolling", "versions", "overload", "alerts"]);

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
const hasPromql = promqlIsHere();
if (!hasPromql) reportMissing("Prometheus' engine", PROMQL_COMMAND);
if (hasServers && hasStripe) {
	const found = await findDrills(names);
	const drills = found.filter(({ name }) => hasPromql || name !== "alerts");
	describe("drills, alone", () => {
		for (const drill of drills) if (alone.has(drill.name)) drilled(drill);
	});
	describe("drills, three at a time", { concurrency: 3 }, () => {
		for (const drill of drills) if (!alone.has(drill.name)) drilled(drill);
	});
}
