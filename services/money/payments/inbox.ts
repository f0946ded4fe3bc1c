import type { Clock } from "../../../kernel/clock.ts";
import { backOffMs } from "../../../kernel/facts/consumer.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { PaymentEventDoc } from "../../../models/money/payment-event.model.ts";
import type { ProviderEvent } from "./providers/port.ts";
import type { Till } from "./till.ts";

const parkedAfterMs = 24 * 3_600_000;
const batch = 100;

export interface InboxNeeds {
	events: Collection<PaymentEventDoc>;
	payments: Collection<PaymentDoc>;
	till: Pick<Till, "settle" | "decline">;
	clock: Clock;
	warn(message: string, error: unknown): void;
}

/**
 * Providers' events: stored first, then applied until that succeeds once. An event is a hint, the provider's answer is
 * what counts; so neither order nor number matters, and one may come before its payment is known.
 */
export class Inbox {
	readonly #needs: InboxNeeds;

	constructor(needs: InboxNeeds) {
		this.#needs = needs;
	}

	/** Stores an event and tries to apply it; one that was applied before does nothing. Throws only where it could not be stored. */
	async take(provider: string, event: ProviderEvent, body: string): Promise<void> {
		const stored = await this.#store(provider, event, body);
		if (stored.state !== "done") await this.#apply(stored);
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

	async #store(provider: string, event: ProviderEvent, body: string): Promise<PaymentEventDoc> {
		const { events, clock } = this.#needs;
		const { type, key, gatewayId, failure } = event;
		const id = `${provider}:${event.id}`;
		const now = clock.now();
		try {
			return await events.insert({
				id,
				provider,
				type,
				...(key && { paymentId: key }),
				...(gatewayId && { gatewayId }),
				...(failure && { failure }),
				body,
				state: "received",
				tries: 0,
				nextAt: now + backOffMs(1),
				receivedAt: now,
			});
		} catch (error) {
			const known = isDuplicate(error, "id") ? await events.get(id) : null;
			if (!known) throw error;
			return known;
		}
	}

	async #apply(event: PaymentEventDoc): Promise<boolean> {
		const { events } = this.#needs;
		try {
			const missing = await this.#effect(event);
			if (missing) return await this.#postpone(event, missing);
		} catch (error) {
			return this.#postpone(event, error);
		}
		await events.advance(
			{ id: event.id },
			{ $set: { state: "done" }, $unset: { nextAt: true, lastError: true } },
		);
		return true;
	}

	/** What is still missing for the event to be true; undefined when it had its effect. */
	async #effect(event: PaymentEventDoc): Promise<string | undefined> {
		const { till } = this.#needs;
		if (event.type === "other") return undefined;
		const payment = await this.#paymentOf(event);
		if (!payment) return "its payment is not known yet";
		const settled = await till.settle(payment.id, event.gatewayId);
		if (event.failure) await till.decline(payment.id, event.failure);
		if (event.type === "paid" && !settled.capturedAt && !settled.review)
			return "the provider does not say yet that it is paid";
		return undefined;
	}

	async #paymentOf({
		provider,
		paymentId,
		gatewayId,
	}: PaymentEventDoc): Promise<PaymentDoc | null> {
		const { payments } = this.#needs;
		const byKey = paymentId ? await payments.findOne({ id: paymentId, provider }) : null;
		return byKey ?? (gatewayId ? payments.findOne({ gatewayId, provider }) : null);
	}

	async #postpone(event: PaymentEventDoc, reason: unknown): Promise<false> {
		const { events, clock, warn } = this.#needs;
		const tries = event.tries + 1;
		const parked = clock.now() - event.receivedAt >= parkedAfterMs;
		const lastError = (reason instanceof Error ? reason.message : String(reason)).slice(0, 500);
		warn(`${event.id} could not be applied, try ${tries}${parked ? ", parked" : ""}`, reason);
		await events.advance(
			{ id: event.id, state: { $in: ["received", "parked"] } },
			{
				$set: {
					state: parked ? "parked" : "received",
					tries,
					nextAt: clock.now() + backOffMs(tries),
					lastError,
				},
			},
		);
		return false;
	}
}
