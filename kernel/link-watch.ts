import type { ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import { type Platform, platformOf } from "./platform.ts";

const settledMs = 1_500;

export interface LinkOptions {
	/** Told when a link is there again. */
	onBack?(): void;
	/** Told when a link is gone. */
	onLost?(): void;
	/** Told when the client gave up for good: this process will hear of nobody again. */
	onClosed(reason: string): void;
}

/**
 * The links of a node to NATS, as the NATS client itself sees them: Moleculer does not notice a lost one. While one is
 * lost the node is unready.
 */
export class Links {
	readonly #platform: Pick<Platform, "problems" | "metrics">;
	readonly #lost = new Set<string>();
	/** When a link was last lost or back. */
	readonly #changedAt = new Map<string, number>();

	constructor(platform: Pick<Platform, "problems" | "metrics">) {
		this.#platform = platform;
	}

	isLost(name: string): boolean {
		return this.#lost.has(name);
	}

	/** Whether it broke or came back within the last 1.5 s: nodes redial NATS each 250 ms and then tell of themselves. */
	isSettling(name: string): boolean {
		const changedAt = this.#changedAt.get(name);
		return changedAt !== undefined && performance.now() - changedAt < settledMs;
	}

	/** Follows a client until it is closed. @param name of the link: `transport`, `facts`. */
	watch(name: string, client: NatsConnection, options: LinkOptions): void {
		this.#mark(name, true);
		void this.#follow(name, client, options);
		void client.closed().then(error => {
			if (this.#platform.problems.has("draining")) return;
			this.#mark(name, false);
			options.onClosed(`The NATS client closed for good: ${error?.message ?? "no reason given"}`);
		});
	}

	async #follow(name: string, client: NatsConnection, { onBack, onLost }: LinkOptions) {
		for await (const { type } of client.status()) {
			if (type === "disconnect" || type === "reconnect")
				this.#changedAt.set(name, performance.now());
			if (type === "disconnect") {
				this.#mark(name, false);
				onLost?.();
			}
			if (type === "reconnect") {
				this.#mark(name, true);
				onBack?.();
			}
		}
	}

	#mark(name: string, isThere: boolean): void {
		const { problems, metrics } = this.#platform;
		if (isThere) this.#lost.delete(name);
		else this.#lost.add(name);
		if (!isThere) this.#platform.metrics.natsLosses.of({ link: name }).inc();
		if (this.#lost.size > 0) problems.set("nats", "the link to NATS is lost");
		else problems.delete("nats");
		metrics.natsConnected.set({ link: name }, isThere ? 1 : 0);
	}
}

interface Transit {
	tx: {
		client?: NatsConnection | null;
		getTopicName(command: string): string;
		send(topic: string, packet: Buffer): Promise<void>;
	};
	discoverer: { sendLocalNodeInfo(): Promise<void>; discoverAllNodes(): Promise<unknown> };
	pendingRequests: ReadonlyMap<string, unknown>;
}

interface Nodes {
	toArray(): { id: string; local: boolean }[];
	disconnected(id: string, isUnexpected: boolean): void;
}

/**
 * Lets go of every other node, which ends the calls that wait for them: what was sent or answered over a link that
 * broke is lost with it, and so is what is sent to a node that is not back yet.
 */
function forgetOthers({ registry }: ServiceBroker): void {
	const nodes = registry.nodes as unknown as Nodes;
	for (const { id, local } of nodes.toArray()) if (!local) nodes.disconnected(id, false);
}

/**
 * Follows the link that carries calls. While it is lost nobody is known; one that is back tells everybody at once that
 * this node is there, and asks who else is, instead of at the next heartbeat.
 */
export function watchTransport(
	links: Links,
	broker: ServiceBroker,
	onClosed: LinkOptions["onClosed"],
): void {
	const transit = broker.transit as unknown as Transit | undefined;
	const client = transit?.tx.client;
	if (!transit || !client) return;
	platformOf(broker).metrics.watchTransit(() => transit.pendingRequests.size);
	const meet = async () => {
		await transit.discoverer.sendLocalNodeInfo();
		await transit.discoverer.discoverAllNodes();
	};
	links.watch("transport", client, {
		onLost: () => forgetOthers(broker),
		onBack: () =>
			void meet().catch(error =>
				broker.logger.warn("The mesh was not told of this node, until its next heartbeat", error),
			),
		onClosed,
	});
}

/**
 * Tells every node what runs here, now and not 100 ms after the last service has started. NATS keeps the order: what is
 * told to stop because this node is ready is not let go of by anybody before this node is known.
 */
export async function announce(broker: ServiceBroker): Promise<void> {
	const transit = broker.transit as unknown as Transit | undefined;
	await transit?.discoverer.sendLocalNodeInfo();
	// A link that is lost now tells once it is back.
	await transit?.tx.client?.flush().catch(() => {});
}

/** Lets go of a link that is lost, over which a stopping node would wait for ever to say goodbye. */
export async function abandonTransport(links: Links, broker: ServiceBroker): Promise<void> {
	const tx = (broker.transit as unknown as Transit | undefined)?.tx;
	if (!tx?.client || !links.isLost("transport")) return;
	await tx.client.close();
	tx.client = null;
}

/** Says the goodbye of a node that cannot say it itself: whoever knows it lets go of it, and of the calls that wait for it. */
export async function sayGoodbyeFor(broker: ServiceBroker, nodeID: string): Promise<void> {
	const { tx } = broker.transit as unknown as Transit;
	const goodbye = { ver: broker.PROTOCOL_VERSION, sender: nodeID };
	await tx.send(tx.getTopicName("DISCONNECT"), Buffer.from(JSON.stringify(goodbye)));
}
