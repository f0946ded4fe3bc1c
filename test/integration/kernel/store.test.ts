import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { ServiceBroker } from "moleculer";
import mongoose from "mongoose";
import { newId } from "../../../kernel/ids.ts";
import {
	Collection,
	type Driver,
	isDuplicate,
	type OutboxDoc,
	type OutgoingFact,
	type Sort,
} from "../../../kernel/store/collection.ts";
import type { Change, Guard } from "../../../kernel/store/guard.ts";
import { type Doc, defineModel, type Model } from "../../../kernel/store/model.ts";
import { openMongo } from "../../../kernel/store/mongo.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";
import { type Ageing, ageing, Retention } from "../../../kernel/store/retention.ts";
import { mongo, needs } from "../../support/servers.ts";

interface Thing extends Doc {
	email?: string;
	openKey?: string;
	seatsLeft?: number;
	status?: string;
	rank?: number;
	isOpen?: boolean;
	members?: Record<string, { role: string; since?: number } | true>;
	tags?: string[];
	rows?: { name: string; size?: number }[];
	createdAt?: string;
}

const things = (name: string): Model<Thing> =>
	defineModel<Thing>()({
		name,
		fields: {
			email: String,
			openKey: String,
			seatsLeft: Number,
			status: String,
			rank: Number,
			isOpen: Boolean,
			members: { type: Object },
			tags: [String],
			rows: { type: [{ _id: false, name: String, size: Number }] },
			createdAt: String,
		},
		indexes: {
			email: { unique: true, sparse: true },
			openKey: { unique: true, sparse: true },
			status: {},
		},
	});

const day = 86_400_000;

interface Letter extends Ageing {
	status: string;
	title: string;
	words?: { dear: string };
	at: number;
}

const letters = (name: string): Model<Letter> =>
	defineModel<Letter>()({
		name,
		fields: {
			status: String,
			title: String,
			words: { type: Object },
			at: Number,
			...ageing.fields,
		},
		indexes: { status: {}, ...ageing.indexes },
	});

const broker = new ServiceBroker({ logger: false });

interface Backend {
	open<T extends Doc>(model: Model<T>): Promise<Driver>;
	/** Inserts many documents that say nothing. */
	fill(driver: Driver, model: Model<Thing>, ids: string[]): Promise<unknown>;
}

const oneByOne = (driver: Driver, _model: Model<Thing>, ids: string[]) =>
	Promise.all(ids.map(_id => driver.insert({ _id })));

const memory: Backend = {
	open: model => openNedb(broker, model, undefined, assert.fail),
	fill: oneByOne,
};

const dir = await mkdtemp(join(tmpdir(), "zeolite-store-"));
const files: Backend = {
	open: model => openNedb(broker, model, join(dir, `${model.name}.db`), assert.fail),
	fill: oneByOne,
};

let opened = 0;
async function collectionOf(t: TestContext, backend: Backend): Promise<Collection<Thing>> {
	const model = things(`things_${++opened}`);
	const collection = new Collection(model, await backend.open(model));
	t.after(() => collection.close());
	return collection;
}

const told = (name = "thing.told", data: Record<string, unknown> = {}): OutgoingFact => ({
	id: newId("fct"),
	name,
	v: 1,
	at: "2026-01-01T00:00:00.000Z",
	data,
});

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const ids = (found: readonly Doc[]) => found.map(({ id }) => id);

/** Every item of a list, page by page by its cursors. */
async function walk(things: Collection<Thing>, guard: Guard, sort: Sort, pageSize: number) {
	const seen: string[] = [];
	let cursor: string | undefined;
	do {
		const page = await things.list(guard, { pageSize, ...(cursor && { cursor }) }, sort);
		seen.push(...ids(page.items));
		cursor = page.nextCursor;
		assert.ok(seen.length <= 1_000, "the cursors go in a circle");
	} while (cursor);
	return seen;
}

