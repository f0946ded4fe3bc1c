import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Type } from "typebox";
import { type Contract, defineContract } from "../../../kernel/contract.ts";
import { Contracts } from "../../../kernel/contracts.ts";
import type { Receipt, StoredFact } from "../../../kernel/facts/contract.ts";
import { Publisher } from "../../../kernel/facts/publisher.ts";
import type { OutgoingFact } from "../../../kernel/store/collection.ts";
import { type Doc, defineModel } from "../../../kernel/store/model.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const result = Type.Null({ $id: "Nothing" });
const actions = { get: { description: "g", kind: "read", access: "public", result } } as const;
const data = Type.Object({}, { $id: "ThingMade" });
const consumer = (name: string): Contract =>
	defineContract(name, {
		description: "d",
		actions,
		consumes: { "thing.made": { from: "start" } },
	});
const contracts = new Contracts([
	defineContract("things", {
		description: "d",
		actions,
		facts: { "thing.made": { v: 1, data }, "thing.lost": { v: 1, data } },
	}),
	consumer("users"),
	consumer("teams"),
]);

type States = Record<string, Receipt["state"]>;

async function setUp(mesh = ["things", "users", "teams"]) {
	const clock = new StillClock();
	const things = await memoryCollection(
		defineModel<Doc & { rank?: number }>()({
			name: "things",
			fields: { rank: Number },
			indexes: {},
		}),
	);
	const made = {
		clock,
		things,
		published: [] as { fact: StoredFact; messageId: string }[],
		pipeIsAway: false,
		/** Receipts by group; a group without is away. */
		receipts: { users: {}, teams: {} } as Record<string, States | undefined>,
		asked: [] as [string, number][],
		warned: [] as string[],
	};
	const publisher = new Publisher({
		collections: [things],
		pipe: {
			start: async () => {},
			publish: async (fact, messageId) => {
				if (made.pipeIsAway) throw new Error("no pipe");
				made.published.push({ fact, messageId });
			},
			subscribe: async () => {},
			unsubscribe: async () => {},
			stop: async () => {},
		},
		contracts,
		mesh: new Set(mesh),
		clock,
		receipts: async (group, ids) => {
			made.asked.push([group, ids.length]);
			const states = made.receipts[group];
			if (!states) throw new Error(`${group} is away`);
			return Object.fromEntries(ids.flatMap(id => (states[id] ? [[id, states[id]]] : [])));
		},
		warn: message => made.warned.push(message),
	});
	let told = 0;
	const tell = async (name = "thing.made", id?: string) => {
		const fact: OutgoingFact = {
			id: `fct_${++told}`,
			name,
			v: 1,
			at: new Date(clock.ms).toISOString(),
			data: { n: told },
		};
		if (id) await things.advance({ id }, {}, [fact]);
		else await things.insert({ id: `thg_${told}` }, [fact]);
		return fact;
	};
	const everybody = (id: string, state: Receipt["state"]) => {
		for (const states of Object.values(made.receipts)) if (states) states[id] = state;
	};
	return { ...made, made, publisher, tell, everybody };
}

describe("a fact that was told", () => {
	test("is published at once under its own id", async () => {
		const { publisher, published, tell } = await setUp();
		const fact = await tell();
		publisher.publish("thg_1", [fact]);
		await new Promise(setImmediate);
		assert.deepEqual(published, [{ fact: { ...fact, subjectId: "thg_1" }, messageId: "fct_1" }]);
	});

	test("while the pipe is away waits for the sweep", async () => {
		const { made, publisher, tell, warned, clock } = await setUp();
		made.pipeIsAway = true;
		publisher.publish("thg_1", [await tell()]);
		await new Promise(setImmediate);
		assert.match(warned[0] ?? "", /^thing\.made fct_1 waits for the sweep/);
		made.pipeIsAway = false;
		clock.ms += 30_000;
		assert.deepEqual(await publisher.sweep(false), { pending: 1, published: 1, settled: 0 });
	});
});

