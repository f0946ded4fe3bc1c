import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Type } from "typebox";
import {
	type Audit,
	type AuditRecord,
	audited,
	auditFactOf,
	runApart,
	runAudited,
} from "../../../kernel/audit.ts";
import { type ActionContract, type Contract, defineContract } from "../../../kernel/contract.ts";
import { ContractError, Contracts } from "../../../kernel/contracts.ts";
import {
	Collection,
	type Driver,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import {
	applied,
	changesOfInsert,
	changesOfUpdate,
	type ToldChange,
} from "../../../kernel/store/difference.ts";
import type { Change } from "../../../kernel/store/guard.ts";
import { type Doc, defineModel } from "../../../kernel/store/model.ts";
import { SchemaChecks } from "../../../kernel/validator.ts";
import { memoryCollection, memoryDriver, StillClock } from "../../support/memory.ts";

interface Thing extends Doc {
	status?: string;
	roles?: string[];
	amountMinor?: number;
	name?: string;
	note?: string;
	parts?: Record<string, { status?: string; amountMinor?: number; reason?: string }>;
	words?: Record<string, true>;
	rows?: { text: string }[];
	key?: string;
	updatedAt?: string;
}

const ThingModel = defineModel<Thing>()({
	name: "things",
	fields: {
		status: String,
		roles: [String],
		amountMinor: Number,
		name: String,
		note: String,
		parts: { type: Object },
		words: { type: Object },
		rows: { type: [{ _id: false, text: String }] },
		key: String,
		updatedAt: String,
	},
	indexes: { key: { unique: true, sparse: true } },
	told: ["status", "roles", "amountMinor", "parts.*.status", "parts.*.amountMinor"],
});
const told = ThingModel.told as string[];

const auditOn = (...collections: object[]): Audit => ({
	action: "things.change",
	by: { userId: "usr_1", roles: ["admin"] },
	requestId: "req_1",
	fact: { name: "thing.audited", v: 1 },
	clock: new StillClock(),
	collections,
});

/** The facts that lie in a collection's outboxes, in the order of its documents. */
const factsIn = async (things: Collection<Thing>): Promise<OutgoingFact[]> =>
	(await things.outboxes(100)).flatMap(({ facts }) => facts);
const recordsIn = async (things: Collection<Thing>) =>
	(await factsIn(things))
		.filter(({ name }) => name === "thing.audited")
		.map(({ data }) => data as AuditRecord);
const changesIn = async (things: Collection<Thing>) =>
	(await recordsIn(things)).map(({ changes }) => changes);

const fact = (id: string): OutgoingFact => ({ id, name: "thing.told", v: 1, at: "", data: {} });

describe("what an update changes", () => {
	const before = {
		_id: "thg_1",
		status: "draft",
		roles: ["student"],
		name: "Ada",
		parts: { p1: { status: "open", amountMinor: 5, reason: "a secret" } },
		words: { ada: true },
	};
	const cases: [string, Change, ToldChange[]][] = [
		["a state", { $set: { status: "sold" } }, [{ path: "status", before: "draft", after: "sold" }]],
		[
			"a list of states",
			{ $set: { roles: ["admin", "teacher"] } },
			[{ path: "roles", before: ["student"], after: ["admin", "teacher"] }],
		],
		[
			"an amount that was not there",
			{ $inc: { amountMinor: 7 } },
			[{ path: "amountMinor", after: 7 }],
		],
		["a state that goes", { $unset: { status: true } }, [{ path: "status", before: "draft" }]],
		["what may not be told", { $set: { name: "Eve" } }, [{ path: "name" }]],
		["a word that is a key", { $set: { "words.eve": true } }, [{ path: "words" }]],
		[
			"a state of a part",
			{ $set: { "parts.p1.status": "done" } },
			[{ path: "parts.p1.status", before: "open", after: "done" }],
		],
		[
			"a new part, of which not all may be told",
			{ $set: { "parts.p2": { status: "open", amountMinor: 3, reason: "another" } } },
			[
				{ path: "parts.p2.status", after: "open" },
				{ path: "parts.p2.amountMinor", after: 3 },
				{ path: "parts" },
			],
		],
		[
			"a new part that may all be told",
			{ $set: { "parts.p2": { status: "open" } } },
			[{ path: "parts.p2.status", after: "open" }],
		],
		[
			"all parts gone",
			{ $unset: { parts: true } },
			[
				{ path: "parts.p1.status", before: "open" },
				{ path: "parts.p1.amountMinor", before: 5 },
				{ path: "parts" },
			],
		],
		[
			"a state that is no state any more",
			{ $set: { status: { of: "Ada" } } },
			[{ path: "status" }],
		],
		["nothing", { $set: { status: "draft", roles: ["student"], name: "Ada" } }, []],
		["nothing but when", { $set: { updatedAt: "2026" } }, []],
	];
	for (const [what, change, changes] of cases)
		test(`is told: ${what}`, () => {
			assert.deepEqual(changesOfUpdate(told, before, change).changes, changes);
		});

	test("is held as it was read: values, and that nothing was there", () => {
		const change = {
			$set: {
				status: "sold",
				name: "Eve",
				"parts.p1.status": "done",
				words: {},
				updatedAt: "2026",
			},
			$inc: { amountMinor: 1 },
		};
		assert.deepEqual(changesOfUpdate(told, before, change).held, {
			status: "draft",
			name: "Ada",
			"parts.p1.status": "open",
			amountMinor: { $exists: false },
		});
		const { held } = changesOfUpdate(told, before, { $set: { parts: {}, roles: [] } });
		assert.deepEqual(held, {
			"parts.p1.status": "open",
			"parts.p1.amountMinor": 5,
			roles: ["student"],
		});
	});

	test("of a new document is all it has", () => {
		const { _id, ...doc } = before;
		assert.deepEqual(changesOfInsert(told, { ...doc, updatedAt: "2026" }), [
			{ path: "status", after: "draft" },
			{ path: "roles", after: ["student"] },
			{ path: "name" },
			{ path: "parts.p1.status", after: "open" },
			{ path: "parts.p1.amountMinor", after: 5 },
			{ path: "parts" },
			{ path: "words" },
		]);
	});
});

const canary = "c4n4ry";
const state = fc.constantFrom("draft", "open", "done");
const secret = fc.constantFrom(`${canary}1`, `${canary}2`);
const amount = fc.integer({ min: -9, max: 9 });
const part = fc.record(
	{ status: state, amountMinor: amount, reason: secret },
	{ requiredKeys: [], noNullPrototype: true },
);
const plain = { noNullPrototype: true };
const partId = fc.constantFrom("p1", "p2");
const thing = fc.record(
	{
		status: state,
		roles: fc.array(state, { maxLength: 2 }),
		amountMinor: amount,
		name: secret,
		note: secret,
		parts: fc.dictionary(partId, part, plain),
		words: fc.dictionary(secret, fc.constant(true as const), plain),
		rows: fc.array(fc.record({ text: secret }, plain), { maxLength: 2 }),
	},
	{ requiredKeys: [], noNullPrototype: true },
);
const changed = fc.oneof(
	thing.map(($set): Change => ({ $set })),
	fc.record(
		{ $set: fc.record({ name: secret }, plain), $inc: fc.record({ amountMinor: amount }, plain) },
		plain,
	),
	fc.record({
		$set: fc.oneof(
			fc.tuple(partId, part).map(([id, value]) => ({ [`parts.${id}`]: value })),
			fc.tuple(partId, state).map(([id, value]) => ({ [`parts.${id}.status`]: value })),
			secret.map(word => ({ [`words.${word}`]: true })),
		),
		$unset: fc.constantFrom<Record<string, true>>(
			{},
			{ status: true, "parts.p9.status": true },
			{ roles: true },
		),
	}),
);

test("whatever is written: what is told is true, complete, and nothing else", async () => {
	const things = await memoryCollection(ThingModel);
	let made = 0;
	await fc.assert(
		fc.asyncProperty(thing, changed, async (doc, change) => {
			const id = `thg_${++made}`;
			const before = await things.insert({ id, ...doc } as Thing);
			const after = await things.advance({ id }, change);
			assert.ok(after);
			assert.deepEqual(applied(before, change), after);
			const { changes } = changesOfUpdate(told, { ...before }, change);
			assert.ok(!JSON.stringify(changes).includes(canary), JSON.stringify(changes));
			const fields = new Set(changes.map(({ path }) => path.split(".")[0]));
			for (const field of Object.keys(ThingModel.fields) as (keyof Thing)[]) {
				const isSame = isAlike(before[field], after[field]);
				assert.equal(fields.has(field), !isSame, `${field} of ${JSON.stringify(change)}`);
			}
			for (const { path, before: was, after: is } of changes.filter(isTold)) {
				assert.deepEqual(at(before, path), was);
				assert.deepEqual(at(after, path), is);
				assert.notDeepEqual(was, is);
			}
		}),
		{ numRuns: 1_000 },
	);
});

const isTold = (change: ToldChange) => "before" in change || "after" in change;
const at = (doc: unknown, path: string) =>
	path
		.split(".")
		.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], doc);
