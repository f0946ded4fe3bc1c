import type { TestContext } from "node:test";
import type { Broker } from "../../kernel/contract.ts";
import type { Node } from "../../kernel/node.ts";
import { acquainted, startNode } from "./node.ts";
import { freePort } from "./ports.ts";
import type { TestServer } from "./servers.ts";

/** A clock that runs, and can be put forward, or stopped for what must lie within seconds; jumps of all nodes at once. */
export class ForwardClock {
	#ahead = 0;
	#stoppedAt: number | undefined;
	now(): number {
		return (this.#stoppedAt ?? Date.now()) + this.#ahead;
	}
	/** From now on only `forward` moves it. */
	stop(): void {
		this.#stoppedAt ??= Date.now();
	}
	forward(ms: number): void {
		this.#ahead += ms;
	}
}

export interface Gateway {
	node: Node;
	url: string;
}

/** A mesh in this process, so that a test moves its clock, calls any node, and has gateways to ask by HTTP. */
export interface ForgeMesh {
	clock: ForwardClock;
	/** Two; neither runs any other service. */
	gateways: readonly [Gateway, Gateway];
	/** Identity on both, everything else that is no gateway on the first. */
	inner: readonly [Node, Node];
	/** Calls from the first gateway's node, past its HTTP. */
	call: Broker["call"];
	/** Another gateway, with variables or a clock of its own. */
	addGateway(env?: Record<string, string>, clock?: { now(): number }): Promise<Gateway>;
}

export async function openForgeMesh(
	t: TestContext,
	servers: { nats: TestServer; mongo: TestServer },
	variables: Record<string, string> = {},
): Promise<ForgeMesh> {
	const clock = new ForwardClock();
	const shared = {
		NATS_URL: servers.nats.url,
		MONGO_URL: servers.mongo.url,
		NAMESPACE: `forge${process.pid}${Math.random().toString(36).slice(2, 8)}`,
		ADMIN_EMAIL: "admin@zeolite.example",
		ADMIN_PASSWORD: "admin-password",
		SANDBOX: "on",
		...variables,
	};
	const start = (env: Record<string, string>, at: { now(): number } = clock) =>
		startNode(t, { env: { ...shared, ...env }, clock: at });
	const addGateway: ForgeMesh["addGateway"] = async (env = {}, at = clock) => {
		const port = await freePort();
		const node = await start({ SERVICES: "gateway", PORT: String(port), ...env }, at);
		return { node, url: `http://127.0.0.1:${port}` };
	};
	const [first, second, ...gateways] = await Promise.all([
		start({ SERVICES: "identity,learning,money,engagement" }),
		start({ SERVICES: "identity" }),
		addGateway(),
		addGateway(),
	]);
	await acquainted([first, second, ...gateways.map(({ node }) => node)]);
	const broker = gateways[0].node.broker as unknown as Broker;
	return {
		clock,
		gateways,
		inner: [first, second],
		call: broker.call.bind(broker) as Broker["call"],
		addGateway,
	};
}

/** Runs `count` tasks, `width` at a time; their results in order. */
export async function inParallel<T>(
	count: number,
	width: number,
	run: (i: number) => Promise<T>,
): Promise<T[]> {
	const results: T[] = [];
	let next = 0;
	const worker = async () => {
		while (next < count) {
			const i = next++;
			results[i] = await run(i);
		}
	};
	await Promise.all(Array.from({ length: width }, worker));
	return results;
}
