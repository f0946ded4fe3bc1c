import type { NatsConnection } from "nats";
import type { StoredFact } from "./contract.ts";

/** What a consumer says of a delivery: done with it (for good or bad), or try again after a while. */
export type Outcome = { done: true } | { done: false; retryInMs: number };

export interface Subscription {
	/** The consumer group: the name of the service. */
	group: string;
	fact: string;
	/** What a group that is new hears: everything that is still kept, or what comes from now on. */
	from: "start" | "now";
	handle(fact: StoredFact): Promise<Outcome>;
}

/**
 * Carries facts, at least once and in no order. It is the fast path and the flow control, never the proof: whether a
 * fact was handled is asked of the consumer's receipts.
 */
export interface Pipe {
	/** What it reaches NATS by, once started; none in the process. */
	readonly connection?: NatsConnection | undefined;
	start(): Promise<void>;
	/**
	 * @param messageId the same id twice within a while is one message.
	 * @param patienceMs how long it goes on trying while what carries it is away.
	 */
	publish(fact: StoredFact, messageId: string, patienceMs?: number): Promise<void>;
	subscribe(subscription: Subscription): Promise<void>;
	/** Ends a group's deliveries and waits for the ones under way. */
	unsubscribe(group: string): Promise<void>;
	stop(): Promise<void>;
}
