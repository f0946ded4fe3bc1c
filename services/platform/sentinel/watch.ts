import { setTimeout as pause } from "node:timers/promises";
import { connect, JSONCodec, type NatsConnection } from "nats";
import { natsLink } from "../../../kernel/nats-link.ts";
import { type Advisory, Connections } from "./connections.ts";

const retryMs = 1_000;
/** Unlike a node's link this one ends when it is refused: what it does then is up to the sentinel. */
const refusable = { waitOnFirstConnect: false, ignoreAuthErrorAbort: false };
const codec = JSONCodec<Advisory>();

export interface WatchOptions {
	/** NATS as the system account's user. */
	servers: string;
	/** Name of the connection, as NATS shows it. */
	name: string;
	/** Told when the last connection of a name ended, and why. */
	onEnd(name: string, reason: string): void;
	log: { info(message: string): void; warn(message: string, error: unknown): void };
}

/** Listens to NATS's own advisories of connections that open and end. */
export class Watch {
	readonly #options: WatchOptions;
	readonly #connections = new Connections();
	#client: NatsConnection | undefined;
	#isLost = true;
	#stopped = false;

	constructor(options: WatchOptions) {
		this.#options = options;
	}

	/** Whether advisories come in. */
	get isLost(): boolean {
		return this.#isLost;
	}

	/** Watches until stopped; begins again when NATS refuses it, then or later. Says so once. */
	async start(): Promise<void> {
		const { servers, name, log } = this.#options;
		const link = { ...natsLink(servers, name), ...refusable };
		let isRefused = false;
		while (!this.#stopped)
			try {
				await this.#watch(await connect(link));
				isRefused = false;
			} catch (error) {
				if (!isRefused) log.warn("The sentinel cannot watch, and tries on", error);
				isRefused = true;
				await pause(retryMs, undefined, { ref: false });
			}
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#client?.close();
	}

	/** Until the client is closed. */
	async #watch(client: NatsConnection): Promise<void> {
		this.#client = client;
		if (this.#stopped) return client.close();
		this.#listen(client);
		await client.flush();
		this.#isLost = false;
		this.#options.log.info("The sentinel watches");
		await client.closed();
		this.#isLost = true;
		this.#connections.forget();
	}

	#listen(client: NatsConnection): void {
		const { onEnd, log } = this.#options;
		const subscribe = (subject: string, take: (advisory: Advisory) => void) =>
			client.subscribe(subject, {
				callback(error, message) {
					if (error) log.warn(`The sentinel may not hear ${subject}`, error);
					else take(codec.decode(message.data));
				},
			});
		subscribe("$SYS.ACCOUNT.*.CONNECT", advisory => this.#connections.connected(advisory));
		subscribe("$SYS.ACCOUNT.*.DISCONNECT", advisory => {
			const name = this.#connections.disconnected(advisory);
			if (name) onEnd(name, advisory.reason ?? "");
		});
		void this.#follow(client);
	}

	async #follow(client: NatsConnection): Promise<void> {
		for await (const { type } of client.status()) {
			if (type === "disconnect") this.#isLost = true;
			if (type !== "reconnect") continue;
			this.#connections.forget();
			this.#isLost = false;
		}
	}
}
