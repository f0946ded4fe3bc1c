import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DefectName, defects } from "./defects.ts";
import { simulationOf } from "./loader.ts";
import { withShortIds } from "./words.ts";

const seeds = 1_000;
const perTest = 125;
/** On a machine that has other things to do. */
const patient = { timeout: 600_000 };

const { simulate } = await simulationOf();

describe("payments, enrollments, ledger and facts under a seeded scheduler", patient, () => {
	const reached = new Map<string, number>();
	let took = 0;

	for (let first = 1; first <= seeds; first += perTest) {
		const last = first + perTest - 1;
		test(`end right by the seeds ${first} to ${last}`, patient, async t => {
			const began = performance.now();
			for (let seed = first; seed <= last; seed++) {
				const { counts } = await simulate(seed);
				for (const [what, times] of Object.entries(counts))
					reached.set(what, (reached.get(what) ?? 0) + times);
			}
			const ms = performance.now() - began;
			took += ms;
			t.diagnostic(`${Math.round((perTest * 1_000) / ms)} seeds/s`);
		});
	}

	test("come into every situation there is", t => {
		for (const [what, times] of reached) assert.ok(times >= 20, `only ${times} × ${what}`);
		t.diagnostic([...reached].map(([what, times]) => `${times} × ${what}`).join(", "));
		t.diagnostic(`${seeds} seeds in ${Math.round(took / 1_000)} s`);
	});

	test("do the same by the same seed", async () => {
		for (const seed of [7, 44, 523]) {
			const [one, two] = [
				await simulate(seed, { trace: true }),
				await simulate(seed, { trace: true }),
			];
			assert.ok((one.trace?.length ?? 0) > 100);
			assert.deepEqual(two, one);
		}
	});
});

describe("a planted defect is found:", patient, () => {
	for (const defect of Object.keys(defects) as DefectName[])
		test(defect, patient, async t => {
			const { simulate: simulateWith, Failure } = await simulationOf(defect);
			for (let seed = 1; seed <= seeds; seed++)
				try {
					await simulateWith(seed);
				} catch (error) {
					assert.ok(error instanceof Failure, String((error as Error).stack));
					const [problem = ""] = withShortIds(error.problems).map(text => text.split("\n")[0]);
					return t.diagnostic(`by seed ${seed}: ${problem}`);
				}
			assert.fail(`${seeds} seeds did not find it`);
		});
});
