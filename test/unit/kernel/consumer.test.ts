import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Errors } from "moleculer";
import { platformProblem } from "../../../kernel/errors.ts";
import { backOffMs, Consumer, receiptsModel } from "../../../kernel/facts/consumer.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const fact = (id = "fct_1"): StoredFact => ({
	id,
	name: "thing.made",
	v: 1,
	subjectId: "thg_1",
	at: "2026-05-01T12:00:00.000Z",
	data: { thingId: "thg_1" },
});

/** A consumer whose handler a test decides over. */
async function setUp() {
	const clock = new StillClock();
	const receipts = await memoryCollection(receiptsModel("things"));
	const made = {
		clock,
		receipts,
		handled: [] as string[],
		warned: [] as string[],
		lags: [] as number[],
		fails: undefined as undefined | (() => unknown),
		receipt: (id = "fct_1") => receipts.get(`things:${id}`),
	};
	const consumer = new Consumer({
		group: "things",
		receipts,
		clock,
		async handle({ id }) {
			made.handled.push(id);
			const error = await made.fails?.();
			if (error !== undefined) throw error;
		},
		onDone: lagMs => made.lags.push(lagMs),
		warn: message => made.warned.push(message),
	});
	return { ...made, consumer, made };
}
const failing = () => new Error("broken");
const away = () => new Errors.ServiceNotAvailableError({ action: "users.get", nodeID: "n" });

/** Delivers a fact once for each try, when its back-off is over. */
async function tryTimes({ consumer, clock }: Awaited<ReturnType<typeof setUp>>, times: number) {
	const waits: number[] = [];
	for (let i = 0; i < times; i++) {
		const outcome = await consumer.receive(fact());
		if (outcome.done) break;
		waits.push(outcome.retryInMs);
		clock.ms += outcome.retryInMs;
	}
	return waits;
}

describe("the back-off", () => {
	test("doubles from 1 s to 5 min", () => {
		const table = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 60].map(tries => backOffMs(tries) / 1_000);
		assert.deepEqual(table, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
	});
});

describe("a fact that is handled", () => {
	test("leaves a receipt, and is not handled again", async () => {
		const { consumer, handled, receipt, clock, made } = await setUp();
		clock.ms += 250;
		assert.deepEqual(await consumer.receive(fact()), { done: true });
		assert.deepEqual(await receipt(), {
			id: "things:fct_1",
			factId: "fct_1",
			name: "thing.made",
			state: "done",
			tries: 1,
			at: clock.ms,
		});
		for (let i = 0; i < 3; i++) assert.deepEqual(await consumer.receive(fact()), { done: true });
		assert.deepEqual(handled, ["fct_1"]);
		assert.deepEqual(made.lags, [250]);
	});

	test("at the same time on two nodes has one receipt, done", async () => {
		const { consumer, receipts } = await setUp();
		const outcomes = await Promise.all([1, 2, 3].map(() => consumer.receive(fact())));
		assert.deepEqual(outcomes, [{ done: true }, { done: true }, { done: true }]);
		const found = await receipts.find({});
		assert.deepEqual(
			found.map(({ state }) => state),
			["done"],
		);
	});

	test("on one node while it fails on another stays done", async () => {
		const { consumer, made, receipt } = await setUp();
		const { promise, reject: fail } = Promise.withResolvers<never>();
		made.fails = () => promise;
		const slow = consumer.receive(fact());
		while (made.handled.length === 0) await new Promise(setImmediate);
		made.fails = undefined;
		await consumer.receive(fact());
		fail(new Error("too late"));
		await slow;
		assert.equal((await receipt())?.state, "done");
		assert.equal((await receipt())?.nextAt, undefined);
	});
});

