import type { ServiceBroker } from "moleculer";
import type { Clock } from "../kernel/clock.ts";
import type { Env } from "../kernel/env.ts";
import { backOffMs } from "../kernel/facts/consumer.ts";
import { defineMixin } from "../kernel/implement.ts";
import { type Collection, isDuplicate, type Page } from "../kernel/store/collection.ts";
import { defineModel, type Model } from "../kernel/store/model.ts";
import { openCollection } from "../kernel/store/open.ts";
import { type Ageing, ageing, Retention } from "../kernel/store/retention.ts";

const parkedAfterMs = 24 * 3_600_000;
const batch = 100;

/** What any outside system's signed event has. */
export interface InboxEvent {
	/** The sender's id of it, the same on each delivery. */
	id: string;
	/** The sender's own name of what happened. */
	type: string;
}

/**
 * A webhook as it came. It is kept for ever: an event seen before is known by its id. What it says is kept until it is
 * applied, or means nothing here, and past its retention.
 */
export interface WebhookDoc<E extends InboxEvent> extends Ageing {
	/** `<sender>:<event id>` */
	id: string;
	sender: string;
	type: string;
	/** What it is about, where it says so: found by it later. */
	subjectId?: string;
	event?: E;
	/** The bytes that were signed. */
	body?: string;
	/**
	 * `received` waits to be applied, `ignored` is of a type that means nothing here, `parked` could not be applied
	 * within a day and is tried again when the sender sends it again or somebody replays it.
	 */
	state: "received" | "done" | "ignored" | "parked";
	tries: number;
	/** Not applied again before this instant, ms. */
	nextAt?: number;
	lastError?: string;
	/** ms */
	receivedAt: number;
	/** ms */
	doneAt?: number;
}

export const webhookModel = <E extends InboxEvent>(name: string): Model<WebhookDoc<E>> =>
	defineModel<WebhookDoc<E>>()({
		name,
		fields: {
			sender: String,
			type: String,
			subjectId: String,
			event: { type: Object },
			body: String,
			state: String,
			tries: Number,
			nextAt: Number,
			lastError: String,
			receivedAt: Number,
			doneAt: Number,
			...ageing.fields,
		},
		indexes: { state: {}, subjectId: { sparse: true }, ...ageing.indexes },
	});

export interface InboxNeeds<E extends InboxEvent> {
	events: Collection<WebhookDoc<E>>;
	clock: Clock;
	/** How long the content of settled events is kept. */
	retentionDays: number | "off";
	/** Whether the service acts on such events at all. */
	isKnown(event: E): boolean;
	/** What it is about, in the service's own ids. */
	subjectOf(event: E): string | undefined;
	/** Has the event's effect, once however often it is called. @returns what is still missing for it, if anything. */
	apply(event: E, sender: string): Promise<string | undefined>;
	warn(message: string, error: unknown): void;
}

/**
 * Signed events from outside: stored first, then applied until that succeeds once. An event is a hint to ask the
 * sender, whose answer counts; so neither order nor number matters, and one may come before what it is about.
 */
export class Inbox<E extends InboxEvent> {
	readonly #needs: InboxNeeds<E>;
	readonly #retention: Retention<WebhookDoc<E>>;

