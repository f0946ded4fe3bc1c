import {
	AckPolicy,
	type ConsumerMessages,
	connect,
	DeliverPolicy,
	type JetStreamClient,
	type JetStreamManager,
	type JsMsg,
	type NatsConnection,
	type Subscription as NatsSubscription,
	nanos,
	RetentionPolicy,
	StorageType,
} from "nats";
import { natsLink } from "../nats-link.ts";
import type { StoredFact } from "./contract.ts";
import type { Pipe, Subscription } from "./pipe.ts";

const keptMs = 30 * 86_400_000;
/** After this long what a dead node held is given to another; longer, and who paid waits longer for the seat. */
const ackWaitMs = 5_000;
const stillWorkingMs = 1_500;
/** Handled at once. */
const inFlight = 64;
/** Handled, or waiting for their next try: with no more than are in flight, 64 that fail would hold up all others. */
const unacknowledged = 5_000;
const retryMs = 1_000;
const drainMs = 1_000;
const publishTimeoutMs = 5_000;
const publishAgainMs = 500;

export interface JetStreamPipeOptions {
	servers: string;
	/** Name of the connection, as NATS shows it. */
	name: string;
	namespace: string;
	log: { info(message: string): void; warn(message: string, error?: unknown): void };
}

/** Consumer names allow no dots: `enrollments--payment_captured`. */
const durableName = ({ group, fact }: Subscription): string =>
	`${group}--${fact.replaceAll(".", "_")}`;

