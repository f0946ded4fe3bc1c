import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Collection, DuplicateError, type Raw } from "../../kernel/store/collection.ts";
import type { Change, Guard } from "../../kernel/store/guard.ts";
import { type Doc, defineModel } from "../../kernel/store/model.ts";
import { memoryDriver } from "../support/memory.ts";
import { Scheduler } from "./scheduler.ts";
import { drivenBy, Shelf } from "./store.ts";

interface Thing extends Doc {
	key?: string;
	rank?: number;
	isOpen?: boolean;
	parts?: Record<string, { state?: string; size?: number }>;
}

const model = defineModel<Thing>()({
	name: "things",
	fields: { key: String, rank: Number, isOpen: Boolean, parts: { type: Object } },
	indexes: { key: { unique: true, sparse: true }, rank: {} },
});

const id = fc.constantFrom("a", "b", "c", "d");
const key = fc.constantFrom("k", "l", "m");
const rank = fc.integer({ min: -2, max: 2 });
const part = fc.record({ state: key, size: rank }, { requiredKeys: [] });
const parts = fc.dictionary(fc.constantFrom("x", "y"), part);
const compared = fc.oneof(
	...(["$gt", "$gte", "$lt", "$lte"] as const).map(operator => rank.map(n => ({ [operator]: n }))),
	fc.boolean().map($exists => ({ $exists })),
	fc.array(rank, { maxLength: 3 }).map($in => ({ $in })),
	rank,
);
const conditions: Record<string, fc.Arbitrary<unknown>> = {
	id: fc.oneof(
		id,
		id.map($gt => ({ $gt })),
	),
	key: fc.oneof(
		key,
		fc.boolean().map($exists => ({ $exists })),
	),
	rank: compared,
	isOpen: fc.boolean(),
	"parts.x.size": compared,
	"parts.y": fc.boolean().map($exists => ({ $exists })),
};
const guard = fc
	.uniqueArray(fc.constantFrom(...Object.keys(conditions)), { maxLength: 2 })
	.chain(paths =>
		fc.record(Object.fromEntries(paths.map(path => [path, conditions[path] ?? fc.constant(1)]))),
	) as fc.Arbitrary<Guard>;

/** A change of each kind, no two of one path. */
const change = fc
	.record(
		{
			key: fc.oneof(key, fc.constant(null)),
			rank: fc.oneof(
				rank,
				rank.map(by => ({ by })),
				fc.constant(null),
			),
			isOpen: fc.boolean(),
			"parts.x.size": fc.oneof(
				rank,
				rank.map(by => ({ by })),
				fc.constant(null),
			),
			"parts.y": fc.oneof(part, fc.constant(null)),
		},
		{ requiredKeys: [] },
	)
	.map((wanted): Change => {
		const made = { $set: {}, $unset: {}, $inc: {} } as Required<Change>;
		for (const [path, value] of Object.entries(wanted))
			if (value === null) made.$unset[path] = true;
			else if (typeof value === "object" && "by" in value) made.$inc[path] = value.by as number;
			else made.$set[path] = value;
		return made;
	});

const told = fc.constantFrom("f", "g").map(fact => ({
	id: fact,
	name: "thing.told",
	v: 1,
	at: "2026-01-01T00:00:00.000Z",
	data: {},
}));

/** What is done to both; where a write could hit one of several documents, its guard names one. */
const act = fc.oneof(
	fc
		.record({
			doc: fc.record({ id, key, rank, isOpen: fc.boolean(), parts }, { requiredKeys: ["id"] }),
			facts: fc.array(told, { maxLength: 1 }),
		})
		.map(({ doc, facts }) => ({
			what: { insert: doc, facts },
			on: (things: Collection<Thing>) => things.insert(doc, facts),
		})),
	fc.record({ id, guard, change, facts: fc.array(told, { maxLength: 1 }) }).map(w => ({
		what: { advance: w },
		on: (things: Collection<Thing>) => things.advance({ ...w.guard, id: w.id }, w.change, w.facts),
	})),
	guard.map(w => ({
		what: { remove: w },
		on: (things: Collection<Thing>) => things.remove(w),
	})),
	id.map(w => ({
		what: { settle: w },
		on: (things: Collection<Thing>) => things.settleFact(w, "f"),
	})),
	fc
		.record({
			guard,
			by: fc.constantFrom("rank", "key", "id"),
			direction: fc.constantFrom(1, -1),
			limit: fc.integer({ min: 1, max: 3 }),
		})
		.map(w => ({
			what: { list: w },
			on: async (things: Collection<Thing>) => {
				const sort = { [w.by]: w.direction as 1 | -1, ...(w.by !== "id" && { id: 1 as const }) };
				const found = await things.find(w.guard, { sort, limit: w.limit });
				return [found, await things.count(w.guard), await things.outboxes(2)];
			},
		})),
);

const outcome = (made: Promise<unknown>) =>
	made.then(
		value => ({ value: JSON.parse(JSON.stringify(value ?? null)) }),
		error => ({ error: error instanceof DuplicateError ? error.field : String(error) }),
	);

test("the simulation's store does what the embedded store does", async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 30 }), async acts => {
			const real = new Collection(model, await memoryDriver(model));
			const scheduler = new Scheduler(1, 0, false);
			scheduler.isCalm = true;
			const shelf = new Shelf(model as never);
			const driver = drivenBy(scheduler, { name: "test" }, "things", shelf, () => 0);
			const simulated = new Collection(model, driver);
			for (const { what, on } of acts) {
				let isDone = false;
				const heard = outcome(on(simulated)).finally(() => {
					isDone = true;
				});
				for (await scheduler.settle(); !isDone; await scheduler.settle()) scheduler.take();
				assert.deepEqual(await heard, await outcome(on(real)), JSON.stringify(what));
			}
		}),
		{ numRuns: 1_000 },
	);
});

test("the simulation's store tells who changes what it handed out", () => {
	const shelf = new Shelf(model as never);
	shelf.insert({ _id: "a", parts: { x: { size: 1 } } } as Raw);
	const [found] = shelf.find({}, {});
	assert.throws(() => {
		(found as unknown as Thing & { parts: { x: { size: number } } }).parts.x.size = 2;
	}, TypeError);
});
