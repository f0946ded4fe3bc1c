import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Registry } from "prom-client";
import { AnswersCache, Fuse, type Shelf } from "../../../kernel/cache.ts";
import type { AnswerCache, Identity } from "../../../kernel/contract.ts";
import { Counts } from "../../../kernel/middlewares/series.ts";

/** A shelf in memory whose time does not pass, and which can be made to hang or break. */
class Board implements Shelf {
	readonly kept = new Map<string, string>();
	asked = 0;
	state: "fine" | "hangs" | "breaks" = "fine";

	async read(keys: readonly string[]): Promise<unknown[]> {
		await this.#pass();
		return keys.map(key => {
			const text = this.kept.get(key);
			return text === undefined ? null : JSON.parse(text);
		});
	}

	async write(key: string, value: unknown): Promise<void> {
		await this.#pass();
		this.kept.set(key, JSON.stringify(value));
	}

	async drop(key: string): Promise<void> {
		await this.#pass();
		this.kept.delete(key);
	}

	async #pass(): Promise<void> {
		this.asked++;
		if (this.state === "breaks") throw new Error("connection refused");
		if (this.state === "hangs") await new Promise(() => {});
	}
}

interface Asking {
	params?: Record<string, unknown>;
	caller?: Partial<Identity>;
}

/** An action of a world with one thing in it. */
function actionOn(cache: AnswerCache, clock = { now: 0 }) {
	const board = new Board();
	const registry = new Registry();
	const counts = new Counts({ name: "lookups", help: "", registry });
	const answers = new AnswersCache(board, counts, new Fuse(() => clock.now));
	const world = { status: "published", title: "one", runs: 0, before: async () => {} };
	const handler = async (_ctx: unknown) => {
		world.runs++;
		const { status, title } = world;
		await world.before();
		return { status, title };
	};
	const params = ["id", "page"];
	const wrapped = answers.wrap(handler, { name: "things.get", cache: { ...cache, params } });
	return {
		board,
		world,
		clock,
		forget: (about: string) => answers.forget("things.get", about),
		async ask({ params = { id: "thing" }, caller }: Asking = {}): Promise<string> {
			const answer = (await wrapped({ params, locals: { caller } } as never)) as typeof world;
			await pause(0);
			return answer.title;
		},
		counted: (outcome: string) => counts.of({ action: "things.get", outcome }).value,
	};
}

const shared = { ttlSeconds: 5, about: "id", sharedWhile: "published" } as const;
const own = { ttlSeconds: 3, about: "caller", exceptWith: "courseId" } as const;
const ann = { id: "usr_ann", roles: [] } as unknown as Identity;
const bob = { id: "usr_bob", roles: [] } as unknown as Identity;

describe("an answer for everybody", () => {
	test("is made once, until it is forgotten", async () => {
		const { ask, world, forget, counted } = actionOn(shared);
		for (const caller of [undefined, ann, bob])
			assert.equal(await ask({ ...(caller && { caller }) }), "one");
		assert.deepEqual([world.runs, counted("miss"), counted("hit")], [1, 1, 2]);
		world.title = "two";
		assert.equal(await ask(), "one");
		await forget("another");
		assert.equal(await ask(), "one");
		await forget("thing");
		assert.equal(await ask(), "two");
		assert.equal(await ask(), "two");
		assert.equal(world.runs, 2);
	});

	test("ends with its time, also where the shelf has it for longer", async t => {
		const { ask, world } = actionOn(shared);
		let now = Date.now();
		t.mock.method(Date, "now", () => now);
		await ask();
		now += 4_999;
		await ask();
		assert.equal(world.runs, 1);
		now += 1;
		await ask();
		assert.equal(world.runs, 2);
	});

	test("is for one thing and its params", async () => {
		const { ask, world } = actionOn(shared);
		await ask();
		await ask({ params: { id: "other" } });
		await ask({ params: { id: "thing", page: 2 } });
		assert.equal(world.runs, 3);
		await ask({ params: { utm_source: "mail", page: 2, id: "thing" } });
		assert.equal(world.runs, 3, "what is no param of it, and their order, change no answer");
	});

	test("is not kept while not everybody may see it", async () => {
		const { ask, world } = actionOn(shared);
		world.status = "draft";
		for (const _ of [1, 2]) await ask({ caller: ann });
		assert.equal(world.runs, 2);
	});

	test("that was made from what was there before is not given after a change", async () => {
		const { ask, world, forget } = actionOn(shared);
		await ask();
		await forget("thing");
		let go = () => {};
		world.before = () =>
			new Promise(resolve => {
				go = resolve;
			});
		const slow = ask();
		await pause(5);
		world.title = "two";
		await forget("thing");
		world.before = async () => {};
		go();
		assert.equal(await slow, "one");
		assert.equal(await ask(), "two");
	});

	test("also where nothing was known of the thing before", async () => {
		const { ask, world, forget } = actionOn(shared);
		let go = () => {};
		world.before = () =>
			new Promise(resolve => {
				go = resolve;
			});
		const slow = ask();
		await pause(5);
		world.title = "two";
		await forget("thing");
		world.before = async () => {};
		go();
		await slow;
		assert.equal(await ask(), "two");
	});
});