/** Ends a flow. What the server has sent already is let in first, it would come again only after the ack wait. */
async function drain(messages: ConsumerMessages): Promise<void> {
	const { sub } = messages as unknown as { sub?: NatsSubscription };
	await Promise.race([sub?.drain(), pause(drainMs)]).catch(() => {});
	await messages.close();
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

/**
 * Facts over JetStream: one stream per namespace (limits retention, 30 days), one durable per group and fact with
 * explicit acks. A stream or consumer that was deleted is made again; what was in it the sweep brings again.
 */
export class JetStreamPipe implements Pipe {
	readonly #options: JetStreamPipeOptions;
	readonly #stream: string;
	readonly #groups = new Map<string, { stop: AbortController; loops: Promise<void>[] }>();
	#connection: NatsConnection | undefined;
	#isStopping = false;

	constructor(options: JetStreamPipeOptions) {
		this.#options = options;
		this.#stream = `FACTS_${options.namespace.replace(/[^A-Za-z0-9_-]/g, "_")}`;
	}

	get connection(): NatsConnection | undefined {
		return this.#connection;
	}

	async start(): Promise<void> {
		const { servers, name } = this.#options;
		this.#connection = await connect(natsLink(servers, name));
	}

	async publish(fact: StoredFact, messageId: string, patienceMs = 0): Promise<void> {
		const givesUpAt = performance.now() + patienceMs;
		for (;;)
			try {
				return await this.#publishOnce(fact, messageId);
			} catch (error) {
				if (this.#isStopping || performance.now() + publishAgainMs > givesUpAt) throw error;
				await pause(publishAgainMs);
			}
	}

	async #publishOnce(fact: StoredFact, messageId: string): Promise<void> {
		const publish = () =>
			this.#js().publish(this.#subject(fact.name), JSON.stringify(fact), {
				msgID: messageId,
				timeout: publishTimeoutMs,
				expect: { streamName: this.#stream },
			});
		try {
			await publish();
		} catch (error) {
			// 503: no stream takes the subject, because this is the first start or somebody deleted it.
			if ((error as { code?: string }).code !== "503") throw error;
			await this.#ensureStream(await this.#manager());
			await publish();
		}
	}

	async subscribe(subscription: Subscription): Promise<void> {
		const group = this.#groups.get(subscription.group) ?? {
			stop: new AbortController(),
			loops: [],
		};
		this.#groups.set(subscription.group, group);
		await this.#ensureConsumer(subscription).catch(error =>
			this.#options.log.warn(`${durableName(subscription)} is not there yet`, error),
		);
		group.loops.push(this.#loop(subscription, group.stop.signal));
	}

	async unsubscribe(name: string): Promise<void> {
		const group = this.#groups.get(name);
		if (!group) return;
		this.#groups.delete(name);
		group.stop.abort();
		await Promise.all(group.loops);
	}

	async stop(): Promise<void> {
		this.#isStopping = true;
		for (const group of [...this.#groups.keys()]) await this.unsubscribe(group);
		const connection = this.#connection;
		await Promise.race([connection?.drain(), pause(drainMs)]).catch(() => {});
		// Without a server it cannot drain, and would try to reach one for ever.
		await connection?.close();
	}

	#js(): JetStreamClient {
		if (!this.#connection) throw new Error("The pipe is not started");
		return this.#connection.jetstream();
	}

	#manager(): Promise<JetStreamManager> {
		if (!this.#connection) throw new Error("The pipe is not started");
		return this.#connection.jetstreamManager({ timeout: publishTimeoutMs });
	}

	#subject(fact: string): string {
		return `${this.#stream}.${fact}`;
	}

	async #ensureStream(manager: JetStreamManager): Promise<void> {
		try {
			await manager.streams.info(this.#stream);
		} catch (error) {
			if ((error as { code?: string }).code !== "404") throw error;
			await manager.streams.add({
				name: this.#stream,
				subjects: [`${this.#stream}.>`],
				retention: RetentionPolicy.Limits,
				storage: StorageType.File,
				max_age: nanos(keptMs),
				duplicate_window: nanos(3_600_000),
			});
			this.#options.log.info(`made the stream ${this.#stream}`);
		}
	}

	/** Made once and never updated: a widened filter would skip messages. */
	async #ensureConsumer(subscription: Subscription): Promise<void> {
		const manager = await this.#manager();
		await this.#ensureStream(manager);
		try {
			await manager.consumers.info(this.#stream, durableName(subscription));
		} catch (error) {
			if ((error as { code?: string }).code !== "404") throw error;
			await manager.consumers.add(this.#stream, {
				durable_name: durableName(subscription),
				filter_subject: this.#subject(subscription.fact),
				ack_policy: AckPolicy.Explicit,
				deliver_policy: subscription.from === "start" ? DeliverPolicy.All : DeliverPolicy.New,
				ack_wait: nanos(ackWaitMs),
				max_ack_pending: unacknowledged,
				max_deliver: -1,
			});
		}
	}

	/** Takes messages until stopped; whatever ends the flow (a deleted consumer, a lost server) is begun again. */
	async #loop(subscription: Subscription, stop: AbortSignal): Promise<void> {
		const running = new Set<Promise<void>>();
		while (!stop.aborted) {
			let messages: ConsumerMessages | undefined;
			const close = () => messages && void drain(messages);
			try {
				await this.#ensureConsumer(subscription);
				const consumer = await this.#js().consumers.get(this.#stream, durableName(subscription));
				messages = await consumer.consume({
					max_messages: inFlight,
					expires: 5_000,
					idle_heartbeat: 1_000,
					abort_on_missing_resource: true,
				});
				stop.addEventListener("abort", close, { once: true });
				if (stop.aborted) close();
				for await (const message of messages) {
					if (running.size >= inFlight) await Promise.race(running);
					const run = this.#deliver(subscription, message).finally(() => running.delete(run));
					running.add(run);
				}
			} catch (error) {
				if (!stop.aborted)
					this.#options.log.warn(`${durableName(subscription)} begins again`, error);
			} finally {
				stop.removeEventListener("abort", close);
			}
			if (!stop.aborted) await pause(retryMs);
		}
		await Promise.all(running);
	}

	async #deliver(subscription: Subscription, message: JsMsg): Promise<void> {
		const working = setInterval(() => message.working(), stillWorkingMs);
		try {
			const outcome = await subscription.handle(message.json<StoredFact>());
			if (outcome.done) message.ack();
			else message.nak(outcome.retryInMs);
		} catch (error) {
			this.#options.log.warn(`${durableName(subscription)} could not keep a receipt`, error);
			message.nak(retryMs);
		} finally {
			clearInterval(working);
		}
	}
}
