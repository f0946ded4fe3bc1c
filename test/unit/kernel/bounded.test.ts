import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Bounded } from "../../../kernel/bounded.ts";

/** Work that ends when told to. */
class Work {
	begun = 0;
	running = 0;
	most = 0;
	readonly #ends: (() => void)[] = [];

	readonly start = async () => {
		this.begun++;
		this.running++;
		this.most = Math.max(this.most, this.running);
		await new Promise<void>(end => this.#ends.push(end));
		this.running--;
	};

	async end(): Promise<void> {
		this.#ends.shift()?.();
		await new Promise(setImmediate);
	}
}

const codes = async (runs: Promise<unknown>[]): Promise<string[]> =>
	(await Promise.allSettled(runs)).map(run =>
		run.status === "fulfilled" ? "ok" : run.reason.type,
	);

test("as many as allowed run, the rest in their order", async () => {
	const work = new Work();
	const bounded = new Bounded({ atOnce: 2, longestWaitMs: 1_000 });
	const runs = Array.from({ length: 5 }, () => bounded.run(work.start));
	assert.equal(work.begun, 2);
	for (let i = 0; i < 5; i++) await work.end();
	assert.deepEqual(await codes(runs), ["ok", "ok", "ok", "ok", "ok"]);
	assert.equal(work.most, 2);
});

test("whoever waits too long is refused and never begun, and makes place for who came later", async () => {
	let now = 0;
	const work = new Work();
	const bounded = new Bounded({ atOnce: 1, longestWaitMs: 100 }, () => now);
	const first = [bounded.run(work.start), bounded.run(work.start)];
	now = 90;
	const came = codes([...first, bounded.run(work.start)]);
	now = 101;
	await work.end();
	await work.end();
	assert.deepEqual(await came, ["ok", "SERVICE_UNAVAILABLE", "ok"]);
	assert.equal(work.begun, 2);
});

test("what fails makes place too", async () => {
	const bounded = new Bounded({ atOnce: 1, longestWaitMs: 100 });
	await assert.rejects(
		bounded.run(() => Promise.reject(new Error("broken"))),
		/broken/,
	);
	assert.equal(await bounded.run(async () => 1), 1);
});

test("whatever comes and ends when, no place is lost and none is made", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.integer({ min: 1, max: 4 }),
			fc.array(fc.constantFrom("run", "end", "wait"), { maxLength: 60 }),
			async (atOnce, steps) => {
				let now = 0;
				const work = new Work();
				const bounded = new Bounded({ atOnce, longestWaitMs: 10 }, () => now);
				const runs: Promise<void>[] = [];
				for (const step of steps) {
					if (step === "run") runs.push(bounded.run(work.start).catch(() => {}));
					if (step === "end") await work.end();
					if (step === "wait") now += 7;
				}
				for (let i = 0; i <= steps.length; i++) await work.end();
				await Promise.all(runs);
				assert.ok(work.most <= atOnce);
				assert.equal(work.running, 0);
				const after = Array.from({ length: atOnce }, () => bounded.run(work.start));
				assert.equal(work.running, atOnce);
				for (let i = 0; i < atOnce; i++) await work.end();
				await Promise.all(after);
			},
		),
	);
});
