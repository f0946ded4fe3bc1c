import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import fc from "fast-check";
import { Intake } from "../../../services/learning/figures/intake.ts";

const failed = new Error("no answer");

test("a fact is done once a count that began after it was taken in has ended, and only then", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.scheduler(),
			fc.array(fc.record({ key: fc.constantFrom("a", "b"), fails: fc.boolean() }), {
				minLength: 1,
				maxLength: 8,
			}),
			fc.infiniteStream(fc.nat({ max: 3 })),
			async (s, facts, luck) => {
				const intake = new Intake();
				const taken = new Set<string>();
				const counted = new Set<string>();
				const inFailedCounts = new Set<string>();
				const counting = new Set<string>();
				const told = facts.map(async ({ key, fails }, i) => {
					const place = `${key}${i}`;
					await s.schedule(Promise.resolve(), `tells ${place}`);
					const done = intake.take(
						key,
						async () => {
							await s.schedule(Promise.resolve(), `takes in ${place}`);
							if (fails) throw failed;
							taken.add(place);
							return [place];
						},
						async places => {
							assert.ok(!counting.has(key), "two at once");
							counting.add(key);
							const seen = [...places].filter(p => taken.has(p));
							await s.schedule(Promise.resolve(), `counts ${key}`);
							counting.delete(key);
							const isLost = luck.next().value === 0;
							for (const p of seen) (isLost ? inFailedCounts : counted).add(p);
							if (isLost) throw failed;
						},
					);
					const outcome = await done.then(
						() => "done",
						() => "failed",
					);
					const expected = counted.has(place) ? "done" : "failed";
					assert.equal(outcome, expected, place);
					assert.equal(outcome === "failed", fails || inFailedCounts.has(place), place);
				});
				await s.waitFor(Promise.all(told));
			},
		),
	);
});

test("what comes while it counts is counted together, and what cannot be taken in counts for nothing", async () => {
	const intake = new Intake();
	const counts: string[][] = [];
	const gate = Promise.withResolvers<void>();
	const recount = async (places: ReadonlySet<string>) => {
		counts.push([...places]);
		await gate.promise;
	};
	const take = (...places: string[]) => intake.take("crs_1", async () => places, recount);
	const first = take("day 1");
	await new Promise(setImmediate);
	const many = Array.from({ length: 50 }, (_, i) => take("day 1", `day ${1 + (i % 3)}`));
	const refused = intake.take("crs_1", () => Promise.reject(failed), recount);
	gate.resolve();
	await assert.rejects(refused, failed);
	await Promise.all([first, ...many]);
	assert.deepEqual(counts, [["day 1"], ["day 1", "day 2", "day 3"]]);
	await take();
	assert.equal(counts.length, 2, "nothing to count");
});

test("each fact is taken in where it was told, whoever began the round", async () => {
	const storage = new AsyncLocalStorage<number>();
	const intake = new Intake();
	const seen: (number | undefined)[] = [];
	await Promise.all(
		[1, 2, 3].map(trace =>
			storage.run(trace, () =>
				intake.take(
					"crs_1",
					async () => {
						seen.push(storage.getStore());
						return [];
					},
					async () => {},
				),
			),
		),
	);
	assert.deepEqual(seen, [1, 2, 3]);
});