/** An empty sub-document has nothing to tell, as one that is not there. */
const isAlike = (a: unknown, b: unknown) => {
	const bare = (value: unknown) => JSON.stringify(value, sortedAndBare) ?? "";
	return bare(a) === bare(b);
};
const sortedAndBare = (_: string, value: unknown) => {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
	const kept = Object.entries(value).filter(
		([, inner]) => !(typeof inner === "object" && Object.keys(inner as object).length === 0),
	);
	return kept.length > 0 ? Object.fromEntries(kept.sort()) : undefined;
};

describe("what an audited action writes", () => {
	test("is told in the same write, beside what it tells itself", async () => {
		const things = await memoryCollection(ThingModel);
		const outgoing: string[][] = [];
		things.onFacts = (id, facts) => outgoing.push([id, ...facts.map(({ name }) => name)]);
		await runAudited(auditOn(things), async () => {
			await things.insert({ id: "thg_1", status: "draft", name: "Ada" });
			await things.advance({ id: "thg_1" }, { $set: { status: "sold" } }, [fact("fct_1")]);
		});
		const by = { userId: "usr_1", roles: ["admin"] };
		const record = { action: "things.change", by, requestId: "req_1" };
		const on = { collection: "things", id: "thg_1" };
		assert.deepEqual(await recordsIn(things), [
			{ ...record, on, changes: [{ path: "status", after: "draft" }, { path: "name" }] },
			{ ...record, on, changes: [{ path: "status", before: "draft", after: "sold" }] },
		]);
		const [first] = await factsIn(things);
		assert.match(first?.id ?? "", /^fct_/);
		assert.equal(first?.v, 1);
		assert.equal(first?.at, "2026-05-01T12:00:00.000Z");
		assert.deepEqual(outgoing, [
			["thg_1", "thing.audited"],
			["thg_1", "thing.told", "thing.audited"],
		]);
	});

	test("fits the schema of the fact", async () => {
		const things = await memoryCollection(ThingModel);
		await runAudited(auditOn(things), async () => {
			await things.insert({ id: "thg_1", roles: ["a"], amountMinor: 1 });
			await things.advance({ id: "thg_1" }, { $set: { roles: [] }, $inc: { amountMinor: 1 } });
		});
		const checks = new SchemaChecks(new Contracts([]));
		const { data } = audited("thing")["thing.audited"];
		const records = await recordsIn(things);
		assert.equal(records.length, 2);
		for (const record of records) assert.deepEqual(checks.errors(data, record), []);
		assert.notDeepEqual(checks.errors(data, { ...records[0], on: {} }), []);
	});

	test("leaves nothing where nothing changed, and the facts it tells itself all the same", async () => {
		const things = await memoryCollection(ThingModel);
		await things.insert({ id: "thg_1", status: "draft", updatedAt: "2025" });
		const change = { $set: { status: "draft", updatedAt: "2026" } };
		const after = await runAudited(auditOn(things), () =>
			things.advance({ id: "thg_1" }, change, [fact("fct_1")]),
		);
		assert.deepEqual(after, { id: "thg_1", status: "draft", updatedAt: "2026" });
		assert.deepEqual(await factsIn(things), [fact("fct_1")]);
	});

	test("leaves nothing where it was refused", async () => {
		const things = await memoryCollection(ThingModel);
		await things.insert({ id: "thg_1", status: "draft", key: "k" });
		await things.insert({ id: "thg_2", status: "draft" });
		await runAudited(auditOn(things), async () => {
			const guard = { id: "thg_1", status: "sold" };
			assert.equal(await things.advance(guard, { $set: { status: "gone" } }), null);
			assert.equal(await things.advance({ id: "thg_9" }, { $set: { status: "gone" } }), null);
			const taken = (error: unknown) => isDuplicate(error, "key");
			await assert.rejects(things.advance({ id: "thg_2" }, { $set: { key: "k" } }), taken);
			await assert.rejects(things.insert({ id: "thg_3", key: "k" }), taken);
			await assert.rejects(things.insert({ id: "thg_1" }), isDuplicate);
		});
		assert.deepEqual(await factsIn(things), []);
		assert.deepEqual(await things.get("thg_1"), { id: "thg_1", status: "draft", key: "k" });
	});

	test("cannot be removed: nothing would be left to tell of it", async () => {
		const things = await memoryCollection(ThingModel);
		await things.insert({ id: "thg_1" });
		await assert.rejects(
			runAudited(auditOn(things), () => things.remove({ id: "thg_1" })),
			/things\.change is audited and cannot remove from things/,
		);
		assert.equal(await things.count({}), 1);
		assert.equal(await things.remove({ id: "thg_1" }), 1);
	});

	test("is told of the collections of its own service alone, and of no other action's", async () => {
		const [own, other] = [await memoryCollection(ThingModel), await memoryCollection(ThingModel)];
		const insert = (id: string) => Promise.all([own, other].map(c => c.insert({ id })));
		await runAudited(auditOn(own), async () => {
			await own.insert({ id: "thg_1", status: "draft" });
			await other.insert({ id: "thg_1", status: "draft" });
			await runApart(() => own.insert({ id: "thg_2", status: "draft" }));
			await own.insert({ id: "thg_3", status: "draft" });
		});
		await insert("thg_4");
		assert.deepEqual(
			(await recordsIn(own)).map(({ on }) => on.id),
			["thg_1", "thg_3"],
		);
		assert.deepEqual(await factsIn(other), []);
	});
});

