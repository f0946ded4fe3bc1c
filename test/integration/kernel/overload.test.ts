import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { ServiceBroker } from "moleculer";
import { codeOf } from "../../../kernel/errors.ts";
import { sayGoodbyeFor } from "../../../kernel/link-watch.ts";
import { TcpProxy } from "../../drills/harness/tcp-proxy.ts";
import { needs } from "../../support/servers.ts";
import { keyrings } from "./fixtures/vaults.contract.ts";
import { fronts, workers } from "./fixtures/workers.contract.ts";
import { begun } from "./fixtures/workers.service.ts";
import { fixture, type MeshNode, TestMesh, until } from "./mesh.ts";

/** As `moleculer.config.ts` has it. */
const concurrency = 256;

const brokerOf = ({ broker }: MeshNode) => broker as unknown as ServiceBroker;
const idOf = (node: MeshNode): string => brokerOf(node).nodeID;

interface Transit {
	pendingRequests: Map<string, unknown>;
}
const transitOf = (node: MeshNode) => brokerOf(node).transit as unknown as Transit;

const codeFrom = (call: Promise<unknown>): Promise<string | undefined> =>
	call.then(() => "none", codeOf);

const together = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
	Promise.all(Array.from({ length: count }, make));

/** Which nodes began something since the last look. */
const looked = (): string[] => begun.splice(0);

/** Waits until a node has so many workers to call. */
const sees = (node: MeshNode, count: number) =>
	until(
		async () =>
			brokerOf(node)
				.registry.getServiceList({ onlyAvailable: true })
				.filter(({ name }: { name: string }) => name === "workers").length,
		seen => seen === count,
	);