function conformance(name: string, backend: Backend) {
	describe(name, () => {
		test("of 50 parallel guarded updates on ten seats exactly ten win", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({ id: "course", seatsLeft: 10 });
			const taken = await Promise.all(
				range(50).map(i =>
					things.advance(
						{ id: "course", seatsLeft: { $gt: 0 } },
						{ $inc: { seatsLeft: -1 }, $set: { [`members.m${i}`]: { role: "student" } } },
					),
				),
			);
			const winners = range(50).filter(i => taken[i]);
			assert.equal(winners.length, 10);
			for (const i of winners) assert.ok(taken[i]?.members?.[`m${i}`], "after its own change");
			const course = await things.get("course");
			assert.equal(course?.seatsLeft, 0);
			assert.deepEqual(Object.keys(course?.members ?? {}).sort(), winners.map(i => `m${i}`).sort());
		});

		test("of 20 parallel inserts under one id one wins, and the others are told so", async t => {
			const things = await collectionOf(t, backend);
			const made = await Promise.allSettled(
				range(20).map(i => things.insert({ id: "one", rank: i })),
			);
			assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
			for (const outcome of made)
				if (outcome.status === "rejected") assert.ok(isDuplicate(outcome.reason, "id"));
			assert.equal(await things.count({}), 1);
		});

		test("a duplicate is told by its field, on insert and on update", async t => {
			const things = await collectionOf(t, backend);
			const isTaken = (field: string) => (error: unknown) => isDuplicate(error, field);
			await things.insert({ id: "a", email: "a@x.example", openKey: "a" });
			await things.insert({ id: "b", email: "b@x.example", openKey: "b" });
			await assert.rejects(things.insert({ id: "a" }), isTaken("id"));
			await assert.rejects(things.insert({ id: "c", email: "a@x.example" }), isTaken("email"));
			await assert.rejects(
				things.insert({ id: "c", email: "c@x.example", openKey: "b" }),
				isTaken("openKey"),
			);
			await assert.rejects(
				things.insert({ id: "c", email: "b", openKey: "b" }),
				isTaken("openKey"),
				"the value is free in the one field and taken in the other",
			);
			await assert.rejects(
				things.advance({ id: "b" }, { $set: { email: "a@x.example" } }),
				isTaken("email"),
			);
			await assert.rejects(
				things.advance({ id: "b" }, { $set: { status: "open", openKey: "a" } }),
				isTaken("openKey"),
			);
			assert.deepEqual(await things.get("b"), { id: "b", email: "b@x.example", openKey: "b" });
			assert.equal(await things.count({}), 2);
			await things.advance({ id: "b" }, { $set: { email: "b@x.example", openKey: "b" } });
		});

		test("a sparse unique field may be absent many times and is free once unset", async t => {
			const things = await collectionOf(t, backend);
			for (const id of ["a", "b", "c"]) await things.insert({ id });
			await things.advance({ id: "a" }, { $set: { openKey: "k" } });
			await assert.rejects(things.advance({ id: "b" }, { $set: { openKey: "k" } }), error =>
				isDuplicate(error, "openKey"),
			);
			await things.advance({ id: "a" }, { $unset: { openKey: true } });
			await things.advance({ id: "b" }, { $set: { openKey: "k" } });
			assert.deepEqual(ids(await things.find({ openKey: "k" })), ["b"]);
		});

		test("what the two databases understand differently is refused, and changes nothing", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({ id: "a", status: "open", tags: ["x"] });
			const refused = { name: "UnsupportedQuery" };
			const guards = [
				{ status: { $ne: "closed" } },
				{ status: null },
				{ tags: ["x"] },
				{ status: /open/ },
				{ $or: [{ id: "a" }] },
				{ $where: "true" },
				{ status: { $regex: "o" } },
				{ status: { $in: [null] } },
				{ "members.$": 1 },
				{ nobody: 1 },
			] as unknown as Guard[];
			for (const guard of guards) {
				await assert.rejects(things.find(guard), refused, JSON.stringify(guard));
				await assert.rejects(things.advance(guard, { $set: { status: "x" } }), refused);
				await assert.rejects(things.remove(guard), refused);
				await assert.rejects(things.count(guard), refused);
			}
			const changes = [
				{ $push: { tags: "y" } },
				{ $addToSet: { tags: "y" } },
				{ $pull: { tags: "x" } },
				{ $set: { status: null } },
				{ $set: { createdAt: new Date(0) } },
				{ $set: { "tags.$": "y" } },
				{ $set: { id: "b" } },
				{ $set: { _id: "b" } },
				{ $set: { outbox: {} } },
				{ $inc: { outboxSize: 1 } },
				{ $set: { nobody: 1 } },
				{ $unset: { nobody: true } },
				{ $inc: { rank: 0.5 } },
				{ $set: { rank: 1 }, $inc: { rank: 1 } },
				{ $set: { members: {} }, $unset: { "members.a": true } },
				{ status: "whole document" },
			] as unknown as Change[];
			for (const change of changes)
				await assert.rejects(things.advance({ id: "a" }, change), refused, JSON.stringify(change));
			const documents = [
				{ id: "b", status: null },
				{ id: "b", nobody: 1 },
				{ id: "b", members: { "a.b": true } },
				{ id: "b", members: { $a: true } },
				{ id: "b", rank: Number.NaN },
				{ id: "b", createdAt: new Date(0) },
			] as unknown as Thing[];
			for (const document of documents) await assert.rejects(things.insert(document), refused);
			await assert.rejects(things.insert({ id: "b" }, [told("x", { at: null })]), refused);
			assert.deepEqual(await things.find({}), [{ id: "a", status: "open", tags: ["x"] }]);
		});

		test("guards find by presence, membership and order", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({
				id: "a",
				rank: 1,
				createdAt: "2026-01-01T00:00:00.000Z",
				isOpen: true,
			});
			await things.insert({
				id: "b",
				rank: 2,
				createdAt: "2026-01-02T00:00:00.000Z",
				isOpen: false,
			});
			await things.insert({ id: "c", rank: 3, status: "done" });
			await things.insert({ id: "d" });
			const found = async (guard: Guard) => ids(await things.find(guard, { sort: { id: 1 } }));
			assert.deepEqual(await found({ rank: { $exists: false } }), ["d"]);
			assert.deepEqual(await found({ rank: { $exists: true } }), ["a", "b", "c"]);
			assert.deepEqual(await found({ id: { $in: ["a", "d", "x"] } }), ["a", "d"]);
			assert.deepEqual(await found({ rank: { $in: [] } }), []);
			assert.deepEqual(await found({ rank: { $gt: 1, $lte: 3 } }), ["b", "c"]);
			assert.deepEqual(await found({ rank: { $gte: 1, $lt: 3 } }), ["a", "b"]);
			assert.deepEqual(await found({ createdAt: { $lt: "2026-01-02" } }), ["a"]);
			assert.deepEqual(await found({ id: { $gt: "b" } }), ["c", "d"]);
			assert.deepEqual(await found({ isOpen: false }), ["b"]);
			assert.deepEqual(await found({ rank: 3, status: "done" }), ["c"]);
			assert.deepEqual(await found({ rank: 3, status: "open" }), []);
			assert.equal(await things.count({ rank: { $gte: 2 } }), 2);
			assert.equal(await things.count({}, 3), 3);
			assert.equal(await things.get("x"), null);
			assert.equal((await things.findOne({ rank: { $gt: 2 } }))?.id, "c");
		});

		test("keyed sub-documents are guarded, set and unset by their path", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({ id: "a" });
			const role = (who: string, role: string) => ({ $set: { [`members.${who}.role`]: role } });
			await things.advance({ id: "a" }, role("ann", "student"));
			await things.advance({ id: "a" }, { $set: { "members.bob": { role: "teacher", since: 3 } } });
			assert.equal(
				await things.advance({ id: "a", "members.ann": { $exists: false } }, role("ann", "x")),
				null,
			);
			assert.equal(
				await things.advance({ id: "a", "members.bob.role": "student" }, role("bob", "x")),
				null,
			);
			const changed = await things.advance(
				{ id: "a", "members.bob.role": "teacher" },
				{
					$unset: { "members.bob.since": true, "members.zoe": true },
					$inc: { "members.ann.since": 7 },
				},
			);
			const expected = { ann: { role: "student", since: 7 }, bob: { role: "teacher" } };
			assert.deepEqual(changed, { id: "a", members: expected });
			assert.deepEqual(await things.get("a"), { id: "a", members: expected });
			await things.advance({ id: "a" }, { $unset: { "members.bob": true } });
			assert.deepEqual((await things.get("a"))?.members, { ann: expected.ann });
			await things.advance({ id: "a" }, { $unset: { members: true } });
			assert.deepEqual(await things.get("a"), { id: "a" });
		});

		test("one update sets, unsets and counts, or does nothing at all", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({ id: "a", status: "open", rank: 1, openKey: "k" });
			const change: Change = {
				$set: { status: "done", email: undefined },
				$unset: { openKey: true, createdAt: true },
				$inc: { rank: -2, seatsLeft: 5 },
			};
			assert.equal(await things.advance({ id: "a", rank: { $gt: 1 } }, change), null);
			assert.equal(await things.advance({ id: "x" }, change), null);
			const after = { id: "a", status: "done", rank: -1, seatsLeft: 5 };
			assert.deepEqual(await things.advance({ id: "a", rank: { $gte: 1 } }, change), after);
			assert.deepEqual(await things.find({}), [after]);
			for (const nothing of [{}, { $set: {} }, { $set: { status: undefined } }, { $unset: {} }]) {
				assert.deepEqual(await things.advance({ id: "a" }, nothing as Change), after);
				assert.equal(await things.advance({ id: "a", rank: 7 }, nothing as Change), null);
			}
			assert.deepEqual(await things.get("a"), after);
		});

		test("what is absent stays absent, what is empty stays empty", async t => {
			const things = await collectionOf(t, backend);
			const sparse = {
				id: "a",
				email: undefined,
				members: { x: { role: "r", since: undefined } },
			} as unknown as Thing;
			const inserted = await things.insert(sparse, [told("x", { a: 1, b: undefined })]);
			assert.deepEqual(inserted, { id: "a", members: { x: { role: "r" } } });
			assert.deepEqual(await things.get("a"), { id: "a", members: { x: { role: "r" } } });
			assert.deepEqual((await things.outboxes(1))[0]?.facts[0]?.data, { a: 1 });
			const member = { role: "s", since: undefined };
			await things.advance({ id: "a" }, { $set: { "members.y": member } });
			assert.deepEqual((await things.get("a"))?.members?.y, { role: "s" });

			const full: Thing = {
				id: "b",
				members: {},
				tags: [],
				rows: [{ name: "Zoë 🌋\n" }, { name: "", size: 0 }],
				rank: 0,
				isOpen: false,
				status: "",
			};
			assert.deepEqual(await things.insert(full), full);
			assert.deepEqual(await things.get("b"), full);
			const emptied = await things.advance({ id: "b" }, { $set: { rows: [], members: {} } });
			assert.deepEqual(emptied, { ...full, rows: [] });
		});

		test("a document that is handed out or over is nobody else's", async t => {
			const things = await collectionOf(t, backend);
			const given: Thing = { id: "a", tags: ["x"], members: { ann: { role: "student" } } };
			const inserted = await things.insert(given);
			const spoil = (thing: Thing | null | undefined) => {
				thing?.tags?.push("spoilt");
				if (thing?.members) thing.members.spoilt = true;
			};
			spoil(given);
			spoil(inserted);
			spoil(await things.get("a"));
			spoil((await things.find({}))[0]);
			spoil((await things.list({}, {}, { createdAt: 1 })).items[0]);
			const member = { role: "teacher" };
			spoil(await things.advance({ id: "a" }, { $set: { "members.bob": member } }));
			member.role = "spoilt";
			assert.deepEqual(await things.get("a"), {
				id: "a",
				tags: ["x"],
				members: { ann: { role: "student" }, bob: { role: "teacher" } },
			});
		});

		test("sorts by any field, then as told, within limits", async t => {
			const things = await collectionOf(t, backend);
			const ranks: [string, number][] = [
				["d", 2],
				["a", 1],
				["c", 2],
				["b", 10],
			];
			for (const [id, rank] of ranks) await things.insert({ id, rank });
			const found = async (sort: Sort, more = {}) => ids(await things.find({}, { sort, ...more }));
			assert.deepEqual(await found({ rank: 1, id: 1 }), ["a", "c", "d", "b"]);
			assert.deepEqual(await found({ rank: -1, id: -1 }), ["b", "d", "c", "a"]);
			assert.deepEqual(await found({ rank: -1, id: 1 }, { limit: 2, skip: 1 }), ["c", "d"]);
			assert.deepEqual(await found({ id: -1 }, { limit: 1 }), ["d"]);
			await assert.rejects(found({ nobody: 1 }), { name: "UnsupportedQuery" });
		});

		test("lists page by page and by cursor, with ties, each item once", async t => {
			const things = await collectionOf(t, backend);
			for (const i of range(23))
				await things.insert({
					id: `t${String(i).padStart(2, "0")}`,
					rank: i % 3,
					status: i < 20 ? "open" : "done",
					createdAt: `2026-01-0${1 + (i % 2)}T00:00:00.000Z`,
				});
			const open: Guard = { status: "open" };
			for (const sort of [
				{ rank: 1 },
				{ rank: -1 },
				{ createdAt: -1 },
				{ id: 1 },
				{ id: -1 },
			] as Sort[]) {
				const [field, way] = Object.entries(sort)[0] as [keyof Thing, 1 | -1];
				const whole = ids(await things.find(open, { sort: { [field]: way, id: way } }));
				assert.equal(whole.length, 20);
				for (const pageSize of [1, 3, 7, 20, 50])
					assert.deepEqual(await walk(things, open, sort, pageSize), whole);
				const third = await things.list(open, { page: 3, pageSize: 7 }, sort);
				assert.deepEqual(ids(third.items), whole.slice(14));
				assert.deepEqual({ ...third, items: [] }, { items: [], page: 3, pageSize: 7, total: 20 });
				const second = await things.list(open, { page: 2, pageSize: 7 }, sort);
				assert.deepEqual(ids(second.items), whole.slice(7, 14));
				const { nextCursor: cursor } = second;
				const next = await things.list(open, { cursor, page: 1, pageSize: 7 }, sort);
				assert.deepEqual(ids(next.items), whole.slice(14), "a cursor wins over a page");
				assert.equal(next.nextCursor, undefined);
				assert.equal(next.total, 20, "a cursor does not make the total smaller");
			}
			const beyond = await things.list(open, { page: 100 }, { rank: 1 });
			assert.deepEqual(beyond, { items: [], page: 100, pageSize: 20, total: 20 });
		});

		test("a page does not skip what follows when an item before it goes", async t => {
			const things = await collectionOf(t, backend);
			for (const i of range(6)) await things.insert({ id: `t${i}`, rank: 1 });
			const first = await things.list({}, { pageSize: 2 }, { rank: 1 });
			await things.remove({ id: { $in: ["t0", "t1"] } });
			await things.insert({ id: "a", rank: 1 });
			const { nextCursor: cursor } = first;
			const second = await things.list({}, { pageSize: 2, cursor }, { rank: 1 });
			assert.deepEqual(ids(second.items), ["t2", "t3"]);
		});

		test("leaves out the fields it is told to, and refuses those it does not know", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({ id: "t", rank: 1, tags: ["long"], members: { usr_1: true } });
			assert.deepEqual(await things.findWithout(["tags", "members"], { rank: 1 }), [
				{ id: "t", rank: 1 },
			]);
			await assert.rejects(things.findWithout(["unknown" as never], {}), {
				name: "UnsupportedQuery",
			});
		});

		test("a cursor that cannot be read, or is another list's, starts from the beginning", async t => {
			const things = await collectionOf(t, backend);
			for (const i of range(3)) await things.insert({ id: `t${i}`, rank: i, createdAt: `${i}` });
			const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
			const garbage = ["x", "…", "%00", encode(null), encode([]), encode({}), encode([1])].concat(
				[
					[null, "t0"],
					[{ $gt: 0 }, "t0"],
					[1, { $gt: "" }],
					["text", "t0"],
					[true, "t0"],
				].map(encode),
			);
			for (const cursor of garbage) {
				const page = await things.list({}, { cursor, pageSize: 2 }, { rank: 1 });
				assert.deepEqual(ids(page.items), ["t0", "t1"], cursor);
			}
			const byRank = await things.list({}, { pageSize: 1 }, { rank: 1 });
			const { nextCursor: cursor } = byRank;
			const page = await things.list({}, { cursor, pageSize: 2 }, { createdAt: 1 });
			assert.deepEqual(ids(page.items), ["t0", "t1"]);
		});

		test("a list goes on through items that have no value to sort by", async t => {
			const things = await collectionOf(t, backend);
			for (const i of range(7))
				await things.insert({ id: `t${i}`, ...(i % 2 === 0 && { rank: i % 4 }) });
			for (const sort of [{ rank: 1 }, { rank: -1 }] as Sort[]) {
				const whole = ids(await things.find({}, { sort: { ...sort, id: sort.rank as 1 } }));
				for (const pageSize of [1, 2, 3])
					assert.deepEqual(await walk(things, {}, sort, pageSize), whole);
			}
		});

		test("a list goes on within what it is found by, be it what it is sorted by", async t => {
			const things = await collectionOf(t, backend);
			for (const i of range(12)) await things.insert({ id: `t${i}`, status: "on", rank: i % 5 });
			const guard = { status: "on", rank: { $gte: 1, $lte: 3 } };
			for (const rank of [1, -1] as const) {
				const whole = ids(await things.find(guard, { sort: { rank, id: rank } }));
				assert.equal(whole.length, 7);
				for (const pageSize of [1, 2, 7])
					assert.deepEqual(await walk(things, guard, { rank }, pageSize), whole);
			}
		});

		test("totals are exact up to 10,000 and a lower bound beyond", async t => {
			const model = things(`things_${++opened}`);
			const driver = await backend.open(model);
			const collection = new Collection(model, driver);
			t.after(() => collection.close());
			const all = range(10_003).map(i => `t${i}`);
			await backend.fill(driver, model, all.slice(0, 10_000));
			const exact = await collection.list({}, { pageSize: 1 }, { id: 1 });
			assert.equal(exact.total, 10_000);
			assert.equal("totalIsLowerBound" in exact, false);
			await backend.fill(driver, model, all.slice(10_000));
			const bound = await collection.list({}, { pageSize: 1 }, { id: 1 });
			assert.equal(bound.total, 10_000);
			assert.equal(bound.totalIsLowerBound, true);
			assert.equal(await collection.count({}), 10_000);
		});

		test("facts lie in the outbox by the write that told them, and nowhere else", async t => {
			const things = await collectionOf(t, backend);
			const heard: [string, string[]][] = [];
			things.onFacts = (id, facts) => heard.push([id, facts.map(fact => fact.name)]);
			const [first, second, third] = [told("a"), told("b", { n: 1 }), told("c")];
			assert.deepEqual(await things.insert({ id: "x", rank: 1 }, [first]), { id: "x", rank: 1 });
			const advanced = await things.advance({ id: "x" }, { $inc: { rank: 1 } }, [second, third]);
			assert.deepEqual(advanced, { id: "x", rank: 2 });
			assert.equal(
				await things.advance({ id: "x", rank: 9 }, { $set: { rank: 1 } }, [told()]),
				null,
			);
			await assert.rejects(things.insert({ id: "x" }, [told()]));
			await things.insert({ id: "y" });
			assert.deepEqual(heard, [
				["x", ["a"]],
				["x", ["b", "c"]],
			]);
			const [outbox, ...others] = await things.outboxes(10);
			assert.deepEqual(others, []);
			assert.equal(outbox?.id, "x");
			const byName = (a: OutgoingFact, b: OutgoingFact) => a.name.localeCompare(b.name);
			assert.deepEqual(outbox?.facts.sort(byName), [first, second, third]);
			assert.deepEqual(await things.get("x"), { id: "x", rank: 2 });
		});

		test("a fact without a change is written all the same", async t => {
			const things = await collectionOf(t, backend);
			await things.insert({ id: "x" });
			assert.deepEqual(await things.advance({ id: "x" }, {}, [told()]), { id: "x" });
			assert.equal((await things.outboxes(10)).length, 1);
		});

		test("outboxes come in batches by id", async t => {
			const things = await collectionOf(t, backend);
			for (const i of range(5)) await things.insert({ id: `t${i}` }, i === 2 ? [] : [told()]);
			assert.deepEqual(ids(await things.outboxes(2)), ["t0", "t1"]);
			assert.deepEqual(ids(await things.outboxes(2, "t1")), ["t3", "t4"]);
			assert.deepEqual(await things.outboxes(2, "t4"), []);
		});

		test("of 20 parallel settlements of a fact one takes it out", async t => {
			const things = await collectionOf(t, backend);
			const [first, second] = [told(), told()];
			await things.insert({ id: "x" }, [first, second]);
			const settled = await Promise.all(range(20).map(() => things.settleFact("x", first.id)));
			assert.equal(settled.filter(Boolean).length, 1);
			assert.deepEqual((await things.outboxes(1))[0]?.facts, [second]);
			assert.equal(await things.settleFact("x", second.id), true);
			assert.deepEqual(await things.outboxes(1), []);
			assert.equal(await things.settleFact("x", second.id), false);
			assert.equal(await things.settleFact("nobody", second.id), false);
		});

		test("a fact that is written twice under one id lies there once, and frees its document", async t => {
			const things = await collectionOf(t, backend);
			const fact = told();
			await things.insert({ id: "a" }, [fact]);
			await things.advance({ id: "a" }, { $set: { rank: 1 } }, [fact]);
			assert.deepEqual(await things.outboxes(9), [{ id: "a", size: 2, facts: [fact] }]);
			await things.settleFact("a", fact.id);
			const [empty] = await things.outboxes(9);
			assert.deepEqual(empty, { id: "a", size: 1, facts: [] });
			await things.advance({ id: "a" }, {}, [told()]);
			await things.settleEmpty(empty as OutboxDoc);
			assert.equal((await things.outboxes(9)).length, 1, "another fact came in between");
			const [other] = await things.outboxes(9);
			await things.settleFact("a", other?.facts[0]?.id as string);
			await things.settleEmpty((await things.outboxes(9))[0] as OutboxDoc);
			assert.deepEqual(await things.outboxes(9), []);
			assert.equal(await things.remove({ id: "a" }), 1);
		});

		test("a document with a fact outstanding cannot be removed", async t => {
			const things = await collectionOf(t, backend);
			const fact = told();
			await things.insert({ id: "a", status: "old" }, [fact]);
			await things.insert({ id: "b", status: "old" });
			assert.equal(await things.remove({ status: "old" }), 1);
			assert.deepEqual(ids(await things.find({})), ["a"]);
			await things.settleFact("a", fact.id);
			assert.equal(await things.remove({ status: "old" }), 1);
			assert.equal(await things.count({}), 0);
		});

		test("of what is settled the content ends after its retention, once, whoever looks", async t => {
			const model = letters(`letters_${++opened}`);
			const collection = new Collection(model, await backend.open(model));
			t.after(() => collection.close());
			const clock = { ms: 100 * day, now: () => clock.ms };
			const retention = (days: number | "off" = 30) =>
				new Retention<Letter>({
					collection,
					clock,
					days,
					settled: { status: { $in: ["done"] } },
					settledAt: ({ at }) => at,
					without: () => ({ $set: { title: "removed" }, $unset: { words: true } }),
				});
			const letter = (id: string, at: number, more: Partial<Letter> = {}) =>
				collection.insert({ id, at, status: "done", title: id, words: { dear: "Ada" }, ...more });
			const whole = async () =>
				ids(await collection.find({ words: { $exists: true } }, { sort: { id: 1 } }));

			for (const i of range(150)) await letter(`old_${i}`, day, { agesFrom: day });
			await letter("edge", 70 * day, { agesFrom: 70 * day });
			await letter("young", 70 * day + 1, { agesFrom: 70 * day + 1 });
			await letter("open", day, { status: "open" });
			await letter("open dated", day, { status: "open", agesFrom: day });
			await letter("of an older version", day);
			await letter("of an older version, young", 72 * day);
			const kept = ["of an older version, young", "open", "open dated", "young"];

			assert.equal(await retention("off").end(), 0);
			assert.equal((await whole()).length, 156);
			const one = retention();
			const ended = await Promise.all([one.end(), retention().end(), retention().end()]);
			assert.equal(
				ended.reduce((a, b) => a + b),
				152,
				"each was ended by one of them",
			);
			assert.deepEqual(await whole(), kept);
			assert.deepEqual(await collection.get("edge"), {
				id: "edge",
				at: 70 * day,
				status: "done",
				title: "removed",
				agesFrom: 0,
			});
			assert.equal(await one.end(), 0);

			await collection.advance({ id: "open" }, { $set: { status: "done" } });
			assert.equal(await one.end(), 0, "what older versions settle is looked for once a day");
			clock.ms += day;
			assert.equal(await one.end(), 2, "it, and who was young");
			assert.deepEqual(await whole(), ["of an older version, young", "open dated"]);
			await collection.advance({ id: "open dated" }, { $set: { status: "done" } });
			assert.equal(await one.end(), 1);
		});
	});
}

