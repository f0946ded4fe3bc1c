import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { MemoryPipe } from "../../../kernel/facts/memory-pipe.ts";
import type { Outcome } from "../../../kernel/facts/pipe.ts";

const fact = (id = "fct_1", name = "thing.made"): StoredFact => ({
	id,
	name,
	v: 1,
	subjectId: "thg_1",
	at: "2026-05-01T12:00:00.000Z",
	data: { list: [1] },
});
const soon = () => sleep(20);

/** A pipe with one group that hears `thing.made`. */
async function setUp(handle: (fact: StoredFact) => Promise<Outcome>, group = "things") {
	const pipe = new MemoryPipe();
	await pipe.subscribe({ group, fact: "thing.made", from: "start", handle });
	return pipe;
}

test("a fact reaches each group that hears it, as a copy of its own, after the write is over", async () => {
	const heard: string[] = [];
	const told = fact();
	const pipe = await setUp(async received => {
		heard.push(`things ${received.id}`);
		(received.data.list as number[]).push(2);
		return { done: true };
	});
	await pipe.subscribe({
		group: "users",
		fact: "thing.made",
		from: "start",
		async handle(received) {
			heard.push(`users ${JSON.stringify(received.data)}`);
			return { done: true };
		},
	});
	await pipe.publish(told);
	await pipe.publish(fact("fct_2", "thing.lost"));
	assert.deepEqual(heard, [], "the publisher does not wait for its consumers");
	await soon();
	assert.deepEqual(heard, ["things fct_1", 'users {"list":[1]}']);
	assert.deepEqual(told, fact());
	await pipe.stop();
});

test("a fact that is not done comes again after the time that was asked for", async () => {
	const at: number[] = [];
	const pipe = await setUp(async () => {
		at.push(performance.now());
		return at.length < 3 ? { done: false, retryInMs: 30 } : { done: true };
	});
	await pipe.publish(fact());
	while (at.length < 3) await sleep(10);
	await sleep(50);
	assert.equal(at.length, 3);
	assert.ok((at[1] as number) - (at[0] as number) >= 29);
	await pipe.stop();
});

test("a delivery that throws comes again, and ends neither the pipe nor the process", async t => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const unhandled: unknown[] = [];
	const note = (error: unknown) => unhandled.push(error);
	process.on("unhandledRejection", note);
	let times = 0;
	const pipe = await setUp(async () => {
		times++;
		if (times === 1) throw new Error("the receipt could not be kept");
		return { done: true };
	});
	await pipe.publish(fact());
	t.mock.timers.tick(1);
	await new Promise(setImmediate);
	t.mock.timers.tick(999);
	await new Promise(setImmediate);
	assert.equal(times, 1);
	t.mock.timers.tick(1);
	await new Promise(setImmediate);
	assert.equal(times, 2);
	process.off("unhandledRejection", note);
	assert.deepEqual(unhandled, []);
	await pipe.stop();
});

test("who leaves is waited for, and hears nothing more", async () => {
	let started = 0;
	let ended = 0;
	const { promise: gate, resolve: letGo } = Promise.withResolvers<void>();
	const pipe = await setUp(async () => {
		started++;
		await gate;
		ended++;
		return { done: false, retryInMs: 1 };
	});
	await pipe.publish(fact());
	while (started === 0) await soon();
	await pipe.publish(fact("fct_2"));
	const left = pipe.unsubscribe("things");
	letGo();
	await left;
	assert.deepEqual([started, ended], [1, 1]);
	await pipe.publish(fact("fct_3"));
	await sleep(60);
	assert.deepEqual([started, ended], [1, 1]);
	await pipe.stop();
});

test("the others go on when one leaves", async () => {
	const heard: string[] = [];
	const hear = (group: string) => async () => {
		heard.push(group);
		return { done: true } as const;
	};
	const pipe = await setUp(hear("things"));
	await pipe.subscribe({ group: "users", fact: "thing.made", from: "now", handle: hear("users") });
	await pipe.publish(fact());
	await pipe.unsubscribe("things");
	await pipe.unsubscribe("nobody");
	await soon();
	assert.deepEqual(heard, ["users"]);
	await pipe.stop();
	await pipe.publish(fact());
	await soon();
	assert.deepEqual(heard, ["users"]);
});