describe("a sweep", () => {
	test("settles only what every wanted group has a receipt for", async () => {
		const { made, publisher, tell } = await setUp();
		await tell();
		for (const [users, teams, settled] of [
			[undefined, undefined, 0],
			["done", undefined, 0],
			["trying", "done", 0],
			["parked", "trying", 0],
			["parked", "done", 1],
		] as const) {
			made.receipts = {
				users: users ? { fct_1: users } : {},
				teams: teams ? { fct_1: teams } : {},
			};
			const swept = await publisher.sweep(false);
			assert.deepEqual(swept, { pending: 1 - settled, published: 0, settled }, `${users} ${teams}`);
		}
		assert.deepEqual(await publisher.sweep(false), { pending: 0, published: 0, settled: 0 });
		assert.equal(await made.things.remove({}), 1);
	});

	test("waits for nobody that the deployment does not have", async () => {
		const { publisher, tell, made } = await setUp(["things", "users"]);
		await tell();
		made.receipts = { users: { fct_1: "done" } };
		assert.deepEqual(await publisher.sweep(false), { pending: 0, published: 0, settled: 1 });
		assert.deepEqual(made.asked, [["users", 1]]);
	});

	test("settles a fact that nobody consumes", async () => {
		const { publisher, tell, made } = await setUp();
		await tell("thing.lost");
		assert.deepEqual(await publisher.sweep(false), { pending: 0, published: 0, settled: 1 });
		assert.deepEqual(made.asked, []);
	});

	test("lets go of a fact that nobody consumes only once the pipe has it", async () => {
		const { publisher, tell, made, warned } = await setUp();
		await tell("thing.lost");
		await tell("thing.lost");
		made.pipeIsAway = true;
		assert.deepEqual(await publisher.sweep(true), { pending: 2, published: 0, settled: 0 });
		assert.equal(warned.length, 1);
		made.pipeIsAway = false;
		assert.deepEqual(await publisher.sweep(false), { pending: 0, published: 0, settled: 2 });
		assert.deepEqual(
			made.published.map(({ messageId }) => messageId),
			["fct_1", "fct_2"],
		);
	});

	test("publishes again, under a new message id, what a group has not met in 30 s", async () => {
		const { publisher, tell, clock, published, everybody } = await setUp();
		const fact = await tell();
		clock.ms += 29_999;
		assert.equal((await publisher.sweep(false)).published, 0);
		clock.ms += 1;
		assert.equal((await publisher.sweep(false)).published, 1);
		assert.deepEqual(published[0]?.fact, { ...fact, subjectId: "thg_1" });
		clock.ms += 29_999;
		assert.equal((await publisher.sweep(false)).published, 0, "30 s after it was published last");
		clock.ms += 1;
		assert.equal((await publisher.sweep(false)).published, 1);
		const ids = published.map(({ messageId }) => messageId);
		assert.equal(new Set([...ids, fact.id]).size, 3);
		everybody("fct_1", "trying");
		clock.ms += 60_000;
		assert.equal((await publisher.sweep(false)).published, 0, "who tries keeps its back-off");
	});

	test("that is not to wait publishes at once what nobody has met", async () => {
		const { publisher, tell, made } = await setUp();
		await tell();
		await tell();
		made.receipts = { users: { fct_1: "done" }, teams: { fct_1: "trying" } };
		assert.deepEqual(await publisher.sweep(true), { pending: 2, published: 1, settled: 0 });
		assert.deepEqual(
			made.published.map(({ fact }) => fact.id),
			["fct_2"],
		);
	});

	test("keeps the fact of a group that does not answer, and sends it no copies", async () => {
		const { publisher, tell, made, clock, warned } = await setUp();
		await tell();
		made.receipts = { users: { fct_1: "done" }, teams: undefined };
		for (let i = 0; i < 3; i++) {
			clock.ms += 60_000;
			assert.deepEqual(await publisher.sweep(true), { pending: 1, published: 0, settled: 0 });
		}
		assert.match(warned[0] ?? "", /^teams does not say/);
		made.receipts = { users: { fct_1: "done" }, teams: {} };
		assert.deepEqual(await publisher.sweep(false), { pending: 1, published: 1, settled: 0 });
	});

	test("does not go on publishing to a pipe that is away", async () => {
		const { publisher, tell, made, clock } = await setUp();
		for (let i = 0; i < 5; i++) await tell();
		made.pipeIsAway = true;
		clock.ms += 30_000;
		assert.deepEqual(await publisher.sweep(false), { pending: 5, published: 0, settled: 0 });
		assert.equal(made.warned.length, 1);
		made.pipeIsAway = false;
		assert.deepEqual(await publisher.sweep(false), { pending: 5, published: 5, settled: 0 });
	});

	test("takes each fact of a document by itself", async () => {
		const { publisher, tell, made, things } = await setUp();
		await tell();
		await tell("thing.made", "thg_1");
		await tell("thing.lost", "thg_1");
		made.receipts = { users: { fct_2: "done" }, teams: { fct_2: "done" } };
		assert.deepEqual(await publisher.sweep(false), { pending: 1, published: 0, settled: 2 });
		const [left] = await things.outboxes(9);
		assert.deepEqual(
			left?.facts.map(({ id }) => id),
			["fct_1"],
		);
		assert.equal(await things.remove({}), 0);
	});

	test("frees a document whose fact was written twice under one id", async () => {
		const { publisher, tell, everybody, things } = await setUp();
		const fact = await tell();
		await things.advance({ id: "thg_1" }, { $set: { rank: 1 } }, [fact]);
		everybody(fact.id, "done");
		await publisher.sweep(false);
		await publisher.sweep(false);
		assert.deepEqual(await things.outboxes(9), []);
		assert.equal(await things.remove({}), 1);
	});

	test("goes through all outboxes, asking for up to 500 facts at once", async () => {
		const { publisher, tell, everybody, made } = await setUp(["things", "users"]);
		for (let i = 0; i < 450; i++) everybody((await tell()).id, "done");
		for (let i = 0; i < 700; i++) everybody((await tell("thing.made", "thg_1")).id, "done");
		const swept = await publisher.sweep(false);
		assert.deepEqual(swept, { pending: 0, published: 0, settled: 1_150 });
		assert.ok(made.asked.every(([, count]) => count <= 500));
		assert.deepEqual(await publisher.pending(), { pending: 0, oldestMs: 0 });
	});
});

test("what is pending is counted, with the age of the oldest", async () => {
	const { publisher, tell, clock } = await setUp();
	assert.deepEqual(await publisher.pending(), { pending: 0, oldestMs: 0 });
	await tell();
	clock.ms += 5_000;
	await tell("thing.made", "thg_1");
	clock.ms += 2_000;
	assert.deepEqual(await publisher.pending(), { pending: 2, oldestMs: 7_000 });
});
