import { Errors, type ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import type { Platform } from "./platform.ts";

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

	constructor(platform: Pick<Platform, "problems" | "metrics">) {
		this.#platform = platform;
	}

	isLost(name: string): boolean {
		return this.#lost.has(name);
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
		if (this.#lost.size > 0) problems.set("nats", "the link to NATS is lost");
		else problems.delete("nats");
		metrics.natsConnected.set({ link: name }, isThere ? 1 : 0);
	}
}

interface Transit {
	tx: { client?: NatsConnection | null };
	discoverer: { sendLocalNodeInfo(): Promise<void>; discoverAllNodes(): Promise<unknown> };
	pendingRequests: Map<
		string,
		{ action: { name: string }; nodeID: string; reject(error: Error): void }
	>;
	removePendingRequest(id: string): void;
}

/** Ends the calls that wait for an answer: what was sent or answered over a link that broke is lost with it. */
function rejectPending({ pendingRequests, removePendingRequest }: Transit, transit: Transit): void {
	for (const [id, { action, nodeID, reject }] of [...pendingRequests]) {
		removePendingRequest.call(transit, id);
		reject(new Errors.RequestRejectedError({ action: action.name, nodeID }));
	}
}

/**
 * Follows the link that carries calls. One that breaks ends the calls that wait; one that is back tells everybody at
 * once that this node is there, and asks who else is, instead of at the next heartbeat.
 */
export function watchTransport(
	links: Links,
	broker: ServiceBroker,
	onClosed: LinkOptions["onClosed"],
): void {
	const transit = broker.transit as unknown as Transit | undefined;
	const client = transit?.tx.client;
	if (!transit || !client) return;
	const meet = async () => {
		await transit.discoverer.sendLocalNodeInfo();
		await transit.discoverer.discoverAllNodes();
	};
	links.watch("transport", client, {
		onLost: () => rejectPending(transit, transit),
		onBack: () =>
			void meet().catch(error =>
				broker.logger.warn("The mesh was not told of this node, until its next heartbeat", error),
			),
		onClosed,
	});
}

/** Lets go of a link that is lost, over which a stopping node would wait for ever to say goodbye. */
export async function abandonTransport(links: Links, broker: ServiceBroker): Promise<void> {
	const { tx } = (broker.transit ?? { tx: {} }) as unknown as Transit;
	if (!tx.client || !links.isLost("transport")) return;
	await tx.client.close();
	tx.client = null;
}