describe("a fact that fails", () => {
	test("is tried after its back-off and not before", async () => {
		const { consumer, made, handled, clock, receipt } = await setUp();
		made.fails = failing;
		assert.deepEqual(await consumer.receive(fact()), { done: false, retryInMs: 1_000 });
		const trying = await receipt();
		assert.equal(trying?.state, "trying");
		assert.equal(trying?.tries, 1);
		assert.equal(trying?.nextAt, clock.ms + 1_000);
		assert.equal(trying?.lastError, "broken");
		assert.deepEqual(trying?.fact, fact());
		clock.ms += 400;
		assert.deepEqual(await consumer.receive(fact()), { done: false, retryInMs: 600 });
		assert.equal(handled.length, 1);
		clock.ms += 600;
		made.fails = undefined;
		assert.deepEqual(await consumer.receive(fact()), { done: true });
		const done = await receipt();
		assert.equal(done?.state, "done");
		assert.equal(done?.tries, 2);
		for (const field of ["nextAt", "lastError", "fact"] as const)
			assert.equal(done?.[field], undefined);
	});

	test("is parked at its 8th failure, and not tried any more", async () => {
		const context = await setUp();
		context.made.fails = failing;
		const waits = await tryTimes(context, 20);
		assert.deepEqual(
			waits,
			[1, 2, 4, 8, 16, 32, 64].map(s => s * 1_000),
		);
		assert.equal(context.handled.length, 8);
		const parked = await context.receipt();
		assert.equal(parked?.state, "parked");
		assert.equal(parked?.tries, 8);
		assert.equal(parked?.lastError, "broken");
		assert.deepEqual(parked?.fact, fact());
		assert.deepEqual(await context.consumer.receive(fact()), { done: true });
		assert.equal(context.handled.length, 8);
		assert.match(
			context.made.warned.at(-1) ?? "",
			/^things could not handle thing\.made fct_1, try 8, parked$/,
		);
	});

	test("for a service that is away is not parked, however often", async () => {
		const context = await setUp();
		context.made.fails = away;
		const waits = await tryTimes(context, 30);
		assert.equal(waits.length, 30);
		assert.equal(waits.at(-1), 300_000);
		assert.equal((await context.receipt())?.state, "trying");
		context.made.fails = () => platformProblem("SERVICE_UNAVAILABLE");
		assert.equal((await tryTimes(context, 10)).length, 10);
	});

	test("has all of its 8 tries after an outage", async () => {
		const context = await setUp();
		context.made.fails = away;
		await tryTimes(context, 12);
		context.made.fails = failing;
		assert.equal((await tryTimes(context, 20)).length, 7);
		assert.equal((await context.receipt())?.state, "parked");
		assert.equal(context.handled.length, 12 + 8);
	});

	test("goes on with its tries on another node, or after a restart", async () => {
		const context = await setUp();
		context.made.fails = failing;
		await tryTimes(context, 5);
		const other = new Consumer({
			group: "things",
			receipts: context.receipts,
			clock: context.clock,
			handle: async () => {
				throw failing();
			},
			onDone: () => {},
			warn: () => {},
		});
		assert.deepEqual(await other.receive(fact()), { done: false, retryInMs: 32_000 });
	});

	test("with something that is no error is taken like one", async () => {
		for (const thrown of [null, "text", { code: 5 }]) {
			const { consumer, made, receipt } = await setUp();
			made.fails = () => thrown;
			assert.deepEqual(await consumer.receive(fact()), { done: false, retryInMs: 1_000 });
			assert.equal((await receipt())?.lastError, String(thrown));
		}
	});

	test("whose receipt cannot be written is not done", async () => {
		const { receipts, clock } = await setUp();
		const broken = Object.assign(Object.create(receipts), {
			get: async () => null,
			advance: async () => {
				throw new Error("no disk");
			},
		});
		const consumer = new Consumer({
			group: "things",
			receipts: broken,
			clock,
			handle: async () => {},
			onDone: () => {},
			warn: () => {},
		});
		await assert.rejects(consumer.receive(fact()), /no disk/);
	});
});

