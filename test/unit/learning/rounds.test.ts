import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Rounds } from "../../../mixins/rounds.mixin.ts";

test("whoever joins waits for a round that begins later, one at a time, and few are made", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.scheduler(),
			fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 8 }),
			async (s, keys) => {
				const rounds = new Rounds();
				const owned = { a: 0, b: 0 } as Record<string, number>;
				const seen = { a: 0, b: 0 } as Record<string, number>;
				const running = new Set<string>();
				const joins = keys.map(async (key, i) => {
					await s.schedule(Promise.resolve(), `joins ${i}`);
					const mine = (owned[key] ?? 0) + 1;
					owned[key] = mine;
					await rounds.join(key, async () => {
						assert.ok(!running.has(key), "two at once");
						running.add(key);
						const read = owned[key] ?? 0;
						await s.schedule(Promise.resolve(), `reads ${key}`);
						seen[key] = read;
						running.delete(key);
					});
					assert.ok((seen[key] ?? 0) >= mine, "done before its round");
				});
				await s.waitFor(Promise.all(joins));
			},
		),
	);
});

test("those who come while a round runs share the next one; then one begins anew", async () => {
	const rounds = new Rounds();
	const begun: string[] = [];
	const gate = Promise.withResolvers<void>();
	const joins = [
		rounds.join("crs_1", async () => {
			begun.push("first");
			await gate.promise;
		}),
	];
	await new Promise(setImmediate);
	for (const name of ["second", "third", "fourth"])
		joins.push(rounds.join("crs_1", async () => void begun.push(name)));
	await rounds.join("crs_2", async () => void begun.push("another course"));
	gate.resolve();
	await Promise.all(joins);
	await rounds.join("crs_1", async () => void begun.push("later"));
	assert.deepEqual(begun, ["first", "another course", "second", "later"]);
});

test("a round that fails fails for all who share it, and for nobody after them", async () => {
	const rounds = new Rounds();
	const outcomes = (joins: Promise<void>[]) =>
		Promise.allSettled(joins).then(all => all.map(({ status }) => status));
	const fails = async () => {
		throw new Error("no answer");
	};
	const shared = outcomes([rounds.join("crs_1", fails), rounds.join("crs_1", async () => {})]);
	await new Promise(setImmediate);
	assert.deepEqual(await shared, ["rejected", "rejected"]);
	assert.deepEqual(await outcomes([rounds.join("crs_1", async () => {})]), ["fulfilled"]);
	const running = rounds.join("crs_1", fails);
	await Promise.resolve();
	const after = rounds.join("crs_1", async () => {});
	assert.deepEqual(await outcomes([running, after]), ["rejected", "fulfilled"]);
});
