import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { connect, type JetStreamManager } from "nats";
import { iso } from "../../../kernel/clock.ts";
import { backOffMs } from "../../../kernel/facts/consumer.ts";
import type { Receipt } from "../../../kernel/facts/contract.ts";
import type { Sweep } from "../../../kernel/facts/publisher.ts";
import { nats, needs } from "../../support/servers.ts";
import { hooksOf } from "./fixtures/heard.ts";
import { latecomers, listeners, newcomers } from "./fixtures/listeners.contract.ts";
import { tellers } from "./fixtures/tellers.contract.ts";
import { fixture, type MeshNode, TestMesh, until } from "./mesh.ts";

/** No schedule runs: who sweeps is the test alone, which has the patience of a busy machine. */
const still = { CRASH_AT: "none:1:before", REQUEST_TIMEOUT_MS: "60000" };

const folders = [tellers, listeners, latecomers, newcomers].map(fixture);
const both = "tellers,listeners";

type Group = "listeners" | "latecomers" | "newcomers";
const keysOf = (prefix: string, count: number) =>
	Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** What the kernel gives services, which no contract lists. */
interface KernelActions {
	"facts.sweep": Sweep;
	"facts.pending": { pending: number; oldestMs: number };
	"facts.parked": { items: Receipt[] };
	"facts.replay": { state: string };
}
const own = <K extends keyof KernelActions>(
	node: MeshNode,
	service: string,
	action: K,
	params = {},
	options = {},
): Promise<KernelActions[K]> =>
	(node.broker as unknown as ServiceBroker).call(`${service}.${action}`, params, options);

const tell = (node: MeshNode, keys: string[]) =>
	Promise.all(keys.map(key => node.broker.call("tellers.tell", { key })));
const end = (node: MeshNode, keys: string[]) =>
	Promise.all(keys.map(key => node.broker.call("tellers.end", { key })));

/** Waits until a group has heard `facts` facts of each of these tales, and sees that it heard nothing twice. */
async function heardAll(node: MeshNode, keys: string[], facts = 1, group: Group = "listeners") {
	const { items } = await until(
		() => node.broker.call(`${group}.heard`),
		({ items }) => items.filter(({ times }) => times >= facts).length >= keys.length,
	);
	const heard = items
		.map(({ id, times }) => [id, times] as const)
		.sort(([a], [b]) => a.localeCompare(b));
	assert.deepEqual(
		heard,
		keys.toSorted((a, b) => a.localeCompare(b)).map(key => [key, facts]),
	);
	return items;
}

/** Sees that every fact leaves its outbox, on receipts that are there already. */
async function outboxesEmpty(node: MeshNode) {
	await until(
		async () => {
			await own(node, "tellers", "facts.sweep", { now: true });
			return own(node, "tellers", "facts.pending");
		},
		({ pending }) => pending === 0,
	);
}