/** A driver that lets somebody else write after each look. */
async function hurried(interfere: (driver: Driver, look: number) => Promise<unknown>) {
	const driver = await memoryDriver(ThingModel);
	let looks = 0;
	const things = new Collection(ThingModel, {
		...driver,
		async find(query, options) {
			const found = await driver.find(query, options);
			await interfere(driver, ++looks);
			return found;
		},
	});
	return {
		things,
		looks: () => looks,
		start: () => {
			looks = 0;
		},
	};
}

describe("a race", () => {
	const by = (driver: Driver, change: Change) => driver.update({ _id: "thg_1" }, change);
	const audit = (things: Collection<Thing>, change: Change, guard = {}) =>
		runAudited(auditOn(things), () => things.advance({ id: "thg_1", ...guard }, change));

	for (const [what, first, change, changes] of [
		[
			"for a state",
			{ $set: { status: "held" } },
			{ $set: { status: "sold" } },
			[{ path: "status", before: "held", after: "sold" }],
		],
		[
			"for a list",
			{ $set: { roles: ["b"] } },
			{ $set: { roles: ["c"] } },
			[{ path: "roles", before: ["b"], after: ["c"] }],
		],
		[
			"for an amount",
			{ $inc: { amountMinor: 10 } },
			{ $inc: { amountMinor: 1 } },
			[{ path: "amountMinor", before: 11, after: 12 }],
		],
		[
			"for what was not there",
			{ $set: { "parts.p1": { status: "open" } } },
			{ $set: { "parts.p1.status": "done" } },
			[{ path: "parts.p1.status", before: "open", after: "done" }],
		],
		["that made the change first", { $set: { status: "sold" } }, { $set: { status: "sold" } }, []],
		[
			"for something else, which is no race",
			{ $set: { note: "x" } },
			{ $set: { status: "sold" } },
			[{ path: "status", before: "draft", after: "sold" }],
		],
	] as [string, Change, Change, ToldChange[]][])
		test(`that was lost ${what}: the true before is told`, async () => {
			const { things, start } = await hurried(
				async (driver, look) => look === 1 && by(driver, first),
			);
			await things.insert({ id: "thg_1", status: "draft", roles: ["a"], amountMinor: 1 });
			start();
			assert.ok(await audit(things, change));
			assert.deepEqual(await changesIn(things), changes.length > 0 ? [changes] : []);
		});

	for (const [field, change] of [
		["the field it changes", { $set: { status: "held" } }],
		["another one", { $set: { note: "x" } }],
	] as const)
		test(`that made the guard untrue for ${field} is lost`, async () => {
			const { things, start } = await hurried(driver => by(driver, { $set: { status: "sold" } }));
			await things.insert({ id: "thg_1", status: "draft" });
			start();
			assert.equal(await audit(things, change, { status: "draft" }), null);
			assert.deepEqual(await factsIn(things), []);
			assert.deepEqual(await things.get("thg_1"), { id: "thg_1", status: "sold" });
		});

	test("that is lost for ever is won without values", async () => {
		const { things, start, looks } = await hurried(driver =>
			by(driver, { $inc: { amountMinor: 1 } }),
		);
		await things.insert({ id: "thg_1", amountMinor: 0, name: "Ada" });
		start();
		const change = { $set: { name: "Eve", updatedAt: "2026" }, $inc: { amountMinor: 100 } };
		assert.equal((await audit(things, change))?.amountMinor, 121);
		assert.equal(looks(), 21);
		assert.deepEqual(await changesIn(things), [[{ path: "name" }, { path: "amountMinor" }]]);
	});

	test("outside an audited action is the guard's alone: nothing is read first", async () => {
		const { things, start, looks } = await hurried(async () => {});
		await things.insert({ id: "thg_1", status: "draft" });
		start();
		await things.advance({ id: "thg_1" }, { $set: { status: "sold" } });
		assert.equal(looks(), 0);
	});
});