describe("an answer of one's own", () => {
	test("is nobody else's, and forgotten for one alone", async () => {
		const { ask, world, forget } = actionOn(own);
		await ask({ params: {}, caller: ann });
		world.title = "two";
		assert.equal(await ask({ params: {}, caller: bob }), "two");
		assert.equal(await ask({ params: {}, caller: ann }), "one");
		await forget("usr_ann");
		assert.equal(await ask({ params: {}, caller: ann }), "two");
		assert.equal(world.runs, 3);
	});

	test("is not kept for nobody, nor with the param that makes it another's", async () => {
		const { ask, world } = actionOn(own);
		for (const _ of [1, 2]) {
			await ask({ params: {} });
			await ask({ params: { courseId: "crs_1" }, caller: ann });
		}
		assert.equal(world.runs, 4);
	});

	test("about a param is kept for each caller", async () => {
		const { ask, world, forget } = actionOn({ ttlSeconds: 10, about: "id" });
		for (const caller of [ann, bob, ann, bob]) await ask({ caller });
		assert.equal(world.runs, 2);
		await forget("thing");
		for (const caller of [ann, bob]) await ask({ caller });
		assert.equal(world.runs, 4);
	});
});

describe("a cache that", () => {
	test("hangs costs one short wait, then nobody waits for 5 s, then one does", async () => {
		const { ask, board, clock, counted, forget } = actionOn(shared);
		await ask();
		board.state = "hangs";
		const timed = async (act: () => Promise<unknown>) => {
			const before = performance.now();
			await act();
			return performance.now() - before;
		};
		const first = await timed(ask);
		assert.ok(first > 90 && first < 10_000, `${first} ms`);
		const { asked } = board;
		for (let i = 0; i < 50; i++) await ask();
		await forget("thing");
		assert.deepEqual([board.asked, counted("failure"), counted("skipped")], [asked, 1, 50]);
		clock.now = 5_001;
		await Promise.all(Array.from({ length: 20 }, () => ask()));
		assert.equal(board.asked, asked + 1, "one asks for all");
		board.state = "fine";
		clock.now = 11_000;
		await ask();
		const hits = counted("hit");
		await ask();
		assert.equal(counted("hit"), hits + 1);
	});

	test("breaks or holds something odd is as none", async () => {
		const { ask, board, world, clock } = actionOn(shared);
		board.state = "breaks";
		assert.equal(await ask(), "one");
		board.state = "fine";
		clock.now = 6_000;
		await ask();
		for (const odd of ["7", "null", '"x"', "{}", "[]"]) {
			for (const key of board.kept.keys()) board.kept.set(key, odd);
			world.title = odd;
			assert.equal(await ask(), odd);
		}
		for (const key of board.kept.keys()) board.kept.set(key, "{");
		assert.equal(await ask(), "[]");
	});

	test("was emptied has nothing, and goes on", async () => {
		const { ask, board, counted } = actionOn(shared);
		await ask();
		board.kept.clear();
		await ask();
		await ask();
		assert.deepEqual([counted("miss"), counted("hit"), counted("failure")], [2, 1, 0]);
	});
});