conformance("NeDB in memory", memory);
conformance("NeDB in files", files);

describe("NeDB's files", () => {
	async function fresh(): Promise<{ file: string; model: Model<Thing> }> {
		const model = things(`file_${++opened}`);
		return { file: join(dir, `${model.name}.db`), model };
	}
	const reopen = async (model: Model<Thing>, file: string, onBroken = assert.fail as never) =>
		new Collection(model, await openNedb(broker, model, file, onBroken));

	test("a torn last record is cut on open; earlier and later ones survive", async () => {
		const { file, model } = await fresh();
		const first = await reopen(model, file);
		for (const i of range(3)) await first.insert({ id: `t${i}`, status: "kept" });
		await first.close();
		await appendFile(file, '{"_id":"torn","status":"half a rec');
		const second = await reopen(model, file);
		assert.deepEqual(ids(await second.find({}, { sort: { id: 1 } })), ["t0", "t1", "t2"]);
		await second.insert({ id: "t3", status: "later" });
		await second.advance({ id: "t0" }, { $set: { status: "changed" } });
		await second.close();
		const third = await reopen(model, file);
		assert.deepEqual(ids(await third.find({}, { sort: { id: 1 } })), ["t0", "t1", "t2", "t3"]);
		assert.equal((await third.get("t0"))?.status, "changed");
		await third.close();
	});

	test("a file cut at any byte opens with every record before the cut", async () => {
		const { file, model } = await fresh();
		const first = await reopen(model, file);
		for (const i of range(4)) await first.insert({ id: `t${i}`, status: "naïve 🌋" });
		await first.close();
		const whole = await readFile(file);
		const records = whole.toString().trimEnd().split("\n");
		const ends = records.map((_, i) =>
			Buffer.byteLength(`${records.slice(0, i + 1).join("\n")}\n`),
		);
		for (let size = whole.length; size >= 0; size -= 7) {
			await writeFile(file, whole.subarray(0, size));
			const again = await reopen(model, file);
			const complete = records.filter((_, i) => (ends[i] as number) <= size).length;
			const documents = records.slice(0, complete).filter(line => line.includes('"_id"')).length;
			assert.equal(await again.count({}), documents, `cut at ${size}`);
			await again.insert({ id: "later" });
			await again.close();
			const last = await reopen(model, file);
			assert.equal(await last.count({}), documents + 1, `after a cut at ${size}`);
			await last.close();
		}
	});

	test("a torn record longer than any buffer is cut too", async () => {
		const { file, model } = await fresh();
		const first = await reopen(model, file);
		await first.insert({ id: "kept" });
		await first.close();
		await appendFile(file, `{"_id":"torn","status":"${"x".repeat(200_000)}`);
		const second = await reopen(model, file);
		assert.deepEqual(ids(await second.find({})), ["kept"]);
		await second.close();
	});

	test("an empty file, one of a torn record alone and none are all an empty collection", async () => {
		for (const content of ["", '{"_id":"torn"', undefined]) {
			const { file, model } = await fresh();
			if (content !== undefined) await writeFile(file, content);
			const collection = await reopen(model, file);
			assert.equal(await collection.count({}), 0);
			await collection.insert({ id: "a" });
			await collection.close();
			const again = await reopen(model, file);
			assert.equal(await again.count({}), 1);
			await again.close();
		}
	});

	test("facts and their settlement survive a restart", async () => {
		const { file, model } = await fresh();
		const [kept, settled] = [told(), told()];
		const first = await reopen(model, file);
		await first.insert({ id: "a" }, [kept, settled]);
		await first.settleFact("a", settled.id);
		await first.close();
		const second = await reopen(model, file);
		assert.deepEqual(await second.outboxes(9), [{ id: "a", size: 1, facts: [kept] }]);
		await second.close();
	});

	test("a failed append closes the collection, reads too, and is told once", async () => {
		const { file, model } = await fresh();
		const broken: string[] = [];
		const collection = await reopen(model, file, ((reason: string) =>
			broken.push(reason)) as never);
		await collection.insert({ id: "kept" });
		await rm(file);
		await mkdir(file);
		await assert.rejects(collection.insert({ id: "lost" }, [told()]), { code: "EISDIR" });
		const closed = new RegExp(`${model.name} is closed`);
		await assert.rejects(collection.insert({ id: "later" }), closed);
		await assert.rejects(collection.advance({ id: "kept" }, { $set: { rank: 1 } }), closed);
		await assert.rejects(collection.settleFact("lost", "fact"), closed);
		await assert.rejects(collection.remove({}), closed);
		await assert.rejects(collection.get("lost"), closed, "what was not kept is not shown");
		await assert.rejects(collection.count({}), closed);
		await assert.rejects(collection.outboxes(10), closed, "nor told");
		assert.equal(broken.length, 1);
		assert.match(broken[0] as string, /^file_\d+: EISDIR/);
		await collection.close();
	});

	test("a refused write closes nothing", async () => {
		const { file, model } = await fresh();
		const collection = await reopen(model, file);
		await collection.insert({ id: "a", rank: 1 });
		await assert.rejects(collection.insert({ id: "a" }));
		await assert.rejects(collection.insert({ id: "b", rank: Number.NaN }));
		await collection.insert({ id: "c" });
		await collection.close();
		await truncate(file, 0);
	});
});