	constructor(needs: InboxNeeds<E>) {
		this.#needs = needs;
		this.#retention = new Retention({
			collection: needs.events,
			clock: needs.clock,
			days: needs.retentionDays,
			settled: { state: { $in: ["done", "ignored"] } },
			settledAt: ({ doneAt, receivedAt }) => doneAt ?? receivedAt,
			without: () => ({ $unset: { event: true, body: true } }),
		});
	}

	/** Stores an event and tries to apply it; one that was applied before does nothing. Throws only where it could not be stored. */
	async take(sender: string, event: E, body: string): Promise<void> {
		const stored = await this.#store(sender, event, body);
		if (stored.state === "received" || stored.state === "parked") await this.#apply(stored);
	}

	/** Applies what waits. */
	async applyDue(): Promise<number> {
		const { events, clock } = this.#needs;
		let applied = 0;
		for (let after = ""; ; ) {
			const waiting = await events.find(
				{ id: { $gt: after }, state: "received", nextAt: { $lte: clock.now() } },
				{ sort: { id: 1 }, limit: batch },
			);
			for (const event of waiting) {
				after = event.id;
				if (await this.#apply(event)) applied++;
			}
			if (waiting.length < batch) return applied;
		}
	}

	/** Removes what settled events say once that is past its retention. @returns of how many. */
	endContent(): Promise<number> {
		return this.#retention.end();
	}

	/** Tries one once more that is parked or waits. @returns its state then; null for one that never came. */
	async replay(id: string): Promise<WebhookDoc<E>["state"] | null> {
		const { events } = this.#needs;
		const event = await events.get(id);
		if (event?.state === "received" || event?.state === "parked") await this.#apply(event);
		return (await events.get(id))?.state ?? null;
	}

	/** What came, newest first. */
	async list(
		state: WebhookDoc<E>["state"] | undefined,
		page: { page?: number; pageSize?: number; cursor?: string },
	): Promise<Page<WebhookDoc<E>>> {
		return this.#needs.events.list(state ? { state } : {}, page, { receivedAt: -1 });
	}

	/** All that came about a thing of these ids, in the order it came. */
	async about(...ids: readonly (string | undefined)[]): Promise<WebhookDoc<E>[]> {
		const known = ids.filter(id => id !== undefined);
		return this.#needs.events.find({ subjectId: { $in: known } }, { sort: { receivedAt: 1 } });
	}

	async #store(sender: string, event: E, body: string): Promise<WebhookDoc<E>> {
		const { events, clock, isKnown, subjectOf } = this.#needs;
		const id = `${sender}:${event.id}`;
		const now = clock.now();
		const subjectId = subjectOf(event);
		try {
			return await events.insert({
				id,
				sender,
				type: event.type,
				...(subjectId && { subjectId }),
				event,
				body,
				tries: 0,
				receivedAt: now,
				...(isKnown(event)
					? { state: "received", nextAt: now + backOffMs(1) }
					: { state: "ignored", agesFrom: now }),
			});
		} catch (error) {
			const known = isDuplicate(error, "id") ? await events.get(id) : null;
			if (!known) throw error;
			return known;
		}
	}

	async #apply(stored: WebhookDoc<E>): Promise<boolean> {
		const { id, event, sender, tries } = stored;
		const { events, clock, apply } = this.#needs;
		let missing: unknown;
		try {
			// What waits has what it says.
			missing = await apply(event as E, sender);
		} catch (error) {
			missing = error;
		}
		if (missing !== undefined) return this.#postpone(stored, missing);
		const doneAt = clock.now();
		await events.advance(
			{ id, state: { $in: ["received", "parked"] } },
			{
				$set: { state: "done", tries: tries + 1, doneAt, agesFrom: doneAt },
				$unset: { nextAt: true, lastError: true },
			},
		);
		return true;
	}

	async #postpone(
		{ id, receivedAt, tries: before, nextAt = 0 }: WebhookDoc<E>,
		reason: unknown,
	): Promise<false> {
		const { events, clock, warn } = this.#needs;
		const now = clock.now();
		// One that came again before its time puts off nothing: how often it is sent says nothing of how long it will take.
		const isEarly = before > 0 && now < nextAt;
		const tries = isEarly ? before : before + 1;
		const parked = now - receivedAt >= parkedAfterMs;
		const lastError = (reason instanceof Error ? reason.message : String(reason)).slice(0, 500);
		warn(`${id} could not be applied, try ${tries}${parked ? ", parked" : ""}`, reason);
		await events.advance(
			{ id, state: { $in: ["received", "parked"] } },
			{
				$set: {
					state: parked ? "parked" : "received",
					tries,
					nextAt: isEarly ? nextAt : now + backOffMs(tries),
					lastError,
				},
			},
		);
		return false;
	}
}

/** What a service with an inbox says of its events, as methods of its own. */
export interface InboxMethods<E extends InboxEvent> {
	isKnownEvent(event: E): boolean;
	subjectOfEvent(event: E): string | undefined;
	applyEvent(event: E, sender: string): Promise<string | undefined>;
}

interface WithInbox<E extends InboxEvent> extends InboxMethods<E> {
	broker: unknown;
	name: string;
	clock: Clock;
	env: Env;
	logger: { warn(message: string, error: unknown): void };
	inbox: Inbox<E>;
	inboxEvents: Collection<WebhookDoc<E>>;
}

/** Gives a service that has the methods of `InboxMethods` its `this.inbox`, kept in a collection of this name. */
export const WebhookInbox = <E extends InboxEvent>(name: string) =>
	defineMixin({
		brings: undefined as { inbox: Inbox<E> } | undefined,
		async started(this: WithInbox<E>) {
			const broker = this.broker as ServiceBroker;
			this.inboxEvents = await openCollection(broker, webhookModel<E>(name), this.name);
			this.inbox = new Inbox({
				events: this.inboxEvents,
				clock: this.clock,
				retentionDays: this.env.RETENTION_DAYS,
				isKnown: event => this.isKnownEvent(event),
				subjectOf: event => this.subjectOfEvent(event),
				apply: (event, sender) => this.applyEvent(event, sender),
				warn: (message, error) => this.logger.warn(message, error),
			});
		},
		async stopped(this: WithInbox<E>) {
			await this.inboxEvents.close();
		},
	});
