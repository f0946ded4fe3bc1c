import assert from "node:assert/strict";
import { test } from "node:test";
import { areHere } from "../support/servers.ts";
import { needsFakeStripe } from "../support/stripe/fake-stripe.ts";
import { findDrills } from "./harness/find.ts";
import { play } from "./harness/play.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** `DRILLS=kills,nats` runs these alone. */
const names = process.env.DRILLS?.split(",");

const hasServers = await areHere("nats", "redis", "mongo");
const hasStripe = needsFakeStripe();
if (hasServers && hasStripe)
	for (const drill of await findDrills(names))
		test(`${drill.name}: ${drill.mustHold}, seed ${seed}`, async t => {
			const { broken } = await play(drill, {
				size: drill.small,
				seed,
				say: line => t.diagnostic(line),
			});
			assert.deepEqual(broken, []);
		});
