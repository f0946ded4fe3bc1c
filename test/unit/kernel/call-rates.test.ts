import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Type } from "typebox";
import { CallRates, quantile } from "../../../kernel/call-rates.ts";
import { defineContract } from "../../../kernel/contract.ts";
import { Contracts } from "../../../kernel/contracts.ts";
import { LoopLag } from "../../../kernel/loop-lag.ts";
import { Metrics } from "../../../kernel/middlewares/metrics.ts";

const bells = defineContract("bells", {
	description: "Bells",
	actions: {
		ring: {
			description: "Rings",
			kind: "write",
			access: "public",
			result: Type.Object({}, { $id: "Rung" }),
			errors: { CRACKED: { status: 409, title: "It is cracked" } },
		},
	},
});

/** Rates of metrics that a test counts in itself. */
async function counting() {
	const metrics = new Metrics(new LoopLag());
	const clock = { at: 1_000_000, now: () => clock.at };
	const rates = new CallRates({ metrics, contracts: new Contracts([bells]), clock });
	const call = (action: string, ms: number, error?: string) => {
		const labels = { service: action.split(".")[0] as string, action };
		metrics.times.of(labels).observe(ms);
		if (error) metrics.errors.inc({ ...labels, type: error });
	};
	call("bells.ring", 5_000);
	await rates.start();
	rates.stop();
	const sample = async () => {
		clock.at += 2_000;
		await rates.sample();
	};
	return { metrics, rates, call, sample, clock };
}

test("a quantile is read off buckets by proportion, and not beyond the last bound", () => {
	assert.equal(quantile(0.99, [10, 20], [0, 0, 0]), undefined);
	assert.equal(quantile(0.5, [10, 20], [10, 0, 0]), 5);
	assert.equal(quantile(0.5, [10, 20], [0, 10, 0]), 15);
	assert.equal(quantile(0.99, [10, 20], [50, 49, 1]), 20);
	assert.equal(quantile(0.99, [10, 20], [0, 0, 7]), 20);
});

test("a quantile is never far from the exact one: it is in the same bucket", () => {
	const bounds = [1, 5, 10, 25, 50, 100, 250, 500, 1_000];
	const bucketOf = (value: number) => bounds.findIndex(bound => value <= bound);
	fc.assert(
		fc.property(
			fc.array(fc.double({ min: 0.001, max: 1_000, noNaN: true }), { minLength: 1 }),
			values => {
				const buckets = [...bounds, 0].map(() => 0);
				for (const value of values) (buckets[bucketOf(value)] as number)++;
				const sorted = values.toSorted((a, b) => a - b);
				const exact = sorted[Math.ceil(0.99 * sorted.length) - 1] as number;
				assert.equal(bucketOf(quantile(0.99, bounds, buckets) as number), bucketOf(exact));
			},
		),
	);
});

test("what was called before it looked does not count, and each call counts once", async () => {
	const { rates, call, sample } = await counting();
	await sample();
	assert.deepEqual(rates.rates().actions, {});
	call("bells.ring", 7);
	call("bells.ring", 20_000);
	await sample();
	await sample();
	const { actions, bounds, history } = rates.rates();
	assert.equal(actions["bells.ring"]?.calls, 2);
	const counted = actions["bells.ring"]?.buckets ?? [];
	assert.equal(counted[bounds.indexOf(10)], 1);
	assert.equal(counted.at(-1), 1);
	assert.equal(counted.length, bounds.length + 1);
	assert.deepEqual(
		history.map(({ at, calls, services }) => ({ at, calls, services })),
		[
			{ at: 1_002_000, calls: 0, services: {} },
			{ at: 1_004_000, calls: 2, services: { bells: 2 } },
			{ at: 1_006_000, calls: 0, services: {} },
		],
	);
});

test("an error that the contract declares is a refusal, everything else a fault", async () => {
	const { rates, call, sample } = await counting();
	call("bells.ring", 1, "CRACKED");
	call("bells.ring", 1, "UNAUTHENTICATED");
	call("bells.ring", 1, "SERVICE_UNAVAILABLE");
	call("bells.ring", 1, "REQUEST_TIMEOUT");
	call("bells.ring", 1, "INTERNAL_ERROR");
	call("bells.ring", 1);
	await sample();
	const { calls, faults, refused } = rates.rates().actions["bells.ring"] ?? {};
	assert.deepEqual({ calls, faults, refused }, { calls: 6, faults: 3, refused: 2 });
});

test("of a gateway counts what clients were answered, whichever call inside failed", async () => {
	const { metrics, rates, call, sample } = await counting();
	call("api.rest", 4);
	for (const status of [200, 404, 503, 503])
		metrics.httpTimes("api/bells", "GET", status).observe(0.004);
	await sample();
	const { calls, faults, refused } = rates.rates().actions["api.rest"] ?? {};
	assert.deepEqual({ calls, faults, refused }, { calls: 4, faults: 2, refused: 1 });
});

test("the kernel's own actions do not count", async () => {
	const { rates, call, sample } = await counting();
	call("$ops.report", 1);
	await sample();
	assert.deepEqual(rates.rates().actions, {});
});

test("it keeps the last ten seconds and two minutes, however long it runs", async () => {
	const { rates, call, sample } = await counting();
	for (let i = 0; i < 80; i++) {
		call("bells.ring", 1);
		await sample();
	}
	const { actions, history } = rates.rates();
	assert.equal(actions["bells.ring"]?.calls, 5);
	assert.equal(history.length, 60);
	assert.equal(history.at(-1)?.at, 1_160_000);
});