describe("what a publisher is told", () => {
	test("is how far each fact is; one that was never met is left out", async () => {
		const { consumer, made, clock } = await setUp();
		await consumer.receive(fact("fct_done"));
		made.fails = failing;
		await consumer.receive(fact("fct_trying"));
		for (let i = 0; i < 8; i++) {
			await consumer.receive(fact("fct_parked"));
			clock.ms += 300_000;
		}
		await consumer.receive(fact("fct_trying"));
		const ids = ["fct_done", "fct_trying", "fct_parked", "fct_unmet"];
		assert.deepEqual(await consumer.states(ids), {
			fct_done: "done",
			fct_trying: "trying",
			fct_parked: "parked",
		});
		assert.deepEqual(await consumer.states([]), {});
	});

	test("leaves out a try that is 30 s overdue: the pipe has lost it", async () => {
		const { consumer, made, clock } = await setUp();
		made.fails = failing;
		await consumer.receive(fact());
		clock.ms += 1_000 + 29_999;
		assert.deepEqual(await consumer.states(["fct_1"]), { fct_1: "trying" });
		clock.ms += 1;
		assert.deepEqual(await consumer.states(["fct_1"]), {});
	});
});

describe("a parked fact", () => {
	async function parked() {
		const context = await setUp();
		context.made.fails = failing;
		await tryTimes(context, 20);
		context.handled.length = 0;
		return context;
	}

	test("is listed, the last one first", async () => {
		const { consumer, clock } = await parked();
		clock.ms += 1_000;
		for (let i = 0; i < 8; i++) {
			await consumer.receive(fact("fct_2"));
			clock.ms += 300_000;
		}
		const found = await consumer.parked();
		assert.deepEqual(
			found.map(({ factId }) => factId),
			["fct_2", "fct_1"],
		);
	});

	test("is tried once by a replay, and stays parked when it fails", async () => {
		const { consumer, made, handled, receipt } = await parked();
		made.fails = () => new Error("still broken");
		assert.equal(await consumer.replay("fct_1"), "parked");
		assert.equal(handled.length, 1);
		assert.equal((await receipt())?.lastError, "still broken");
		assert.equal((await receipt())?.tries, 9);
		made.fails = away;
		assert.equal(await consumer.replay("fct_1"), "parked", "nothing would bring it again");
		assert.equal((await consumer.parked()).length, 1);
	});

	test("is in sight while a replay is at it, so that a crash hides nothing", async () => {
		const { consumer, made } = await parked();
		let during: string[] = [];
		made.fails = () =>
			consumer.parked().then(found => {
				during = found.map(({ factId }) => factId);
				throw new Error("killed");
			});
		await consumer.replay("fct_1");
		assert.deepEqual(during, ["fct_1"]);
	});

	test("is done once a replay succeeds", async () => {
		const { consumer, made, handled, receipt } = await parked();
		made.fails = undefined;
		assert.equal(await consumer.replay("fct_1"), "done");
		assert.deepEqual(made.lags, [made.clock.ms - Date.parse(fact().at)]);
		assert.equal((await receipt())?.fact, undefined);
		assert.equal(await consumer.replay("fct_1"), "done");
		assert.equal(handled.length, 1);
		assert.deepEqual(await consumer.parked(), []);
	});

	test("is not tried by a replay of another", async () => {
		const { consumer, handled } = await parked();
		assert.equal(await consumer.replay("fct_unmet"), "unknown");
		assert.deepEqual(handled, []);
	});
});

test("receipts go after 90 days, but those of what is open stay", async () => {
	const { consumer, made, receipts, clock } = await setUp();
	await consumer.receive(fact("fct_old"));
	made.fails = failing;
	for (let i = 0; i < 8; i++) {
		await consumer.receive(fact("fct_parked"));
		clock.ms += 300_000;
	}
	await consumer.receive(fact("fct_trying"));
	clock.ms += 90 * 86_400_000;
	made.fails = undefined;
	await consumer.receive(fact("fct_new"));
	await consumer.prune();
	assert.deepEqual(
		(await receipts.find({}, { sort: { id: 1 } })).map(({ factId }) => factId),
		["fct_new", "fct_parked", "fct_trying"],
	);
});
