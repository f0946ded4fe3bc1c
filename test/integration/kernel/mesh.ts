import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "nats";
import type { Broker, Contract } from "../../../kernel/contract.ts";
import { readEnv } from "../../../kernel/env.ts";
import type { ServiceFolder } from "../../../kernel/load.ts";
import { createNode, type Node } from "../../../kernel/node.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import { acquainted, folderOf } from "../../support/node.ts";

/** A test service beside its contract in `fixtures/`. */
export const fixture = (contract: Contract) =>
	folderOf(contract, join(import.meta.dirname, "fixtures", `${contract.name}.service.ts`));

/** A clock that runs, and can be put forward. */
export class MovableClock {
	#ahead = 0;
	now(): number {
		return Date.now() + this.#ahead;
	}
	forward(ms: number): void {
		this.#ahead += ms;
	}
}

export interface MeshNode extends Omit<Node, "broker"> {
	broker: Broker;
}

let made = 0;

/** Nodes of one deployment: its own namespace, one clock. Without servers they are embedded and share `dataDir`. */
export class TestMesh {
	readonly namespace = `t${process.pid}_${++made}`;
	readonly clock = new MovableClock();
	readonly #t: TestContext;
	readonly #folders: readonly ServiceFolder[];
	readonly #env: Record<string, string>;

	constructor(t: TestContext, folders: readonly ServiceFolder[], env: Record<string, string>) {
		this.#t = t;
		this.#folders = folders;
		this.#env = env;
	}

	/** Starts nodes that run a list of services each, at the same time: alone they would wait for each other. */
	async startAll<const S extends readonly string[]>(services: S, mesh = "") {
		const nodes = await Promise.all(services.map(list => this.start(list, mesh)));
		await acquainted(nodes as unknown as Node[]);
		return nodes as { -readonly [I in keyof S]: MeshNode };
	}

	/**
	 * Starts a node that runs these services, of a deployment that has `mesh` (all where not given).
	 * @param env what is set on this node alone.
	 */
	async start(services: string, mesh = "", env: Record<string, string> = {}): Promise<MeshNode> {
		const node = await createNode({
			env: readEnv({
				DATA_DIR: ":memory:",
				PORT: "0",
				LOG_LEVEL: "fatal",
				...this.#env,
				...env,
				NAMESPACE: this.namespace,
				NODE_ID: `${this.namespace}-${++made}`,
				SERVICES: services,
				MESH: mesh,
			}),
			folders: this.#folders,
			configure: (platform, nodeID) => brokerOptions(platform, nodeID, { checkResults: true }),
			identity: { keys: "keyrings.keys", revoked: "keyrings.revoked", hint: "keyrings.hint" },
			clock: this.clock,
		});
		let stopped: Promise<void> | undefined;
		const stop = () => {
			const link = (node.broker.transit as { tx?: { client?: NatsConnection } } | undefined)?.tx
				?.client;
			// Without a server Moleculer leaves its client trying for ever, which only an exit ends.
			stopped ??= node.stop().finally(() => link?.close());
			return stopped;
		};
		this.#t.after(stop);
		await node.start();
		return { ...node, stop } as unknown as MeshNode;
	}
}

/** Waits until `check` holds, or fails with what it last saw after 30 s. */
export async function until<T>(
	look: () => Promise<T>,
	check: (seen: T) => boolean,
	withinMs = 30_000,
): Promise<T> {
	const end = Date.now() + withinMs;
	for (;;) {
		const seen = await look();
		if (check(seen)) return seen;
		if (Date.now() > end) throw new Error(`not in ${withinMs} ms: ${JSON.stringify(seen)}`);
		await sleep(25);
	}
}
