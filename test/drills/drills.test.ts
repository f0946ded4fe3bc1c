import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "../support/node.ts";
import { PROMQL_COMMAND, promqlIsHere } from "../support/promql.ts";
import { areHere, reportMissing } from "../support/servers.ts";
import { needsFakeStripe } from "../support/stripe/fake-stripe.ts";
import type { Drill } from "./drill.ts";
import { findDrills } from "./harness/find.ts";
import { play } from "./harness/play.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** `DRILLS=kills,nats` runs these alone. */
const names = process.env.DRILLS?.split(",");

/** What allows no failed request, or asks for more than the machine can do, has it to itself. */
const alone = ["detection", "rolling", "overload", "versions"];
/** Of the rest the longest, which begin first. */
const first = ["pause", "alerts", "restore", "network", "kills"];

const drilled = (drill: Drill) =>
	test(`${drill.name}: ${drill.mustHold}, seed ${seed}`, async t => {
		const { broken } = await play(drill, {
			size: drill.small,
			seed,
			say: line => t.diagnostic(line),
		});
		assert.deepEqual(broken, []);
	});

const hasServers = await areHere("nats", "redis", "mongo", "s3");
const hasStripe = needsFakeStripe();
const hasPromql = promqlIsHere();
if (!hasPromql) reportMissing("Prometheus' engine", PROMQL_COMMAND);
if (hasServers && hasStripe) {
	const found = await findDrills(names);
	const drills = found.filter(({ name }) => hasPromql || name !== "alerts");
	test("what the drills plant stands in the sources, once", () => {
		for (const { name, defects } of found)
			for (const [defect, { file, from }] of Object.entries(defects)) {
				const count = readFileSync(join(root, file), "utf8").split(from).length - 1;
				assert.equal(count, 1, `${name}, ${defect}`);
			}
	});
	const some = (wanted: readonly string[]) =>
		wanted.flatMap(name => drills.find(drill => drill.name === name) ?? []);
	const others = drills.filter(({ name }) => ![...alone, ...first].includes(name));
	describe("drills, alone", () => some(alone).forEach(drilled));
	describe("drills, four at a time", { concurrency: 4 }, () =>
		[...some(first), ...others].forEach(drilled),
	);
}