/** What holds whatever carries the facts. */
function everywhere(
	open: (t: TestContext) => Promise<TestMesh>,
	purge: (namespace: string) => Promise<unknown>,
) {
	test("every fact is heard once, and leaves its outbox only after", async t => {
		const mesh = await open(t);
		const hooks = hooksOf(mesh.namespace, "listeners");
		const { promise: gate, resolve: letGo } = Promise.withResolvers<void>();
		t.after(() => letGo());
		const node = await mesh.start(both, both);
		const keys = keysOf("k", 20);
		hooks.before = () => gate;
		await tell(node, keys);
		const swept = await own(node, "tellers", "facts.sweep", {});
		assert.deepEqual(swept, { pending: 20, published: 0, settled: 0 });
		letGo();
		await heardAll(node, keys);
		await outboxesEmpty(node);
		assert.deepEqual(await own(node, "tellers", "facts.sweep", { now: true }), {
			pending: 0,
			published: 0,
			settled: 0,
		});
	});

	test("a handler that fails and heals has its effect once", async t => {
		const mesh = await open(t);
		const hooks = hooksOf(mesh.namespace, "listeners");
		const node = await mesh.start(both, both);
		const keys = keysOf("k", 5);
		let isBroken = true;
		hooks.before = async () => {
			if (isBroken) throw new Error("not today");
		};
		await tell(node, keys);
		// The receipt of a failure is written after it.
		const sweep = await until(
			() => own(node, "tellers", "facts.sweep", { now: true }),
			({ published }) => published === 0,
		);
		assert.deepEqual(sweep, { pending: 5, published: 0, settled: 0 }, "a back-off is kept");
		isBroken = false;
		await heardAll(node, keys);
		await outboxesEmpty(node);
	});

	test("who dies between the effect and its receipt does not do it twice", async t => {
		const mesh = await open(t);
		const hooks = hooksOf(mesh.namespace, "listeners");
		const node = await mesh.start(both, both);
		const keys = keysOf("k", 5);
		const died = new Set<string>();
		let isMortal = true;
		hooks.behind = async key => {
			if (!isMortal) return;
			died.add(key);
			throw new Error("killed");
		};
		await tell(node, keys);
		await until(
			async () => died.size,
			size => size === 5,
		);
		assert.equal((await own(node, "tellers", "facts.pending")).pending, 5);
		isMortal = false;
		await until(
			() => own(node, "tellers", "facts.sweep", { now: true }),
			({ pending }) => pending === 0,
		);
		await heardAll(node, keys);
	});

	test("the later fact may come first", async t => {
		const mesh = await open(t);
		const hooks = hooksOf(mesh.namespace, "listeners");
		const node = await mesh.start(both, both);
		const order: string[] = [];
		hooks.before = async (_key, name) => {
			if (name === "tale.told" && order.length === 0) throw new Error("later");
			order.push(name);
		};
		await tell(node, ["k"]);
		await end(node, ["k"]);
		const [heard] = await heardAll(node, ["k"], 2);
		assert.deepEqual(order, ["tale.ended", "tale.told"]);
		assert.deepEqual(heard, { id: "k", told: true, ended: true, times: 2 });
		await outboxesEmpty(node);
	});

	test("a poisoned fact is parked after 8 tries, stays in sight and can be replayed", async t => {
		const mesh = await open(t);
		const hooks = hooksOf(mesh.namespace, "listeners");
		const node = await mesh.start(both, both);
		let poisoned = true;
		let tried = 0;
		hooks.before = async key => {
			if (key !== "bad" || !poisoned) return;
			tried++;
			throw new Error("cannot digest");
		};
		await tell(node, ["bad", ...keysOf("good", 5)]);
		await heardAll(node, keysOf("good", 5));
		const parked = () => own(node, "listeners", "facts.parked");
		const { items } = await until(
			async () => {
				mesh.clock.forward(backOffMs(8) + 31_000);
				await own(node, "tellers", "facts.sweep", {});
				await sleep(200);
				return parked();
			},
			({ items }) => items.length > 0,
		);
		const [receipt] = items;
		assert.equal(items.length, 1);
		assert.ok(tried >= 8, "a copy may be tried beside another");
		assert.equal(receipt?.name, "tale.told");
		assert.equal(receipt?.tries, 8);
		assert.equal(receipt?.lastError, "cannot digest");
		assert.deepEqual(receipt?.fact?.data, { key: "bad" });
		await outboxesEmpty(node);

		const factId = receipt?.factId as string;
		const replay = () => own(node, "listeners", "facts.replay", { factId });
		assert.deepEqual(await replay(), { state: "parked" });
		assert.equal((await parked()).items[0]?.tries, 9);
		poisoned = false;
		assert.deepEqual(await replay(), { state: "done" });
		assert.deepEqual(await replay(), { state: "done" });
		await heardAll(node, ["bad", ...keysOf("good", 5)]);
		assert.deepEqual(await parked(), { items: [] });
	});

	test("a fact that does not fit its schema has no effect, and is parked", async t => {
		const mesh = await open(t);
		const node = await mesh.start(both, both);
		const fact = { id: "fct_1", name: "tale.told", v: 1, subjectId: "tale", at: iso(Date.now()) };
		let tries = 0;
		const { items } = await until(
			async () => {
				mesh.clock.forward(300_000);
				const messageId = `${fact.id}:${tries++}`;
				await node.platform.pipe.publish({ ...fact, data: { keys: "tale" } }, messageId);
				return own(node, "listeners", "facts.parked");
			},
			({ items }) => items.length > 0,
		);
		assert.match(items[0]?.lastError ?? "", /does not fit its schema/);
		assert.deepEqual(await node.broker.call("listeners.heard"), { items: [] });
	});

	test("what the pipe lost while it was tried is tried again", async t => {
		const mesh = await open(t);
		const hooks = hooksOf(mesh.namespace, "listeners");
		const first = await mesh.start(both, both);
		let failed = 0;
		hooks.before = async () => {
			failed++;
			throw new Error("not yet");
		};
		await tell(first, ["k"]);
		await until(
			async () => failed,
			times => times === 1,
		);
		const failedAt = mesh.clock.now();
		await first.stop();
		await purge(mesh.namespace);
		hooks.before = undefined;
		const node = await mesh.start(both, both);
		mesh.clock.forward(Math.max(0, failedAt + 20_000 - mesh.clock.now()));
		const early = await own(node, "tellers", "facts.sweep", {});
		assert.deepEqual(early, { pending: 1, published: 0, settled: 0 });
		mesh.clock.forward(15_000);
		const late = await own(node, "tellers", "facts.sweep", {});
		assert.deepEqual(late, { pending: 1, published: 1, settled: 0 });
		await heardAll(node, ["k"]);
		await outboxesEmpty(node);
	});

	test("what was told while nobody listened waits for its receipt", async t => {
		const mesh = await open(t);
		const alone = await mesh.start("tellers", both);
		const keys = keysOf("k", 200);
		for (let i = 0; i < 200; i += 50) await tell(alone, keys.slice(i, i + 50));
		assert.deepEqual(
			await own(alone, "tellers", "facts.sweep", { now: true }),
			{ pending: 200, published: 0, settled: 0 },
			"a group that is away gets no second copy",
		);
		await alone.stop();
		const node = await mesh.start(both, both);
		await heardAll(node, keys);
		await outboxesEmpty(node);
	});
}