const servers = await needs("mongo");
// Not before the wait: the tests above may be over by then, and every hook that is there ends what `needs` brings.
after(() => rm(dir, { recursive: true, force: true }));
if (servers) {
	const { url } = servers.mongo;
	const namespace = `store_${process.pid}_${Date.now()}`;
	conformance("MongoDB", {
		open: model => openMongo(broker, model, url, namespace, () => {}),
		async fill(_driver, model, ids) {
			const connection = await mongoose.createConnection(url, { dbName: namespace }).asPromise();
			const documents = ids.map(_id => ({ _id })) as never[];
			await connection.collection(model.name).insertMany(documents);
			await connection.close();
		},
	});

	test("MongoDB's unique indexes are there once it is open; others are made meanwhile, in turn", async t => {
		type Spec = { key: object; unique?: boolean };
		const made: { of: string; keys: object[]; options: unknown }[] = [];
		const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
		const turns = range(2).map(() => Promise.withResolvers<void>());
		const prototype = mongoose.Collection.prototype as unknown as {
			createIndexes(this: { name: string }, specs: Spec[], options: unknown): Promise<unknown>;
		};
		const { createIndexes } = prototype;
		t.mock.method(prototype, "createIndexes", async function (this: never, specs, options) {
			if (specs.every(({ unique }) => unique)) return createIndexes.call(this, specs, options);
			const turn = made.length;
			made.push({ of: (this as { name: string }).name, keys: specs.map(s => s.key), options });
			turns[turn]?.resolve();
			await gates[turn]?.promise;
			return createIndexes.call(this, specs, options);
		} as typeof createIndexes);
		const warn = t.mock.method(broker.logger, "warn", () => {});
		const models = [things("indexed_0"), things("indexed_1")];
		const dbName = `${namespace}_indexes`;
		const connection = await mongoose.createConnection(url, { dbName }).asPromise();
		for (const { name } of models)
			await connection.collection(name).insertOne({ _id: "known" } as never);
		await connection.close();
		const open = (model: Model<Thing>) => openMongo(broker, model, url, dbName, () => {});
		const [first, second] = await Promise.all(
			models.map(async model => new Collection(model, await open(model))),
		);
		assert.ok(first && second);
		for (const one of [first, second]) {
			await one.insert({ id: "a", email: "a@example.com" });
			await assert.rejects(one.insert({ id: "b", email: "a@example.com" }), error =>
				isDuplicate(error, "email"),
			);
		}
		await turns[0]?.promise;
		const [{ of, ...asked } = { of: "" }] = made;
		assert.deepEqual(asked, {
			keys: [{ outboxSize: 1 }, { status: 1 }],
			options: { socketTimeoutMS: 0 },
		});
		assert.deepEqual([made.length, warn.mock.callCount()], [1, 0]);
		gates[0]?.reject(new Error("no room"));
		await turns[1]?.promise;
		assert.deepEqual(
			warn.mock.calls.map(({ arguments: [message] }) => message),
			[`Indexes of ${of} could not be made`],
		);
		assert.notEqual(made[1]?.of, of);
		gates[1]?.resolve();
		await Promise.all([first.close(), second.close()]);
	});

	describe("MongoDB's connection", () => {
		test("is one per process, and lives as long as somebody uses it", async () => {
			const open = async (name: string) => {
				const model = things(name);
				return new Collection(model, await openMongo(broker, model, url, namespace, () => {}));
			};
			const warned: string[] = [];
			const warn = ({ message }: Error) => warned.push(message);
			process.on("warning", warn);
			const many = await Promise.all(range(15).map(i => open(`shared_${i}`)));
			await many[0]?.insert({ id: "a" });
			await Promise.all(many.slice(1).map(one => one.close()));
			assert.equal((await many[0]?.get("a"))?.id, "a");
			await many[0]?.close();
			const again = await open("shared_0");
			assert.equal((await again.get("a"))?.id, "a");
			await again.close();
			await new Promise(setImmediate);
			process.off("warning", warn);
			assert.deepEqual(warned, []);
		});

		test("that is lost is told, and that it is back", async t => {
			const own = await mongo(t, { own: true });
			assert.ok(own);
			const model = things("linked");
			const links: (string | null)[] = [];
			let changed = () => {};
			const driver = await openMongo(broker, model, own.url, namespace, problem => {
				links.push(problem);
				changed();
			});
			const next = () => new Promise<void>(resolve => (changed = resolve));
			const lost = next();
			await own.kill("SIGKILL");
			await lost;
			assert.deepEqual(links, ["the link to MongoDB is lost"]);
			const back = next();
			await own.restart();
			await back;
			assert.deepEqual(links, ["the link to MongoDB is lost", null]);
			await driver.close();
		});
	});
}