const servers = await needs("nats", "mongo");
if (servers)
	describe("a call that cannot be answered", () => {
		const nats = new URL(servers.nats.url);

		/** A caller whose link can be cut, and workers; the first has the keys. */
		async function open(t: TestContext, workersToo = 0) {
			const proxy = await TcpProxy.open(Number(nats.port));
			const folders = [workers, fronts, keyrings].map(fixture);
			const mesh = new TestMesh(t, folders, {
				NATS_URL: nats.href,
				MONGO_URL: servers?.mongo.url as string,
			});
			const reach = { NATS_URL: `nats://127.0.0.1:${proxy.port}` };
			const [caller, worker, ...more] = await Promise.all([
				mesh.start("fronts", "", reach),
				mesh.start("workers,keyrings"),
				...Array.from({ length: workersToo }, () => mesh.start("workers")),
			]);
			// Last: a node without its link has nobody to say goodbye to.
			t.after(() => proxy.close());
			await sees(caller, 1 + workersToo);
			looked();
			return { caller, worker, more, proxy };
		}

		/** Cuts a link; resolves when its node knows. */
		async function cut(node: MeshNode, proxy: TcpProxy): Promise<void> {
			await proxy.set({ down: true });
			await until(async () => node.platform.links.isLost("transport"), Boolean);
		}

		test("because it queued for longer than its caller waits is not run", async t => {
			const { caller, worker } = await open(t);
			const write = (ms: number, timeout: number) =>
				caller.broker.call("workers.write", { ms }, { timeout });
			const slow = together(concurrency, () => write(4_000, 30_000));
			await until(
				async () => begun.length,
				length => length === concurrency,
			);
			const late = await together(10, () => codeFrom(write(0, 300)));
			assert.deepEqual(late, Array(10).fill("REQUEST_TIMEOUT"));
			const patient = await write(0, 30_000);
			assert.deepEqual(patient, { nodeID: idOf(worker) });
			await slow;
			assert.equal(looked().length, concurrency + 1);
			const text = await worker.platform.metrics.text();
			assert.match(text, /action="workers\.write",type="REQUEST_SKIPPED"\} 10\n/);
		});

		test("because the link is lost for a moment is made when it is back", async t => {
			const { caller, proxy } = await open(t);
			await cut(caller, proxy);
			const calls = (["workers.write", "workers.read"] as const).map(name =>
				caller.broker.call(name, { ms: 0 }),
			);
			await proxy.clear();
			await Promise.all(calls);
			assert.equal(looked().length, 2);
		});

		test("because the link is lost fails at once, and is not sent when that is back", async t => {
			const { caller, proxy } = await open(t);
			await cut(caller, proxy);
			await until(
				async () => caller.platform.links.isSettling("transport"),
				is => !is,
			);
			for (const name of ["workers.write", "workers.read"] as const)
				assert.equal(await codeFrom(caller.broker.call(name, { ms: 0 })), "SERVICE_NOT_AVAILABLE");
			assert.equal(transitOf(caller).pendingRequests.size, 0);
			await proxy.clear();
			await until(
				async () => caller.platform.links.isLost("transport"),
				isLost => !isLost,
			);
			await sees(caller, 1);
			await caller.broker.call("workers.write", { ms: 0 });
			assert.equal(looked().length, 1);
		});

		test("because the link breaks meanwhile ends at once", async t => {
			const { caller, proxy } = await open(t);
			const calls = together(5, () =>
				codeFrom(caller.broker.call("workers.write", { ms: 4_000 }, { timeout: 20_000 })),
			);
			await until(
				async () => begun.length,
				length => length === 5,
			);
			await cut(caller, proxy);
			assert.deepEqual(await calls, Array(5).fill("REQUEST_REJECTED"));
			assert.equal(transitOf(caller).pendingRequests.size, 0);
			assert.equal(looked().length, 5);
		});

		test("because the link breaks is not waited for by a read for longer than its caller waits", async t => {
			const { caller, proxy } = await open(t);
			const read = codeFrom(caller.broker.call("workers.read", { ms: 4_000 }, { timeout: 2_000 }));
			await until(
				async () => begun.length,
				length => length === 1,
			);
			t.mock.method(caller.platform.links, "isSettling", () => true);
			await cut(caller, proxy);
			const next = codeFrom(caller.broker.call("workers.read", { ms: 0 }, { timeout: 500 }));
			for (const code of [await read, await next])
				assert.match(String(code), /^(REQUEST_TIMEOUT|SERVICE_NOT_AVAILABLE)$/);
		});

		test("by a node that is stopping is made again elsewhere, a write too", async t => {
			const { caller, worker, more } = await open(t, 1);
			const [stopping] = more as [MeshNode];
			// As it is for what was sent before everybody heard of it.
			brokerOf(stopping).stopping = true;
			const first = { nodeID: idOf(stopping) };
			for (let i = 0; i < 5; i++) await caller.broker.call("workers.write", { ms: 0 }, first);
			brokerOf(stopping).stopping = false;
			assert.deepEqual(looked(), Array(5).fill(idOf(worker)));
		});

		test("by a node that died is made again elsewhere only where it reads", async t => {
			const { caller, worker, more } = await open(t, 1);
			const [dead] = more as [MeshNode];
			const at = (node: MeshNode) => ({ nodeID: idOf(node), timeout: 20_000 });
			const write = codeFrom(caller.broker.call("workers.write", { ms: 2_000 }, at(dead)));
			const read = caller.broker.call("workers.read", { ms: 2_000 }, at(dead));
			await until(
				async () => begun.length,
				length => length === 2,
			);
			await sayGoodbyeFor(brokerOf(worker), idOf(dead));
			assert.equal(await write, "REQUEST_REJECTED");
			assert.deepEqual(await read, { nodeID: idOf(worker) });
			assert.deepEqual(looked(), [idOf(dead), idOf(dead), idOf(worker)]);
		});

		test("by a node that cannot follow is made elsewhere where a client waits", async t => {
			const { caller, worker, more } = await open(t, 1);
			const [busy] = more as [MeshNode];
			const { lag } = busy.platform;
			lag.stop();
			for (let turn = 0; turn < 5; turn++) lag.add(300);
			for (let i = 0; i < 6; i++) await caller.broker.call("fronts.write", { ms: 0 });
			assert.deepEqual(looked(), Array(6).fill(idOf(worker)));
			assert.match(await busy.platform.metrics.text(), /zeolite_shed_total\{reason="lag"\} [1-9]/);
			const own = await caller.broker.call("workers.write", { ms: 0 }, { nodeID: idOf(busy) });
			assert.deepEqual(own, { nodeID: idOf(busy) }, "what services ask for themselves it does");
		});

		test("is given up when the time of the first attempt is over", async t => {
			const { caller } = await open(t, 1);
			await sees(caller, 2);
			const timeout = 2_000;
			const from = performance.now();
			const read = caller.broker.call("workers.read", { ms: 8_000 }, { timeout });
			assert.equal(await codeFrom(read), "REQUEST_TIMEOUT");
			assert.ok(performance.now() - from < 2 * timeout);
			const { length } = looked();
			assert.ok(length > 1 && length <= 4, `${length} attempts`);
		});
	});
