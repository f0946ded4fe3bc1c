import { continuing } from "../../../kernel/tracing/spans.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { Records, type RecordsNeeds, type Step } from "./records.ts";
import type { Refunds } from "./refunds.ts";
import { isOpen, isUnsettled } from "./states.ts";
import type { Till } from "./till.ts";

const batch = 100;
const firstBackOffMs = 30_000;
const longestBackOffMs = 3_600_000;

/** How long until a payment is asked about once more: doubling from 30 s to 1 h. */
export const askAgainMs = (asks: number): number =>
	Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(asks, 10));

export interface ReconcilerNeeds extends RecordsNeeds {
	till: Pick<Till, "settle" | "finish">;
	refunds: Pick<Refunds, "proceed">;
	warn(message: string, error: unknown): void;
}

/** Asks providers about all whose end is not known, so that nothing rests on a webhook or on a client that comes back. */
export class Reconciler {
	readonly #needs: ReconcilerNeeds;
	readonly #records: Records;

	constructor(needs: ReconcilerNeeds) {
		this.#needs = needs;
		this.#records = new Records(needs);
	}

	/** @param all not only those whose time has come. */
	async reconcile(all: boolean): Promise<{ asked: number; open: number }> {
		const { payments, clock } = this.#needs;
		const askAt = all ? { $exists: true } : { $lte: clock.now() };
		let asked = 0;
		for (let after = ""; ; ) {
			const due = await payments.find(
				{ id: { $gt: after }, askAt },
				{ sort: { id: 1 }, limit: batch },
			);
			for (const payment of due) {
				after = payment.id;
				await continuing(payment.traceparent, "payments reconcile", () => this.#attend(payment));
				asked++;
			}
			if (due.length < batch) break;
		}
		return { asked, open: await payments.count({ askAt: { $exists: true } }) };
	}

	async #attend(payment: PaymentDoc): Promise<void> {
		const { till, refunds, clock, warn } = this.#needs;
		const { id, openRefund, capturedAt } = payment;
		let isAnswered = true;
		try {
			if (openRefund) await refunds.proceed(payment, openRefund);
			else if (capturedAt || isOpen(payment.status)) await till.settle(id, { again: true });
			else {
				const finished = await till.finish(payment);
				if (finished.gatewayId) await till.settle(id, { again: true });
			}
		} catch (error) {
			isAnswered = false;
			warn(`${id} is asked about again later`, error);
		}
		await this.#records.change(await this.#records.get(id), now =>
			postponed(now, isAnswered, clock.now()),
		);
	}
}

/**
 * Puts off when it is asked about again; one that is settled since, or by the time that passed, is not, once the last
 * question was answered.
 */
function postponed(payment: PaymentDoc, isAnswered: boolean, now: number): Step | null {
	if (payment.askAt === undefined || payment.askAt > now) return null;
	if (isAnswered && !isUnsettled(payment, now)) return { change: {} };
	return { change: { $set: { askAt: now + askAgainMs(payment.asks ?? 0) }, $inc: { asks: 1 } } };
}
