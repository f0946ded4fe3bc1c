import type { OutgoingFact, Raw } from "../../kernel/store/collection.ts";
import type { EnrollmentDoc } from "../../models/learning/enrollment.model.ts";
import type { PaymentDoc, RefundDoc } from "../../models/money/payment.model.ts";
import { isOpen, statusOf, transitions } from "../../services/money/payments/states.ts";

export interface Documents {
	payments: readonly (PaymentDoc & { _id: string })[];
	enrollments: readonly (EnrollmentDoc & { _id: string })[];
}

const complete = 10_000n;

/** What must hold after each write, whatever else is under way. */
export class Watch {
	/** Every fact that was ever written, by id. */
	readonly facts = new Map<string, OutgoingFact>();
	readonly #documents: () => Documents;
	readonly #fail: (problem: string) => void;

	constructor(documents: () => Documents, fail: (problem: string) => void) {
		this.#documents = documents;
		this.#fail = fail;
	}

	onWrite(collection: string, before: Raw | undefined, after: Raw): void {
		this.#outbox(before, after);
		if (collection === "payments") this.#payment(before as never, after as never);
		if (collection === "enrollments") this.#seat(before as never, after as never);
	}

	#hold(holds: boolean, problem: string): void {
		if (!holds) this.#fail(problem);
	}

	/** A fact is told once, ever. */
	#outbox(before: Raw | undefined, after: Raw): void {
		const was = (before?.outbox ?? {}) as Record<string, OutgoingFact>;
		const is = (after.outbox ?? {}) as Record<string, OutgoingFact>;
		if (was === is) return;
		this.#hold(
			Object.keys(is).length === (after.outboxSize ?? 0),
			`${after._id} counts ${after.outboxSize} facts and has ${Object.keys(is).length}`,
		);
		for (const [id, fact] of Object.entries(is)) {
			if (was[id]) continue;
			this.#hold(!this.facts.has(id), `${fact.name} ${id} is told twice`);
			this.facts.set(id, fact);
		}
	}

	#payment(was: PaymentDoc | undefined, is: PaymentDoc & { _id: string }): void {
		const name = is._id;
		const { amountMinor, refundableMinor = 0, refundedMinor = 0 } = is;
		if (was) {
			const may = was.status === is.status || transitions[was.status].includes(is.status);
			this.#hold(may, `${name}: ${was.status} became ${is.status}`);
			for (const field of ["capturedAt", "gatewayId", "amountMinor", "currency"] as const)
				this.#hold(
					was[field] === undefined || was[field] === is[field],
					`${name}: ${field} ${was[field]} became ${is[field]}`,
				);
		}
		this.#hold(statusOf(is) === is.status, `${name}: ${is.status} does not follow`);
		const open = this.#documents().payments.filter(
			other => other.payableKey === is.payableKey && isOpen(other.status),
		);
		this.#hold(open.length <= 1, `${is.payableKey} has ${open.length} open payments`);
		if (!is.capturedAt) return;
		const refunds = Object.values(is.refunds);
		const disputes = Object.values(is.disputes);
		const sum = (amounts: { amountMinor?: number }[]) =>
			amounts.reduce((total, { amountMinor: amount = 0 }) => total + amount, 0);
		const held = sum(refunds.filter(({ status }) => status !== "failed"));
		const claimed = sum(disputes.filter(({ status }) => status !== "won"));
		this.#hold(
			refundableMinor === Math.max(0, amountMinor - held - claimed),
			`${name}: ${refundableMinor} can be given back of ${amountMinor}, ${held} held, ${claimed} claimed`,
		);
		const back = sum(refunds.filter(({ status }) => status === "succeeded"));
		this.#hold(refundedMinor === back, `${name}: ${refundedMinor} went back, not ${back}`);
		for (const refund of refunds)
			if (refund.status === "pending" && was?.refunds[refund.id]?.status === "requested")
				this.#reserved(was, is, refund);
	}

	/** What a refund takes is what is unused of what its hold froze. */
	#reserved(was: PaymentDoc, is: PaymentDoc & { _id: string }, refund: RefundDoc): void {
		const { id, amountMinor = 0, wantedMinor } = refund;
		this.#hold(amountMinor <= (was.refundableMinor ?? 0), `${id} takes more than there is`);
		if (wantedMinor !== undefined) {
			this.#hold(amountMinor === wantedMinor, `${id} is not as wanted`);
			return;
		}
		const seat = this.#documents().enrollments.find(
			each => each.userCourse === `${is.userId}:${is.payable.id}`,
		);
		const isHeld = seat?.heldBy === id;
		const bought = seat?.payments[is._id];
		const isSurplus = bought === "surplus";
		this.#hold(
			isHeld || isSurplus || bought === "refunded",
			`${id} is asked for, and its seat is not frozen`,
		);
		if (!seat) return;
		const from = complete - BigInt(seat.boughtAt?.[is._id] ?? 0);
		const part = complete - BigInt(seat.progress);
		const share = isSurplus
			? is.amountMinor
			: from && Number((BigInt(is.amountMinor) * part) / from);
		const expected = Math.min(Number(share), was.refundableMinor ?? 0);
		this.#hold(
			amountMinor === expected,
			`${id} gives back ${amountMinor}, not ${expected}: at ${seat.progress} of ${complete}`,
		);
	}

	#seat(was: EnrollmentDoc | undefined, is: EnrollmentDoc & { _id: string }): void {
		if (!was || was.progress === is.progress) return;
		this.#hold(is.progress > was.progress, `${is._id}: progress went back`);
		this.#hold(was.heldBy === undefined, `${is._id}: progress while ${was.heldBy} holds it`);
		for (const payment of this.#documents().payments) {
			if (`${payment.userId}:${payment.payable.id}` !== is.userCourse) continue;
			if (is.payments[payment._id] === "surplus") continue;
			for (const { id, status, holds, wantedMinor } of Object.values(payment.refunds))
				if (holds && wantedMinor === undefined && status === "pending")
					this.#fail(`${is._id}: progress while ${id} is pending`);
		}
	}
}