const dir = await mkdtemp(join(tmpdir(), "zeolite-facts-"));

describe("facts in one process", { concurrency: 6 }, () => {
	everywhere(
		async t => {
			return new TestMesh(t, folders, { ...still, DATA_DIR: await mkdtemp(join(dir, "mesh-")) });
		},
		async () => {},
	);
});

const servers = await needs("nats", "mongo");
// Not before the wait: the tests above may be over by then, and every hook that is there ends what `needs` brings.
after(() => rm(dir, { recursive: true, force: true }));

async function jetstream<R>(work: (manager: JetStreamManager) => Promise<R>): Promise<R> {
	const connection = await connect({ servers: servers?.nats.url as string });
	try {
		return await work(await connection.jetstreamManager());
	} finally {
		await connection.close();
	}
}
const purge = (namespace: string, fact?: string) =>
	jetstream(manager =>
		manager.streams.purge(
			`FACTS_${namespace}`,
			fact ? { filter: `FACTS_${namespace}.${fact}` } : undefined,
		),
	);

if (servers) {
	const env = { ...still, NATS_URL: servers.nats.url, MONGO_URL: servers.mongo.url };
	const open = async (t: TestContext) => new TestMesh(t, folders, env);

	describe("facts over JetStream", { concurrency: 6 }, () => {
		everywhere(open, purge);

		test("a consumer that goes away and comes back has missed nothing", async t => {
			const mesh = await open(t);
			const [teller, first] = await mesh.startAll(["tellers", "listeners"], both);
			const keys = keysOf("k", 60);
			await tell(teller, keys.slice(0, 20));
			await heardAll(first, keys.slice(0, 20));
			await tell(teller, keys.slice(20, 30));
			await first.stop();
			await tell(teller, keys.slice(30));
			const second = await mesh.start("listeners", both);
			await heardAll(second, keys);
			await outboxesEmpty(teller);
		});

		test("two consumers share the facts, also while one of them leaves", async t => {
			const mesh = await open(t);
			const [teller, first, second] = await mesh.startAll(
				["tellers", "listeners", "listeners"],
				both,
			);
			const keys = keysOf("k", 100);
			await tell(teller, keys.slice(0, 50));
			await end(teller, keys.slice(0, 50));
			const rest = tell(teller, keys.slice(50));
			await first.stop();
			await rest;
			await end(teller, keys.slice(50));
			await heardAll(second, keys, 2);
			await outboxesEmpty(teller);
		});

		test("a fact that is delivered again after its receipt is not handled again", async t => {
			const mesh = await open(t);
			const hooks = hooksOf(mesh.namespace, "listeners");
			const node = await mesh.start(both, both);
			await tell(node, ["k"]);
			await heardAll(node, ["k"]);
			let handled = 0;
			hooks.before = async () => void handled++;
			const subject = `FACTS_${mesh.namespace}.tale.told`;
			await jetstream(async manager => {
				const stream = `FACTS_${mesh.namespace}`;
				const { data } = await manager.streams.getMessage(stream, { last_by_subj: subject });
				const client = manager.jetstream();
				for (const msgID of ["again", "and again"]) await client.publish(subject, data, { msgID });
				await until(
					async () => (await manager.consumers.info(stream, "listeners--tale_told")).ack_floor,
					floor => floor.stream_seq === 3,
				);
			});
			assert.equal(handled, 0);
			await heardAll(node, ["k"]);
		});

		for (const { name, harm } of [
			{ name: "a purge of the stream", harm: (stream: string) => purge(stream) },
			{
				name: "a purge of one fact's messages",
				harm: (stream: string) => purge(stream, "tale.ended"),
			},
			{
				name: "a stream that was deleted",
				harm: (namespace: string) =>
					jetstream(manager => manager.streams.delete(`FACTS_${namespace}`)),
			},
			{
				name: "a stream that was made anew",
				harm: (namespace: string) =>
					jetstream(async manager => {
						const { config } = await manager.streams.info(`FACTS_${namespace}`);
						await manager.streams.delete(`FACTS_${namespace}`);
						await manager.streams.add(config);
					}),
			},
		]) {
			test(`${name} while the consumer is away loses nothing`, async t => {
				const mesh = await open(t);
				const [teller, first] = await mesh.startAll(["tellers", "listeners"], both);
				const keys = keysOf("k", 20);
				await tell(teller, keys);
				await heardAll(first, keys);
				await first.stop();
				await end(teller, keys);
				await harm(mesh.namespace);
				const second = await mesh.start("listeners", both);
				await sleep(300);
				const { items } = await second.broker.call("listeners.heard");
				assert.ok(
					items.every(({ times }) => times === 1),
					"the pipe has forgotten the facts",
				);
				mesh.clock.forward(31_000);
				await until(
					() => own(teller, "tellers", "facts.sweep", {}),
					({ published, pending }) => published > 0 || pending === 0,
				);
				await heardAll(second, keys, 2);
				await outboxesEmpty(teller);
			});

			test(`${name} while everybody is at work loses nothing`, async t => {
				const mesh = await open(t);
				const node = await mesh.start(both, both);
				const keys = keysOf("k", 40);
				await tell(node, keys.slice(0, 20));
				await Promise.all([end(node, keys.slice(0, 20)), harm(mesh.namespace)]);
				await tell(node, keys.slice(20));
				await end(node, keys.slice(20));
				await until(
					async () => {
						mesh.clock.forward(31_000);
						await own(node, "tellers", "facts.sweep", {});
						await sleep(200);
						return own(node, "tellers", "facts.pending");
					},
					({ pending }) => pending === 0,
					20_000,
				);
				await heardAll(node, keys, 2);
			});
		}

		test("facts that fail do not hold up the others", async t => {
			const mesh = await open(t);
			const node = await mesh.start(both, both);
			let failed = 0;
			hooksOf(mesh.namespace, "listeners").before = async key => {
				if (!key.startsWith("bad")) return;
				failed++;
				throw new Error("cannot digest");
			};
			await tell(node, keysOf("bad", 100));
			await until(
				async () => failed,
				times => times >= 300,
			);
			await tell(node, ["good"]);
			await heardAll(node, ["good"]);
		});

		test("a service added later hears all of it, or what comes from then on, as it says", async t => {
			const mesh = await open(t);
			const node = await mesh.start(both, both);
			const early = keysOf("early", 20);
			await tell(node, early);
			await heardAll(node, early);
			await outboxesEmpty(node);
			await node.stop();

			const grown = await mesh.start("");
			await heardAll(grown, early, 1, "latecomers");
			const late = keysOf("late", 20);
			await tell(grown, late);
			await heardAll(grown, [...early, ...late], 1, "listeners");
			await heardAll(grown, [...early, ...late], 1, "latecomers");
			await heardAll(grown, late, 1, "newcomers");
			await outboxesEmpty(grown);
		});

		test("a fact waits for each of its groups", async t => {
			const mesh = await open(t);
			const node = await mesh.start(both, "tellers,listeners,latecomers");
			await tell(node, ["k"]);
			await heardAll(node, ["k"]);
			const sweep = () => own(node, "tellers", "facts.sweep", { now: true });
			assert.deepEqual(await sweep(), { pending: 1, published: 0, settled: 0 });
			const late = await mesh.start("latecomers", "tellers,listeners,latecomers");
			await heardAll(late, ["k"], 1, "latecomers");
			await outboxesEmpty(node);
		});

		test("a NATS server that is killed and comes back costs no fact", async t => {
			const server = await nats(t, { own: true });
			assert.ok(server);
			const mesh = new TestMesh(t, folders, { ...env, NATS_URL: server.url });
			const [teller, listener] = await mesh.startAll(["tellers", "listeners"], both);
			const keys = keysOf("k", 120);
			const telling = (async () => {
				for (const key of keys) {
					await teller.broker.call("tellers.tell", { key });
					await sleep(10);
				}
			})();
			await sleep(300);
			await server.kill("SIGKILL");
			await sleep(500);
			await server.restart();
			await telling;
			await until(
				async () => {
					mesh.clock.forward(31_000);
					await own(teller, "tellers", "facts.sweep", {}, { timeout: 60_000 });
					return own(teller, "tellers", "facts.pending");
				},
				({ pending }) => pending === 0,
				30_000,
			);
			await heardAll(listener, keys);
		});

		test("a node stops while its NATS server is gone", async t => {
			const server = await nats(t, { own: true });
			assert.ok(server);
			const mesh = new TestMesh(t, folders, { ...env, NATS_URL: server.url });
			const node = await mesh.start(both, both);
			await server.kill("SIGKILL");
			const stopped = await Promise.race([node.stop().then(() => true), sleep(30_000, false)]);
			await server.restart();
			await node.stop();
			assert.ok(stopped, "a node that hangs is killed with its work half done");
		});
	});
}