describe("a contract", () => {
	const action = (more: Partial<ActionContract> = {}): ActionContract => ({
		description: "Does it",
		kind: "write",
		access: "public",
		result: Type.Null({ $id: "Nothing" }),
		audit: true,
		...more,
	});
	const problemsOf = (contract: Contract): readonly string[] => {
		try {
			new Contracts([contract]);
			return [];
		} catch (error) {
			assert.ok(error instanceof ContractError);
			return error.problems;
		}
	};
	const other = { "thing.made": { v: 1, data: Type.Object({}, { $id: "ThingMade" }) } };
	const things = (more: Partial<Contract>): Contract =>
		defineContract("things", { description: "d", actions: { change: action() }, ...more });

	test("says by which fact its audited actions are told", () => {
		const contract = things({ facts: { ...other, ...audited("thing") } });
		assert.deepEqual(problemsOf(contract), []);
		assert.deepEqual(auditFactOf(contract), { name: "thing.audited", v: 1 });
		assert.equal(auditFactOf(things({ facts: other })), undefined);
	});

	test("with an audited action and no fact for it is refused", () => {
		for (const facts of [undefined, other])
			assert.deepEqual(problemsOf(things({ ...(facts && { facts }) })), [
				'things.change is audited by no fact: add ...audited("<what it changes>") to the facts of things',
			]);
	});

	test("with an audited read is refused", () => {
		const actions = { change: action({ kind: "read" }) };
		assert.deepEqual(problemsOf(things({ actions, facts: audited("thing") })), [
			"things.change is a read: there is nothing in it to audit",
		]);
	});
});
