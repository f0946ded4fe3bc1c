import { type Clock, iso } from "../../../kernel/clock.ts";
import { problem } from "../../../kernel/errors.ts";
import { newId } from "../../../kernel/ids.ts";
import type { Collection, OutgoingFact } from "../../../kernel/store/collection.ts";
import { applied } from "../../../kernel/store/difference.ts";
import type { Change } from "../../../kernel/store/guard.ts";
import { currentPlace } from "../../../kernel/tracing/scope.ts";
import type { LogEntry, PaymentDoc } from "../../../models/money/payment.model.ts";
import { payments as contract, type PaymentStatus } from "./payments.contract.ts";
import { headroomOf, isUnsettled, refundedOf, statusOf, transitions } from "./states.ts";

const firstAskMs = 30_000;

/** One change of a payment with what it tells. What follows from it (a captured payment's status, say) is not set here. */
export interface Step {
	change: Change;
	/** What happened, for the log; a step without is housekeeping. */
	what?: string;
	detail?: string;
	facts?: OutgoingFact[];
}

export interface RecordsNeeds {
	payments: Collection<PaymentDoc>;
	clock: Clock;
	/** Who or what causes the changes, as `explain` shows it. */
	by: string;
	/** Told of each change of status that the table does not allow. */
	onRefused(from: PaymentStatus, to: PaymentStatus): void;
}

/**
 * The writes of payments: each is decided on a document that was read and made only if that is still the one there, so
 * that no two of them pass each other. With each goes what follows: the status, what can still be refunded, the log, the
 * facts, and when the provider is asked next.
 */
export class Records {
	readonly #needs: RecordsNeeds;

	constructor(needs: RecordsNeeds) {
		this.#needs = needs;
	}

	/** @throws PAYMENT_NOT_FOUND */
	async get(id: string): Promise<PaymentDoc> {
		const payment = await this.#needs.payments.get(id);
		if (!payment) throw problem(contract, "PAYMENT_NOT_FOUND");
		return payment;
	}

	/** The document of a payment that is only written down yet. @throws DuplicateError */
	async insert(
		payment: Omit<
			PaymentDoc,
			"attempts" | "declines" | "refunds" | "disputes" | "log" | "version" | "askAt"
		>,
	): Promise<PaymentDoc> {
		const now = this.#needs.clock.now();
		const { traceparent } = currentPlace() ?? {};
		return this.#needs.payments.insert({
			...payment,
			...(traceparent && { traceparent }),
			attempts: {},
			declines: {},
			refunds: {},
			disputes: {},
			log: { [newId("log", now)]: { at: iso(now), what: "asked for", by: this.#needs.by } },
			askAt: now + firstAskMs,
			version: 1,
		});
	}

	/**
	 * Changes a payment as decided on what is there. Where another was quicker, it is decided again; null means that
	 * nothing is to be done (any more).
	 * @returns the payment as it then is, and whether this call changed it.
	 */
	async change(
		payment: PaymentDoc,
		decide: (payment: PaymentDoc) => Step | null,
	): Promise<{ payment: PaymentDoc; changed: boolean }> {
		for (let current = payment; ; current = await this.get(payment.id)) {
			const step = decide(current);
			if (!step) return { payment: current, changed: false };
			const change = this.#complete(current, step);
			if (!change) return { payment: current, changed: false };
			const written = await this.#needs.payments.advance(
				{ id: current.id, version: current.version },
				change,
				step.facts,
			);
			if (written) return { payment: written, changed: true };
		}
	}

	/** As `change`, where it does not matter who made it. */
	async step(
		payment: PaymentDoc,
		decide: (payment: PaymentDoc) => Step | null,
	): Promise<PaymentDoc> {
		return (await this.change(payment, decide)).payment;
	}

	/** Takes one step after the other until there is none. */
	async follow(
		payment: PaymentDoc,
		decide: (payment: PaymentDoc) => Step | null,
	): Promise<PaymentDoc> {
		for (let current = payment; ; ) {
			const { payment: after, changed } = await this.change(current, decide);
			if (!changed) return after;
			current = after;
		}
	}

	/** The change with what follows from it; null where the table of states does not have it. */
	#complete(before: PaymentDoc, { change, what, detail, facts }: Step): Change | null {
		const { clock, by, onRefused } = this.#needs;
		const now = clock.now();
		const after = applied(before, change);
		const status = statusOf(after);
		if (status !== before.status && !transitions[before.status].includes(status)) {
			onRefused(before.status, status);
			return null;
		}
		const entry: LogEntry = {
			at: iso(now),
			what: what ?? "",
			by,
			...(detail && { detail }),
			...(facts?.length && { facts: Object.fromEntries(facts.map(f => [keyOf(f.name), f.id])) }),
		};
		const isSettled = !isUnsettled(after, now) && change.$set?.askAt === undefined;
		const asksLater = what !== undefined || before.askAt === undefined;
		return {
			$set: {
				...change.$set,
				status,
				...(after.capturedAt && {
					refundableMinor: headroomOf(after),
					refundedMinor: refundedOf(after),
				}),
				updatedAt: iso(now),
				...(what && { [`log.${newId("log", now)}`]: entry }),
				...(!isSettled && asksLater && { askAt: now + firstAskMs, asks: 0 }),
			},
			$unset: { ...change.$unset, ...(isSettled && { askAt: true, asks: true }) },
			$inc: { ...change.$inc, version: 1 },
		};
	}
}

/** A fact's name as a key of a document, which may have no dots. */
const keyOf = (fact: string): string => fact.replaceAll(".", "/");
