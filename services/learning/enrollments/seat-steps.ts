import type { Change } from "../../../kernel/store/guard.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Usage } from "../../money/payments/payments.contract.ts";

/** One change of a seat, and what it tells. */
export interface SeatStep {
	change: Change;
	tells?: { fact: "activated"; paymentId?: string } | { fact: "dropped" | "completed" };
}

/** A refund as its fact tells it. */
export interface SeatRefund {
	paymentId: string;
	refundId: string;
	/** Whether the seat ends with it. */
	endsAccess: boolean;
}

const complete = 10_000;

export const isSeated = ({ status }: Pick<EnrollmentDoc, "status">): boolean =>
	status !== "dropped";

/** A payment that pays for the seat; `except`: another one than this. */
export const paidBy = (
	{ payments }: Pick<EnrollmentDoc, "payments">,
	except?: string,
): string | undefined =>
	Object.keys(payments).find(id => id !== except && payments[id] === "captured");

/** Whether a payment pays for the seat, or is being given back and may yet do so. */
export const pays = ({ payments }: Pick<EnrollmentDoc, "payments">, id: string): boolean =>
	payments[id] === "captured" || payments[id] === "refunding";

/** Whether any payment does; `except`: another one than this. */
export const isPaid = (seat: Pick<EnrollmentDoc, "payments">, except?: string): boolean =>
	Object.keys(seat.payments).some(id => id !== except && pays(seat, id));

/** A seat taken up again with its progress. @param paymentId what pays for it; none where the course is free. */
export function reopened(
	seat: EnrollmentDoc,
	takenBy: string | undefined,
	paymentId?: string,
): SeatStep | null {
	if (isSeated(seat)) return null;
	return {
		change: {
			$set: {
				status: seat.completedAt ? "completed" : "active",
				...(takenBy !== undefined && { takenBy }),
			},
			$unset: {
				droppedAt: true,
				droppedBy: true,
				...(takenBy === undefined && { takenBy: true as const }),
			},
		},
		tells: { fact: "activated", ...(paymentId && { paymentId }) },
	};
}

/** A captured payment buys a seat that was dropped; one that is taken it cannot buy, and is too much. */
export function bought(
	seat: EnrollmentDoc,
	takenBy: string | undefined,
	paymentId: string,
): SeatStep | null {
	if (seat.payments[paymentId]) return null;
	const again = reopened(seat, takenBy, paymentId);
	if (!again) return { change: { $set: { [`payments.${paymentId}`]: "surplus" } } };
	return {
		...again,
		change: {
			...again.change,
			$set: {
				...again.change.$set,
				[`payments.${paymentId}`]: "captured",
				[`boughtAt.${paymentId}`]: seat.progress,
			},
		},
	};
}

/** Gives a seat up. @param givenBack a payment that no longer pays for it, whoever gave it back. */
export function dropped(seat: EnrollmentDoc, now: string, givenBack?: string): SeatStep | null {
	const payment = givenBack
		? { [`payments.${givenBack}`]: "refunded", [`ends.${givenBack}`]: givenBack }
		: {};
	if (isSeated(seat))
		return {
			change: { $set: { ...payment, status: "dropped", droppedAt: now } },
			tells: { fact: "dropped" },
		};
	return givenBack && !seat.ends?.[givenBack] ? { change: { $set: payment } } : null;
}

/** Whether a refund of another payment freezes the seat that this one pays for. */
export const isHeldForAnother = ({ heldBy, payments }: EnrollmentDoc, paymentId: string): boolean =>
	heldBy !== undefined && payments[paymentId] === "captured";

/**
 * Freezes a seat for a refund of what pays for it; a payment that bought nothing freezes nothing. Of one payment one
 * refund is made at a time: where an earlier one still freezes it, that has ended and was not heard of yet.
 */
export function held(
	seat: EnrollmentDoc,
	{ paymentId, refundId }: Omit<SeatRefund, "endsAccess">,
): SeatStep | null {
	const isVoid = seat.refunds?.[refundId] ?? seat.pastHolds?.[refundId];
	if (!pays(seat, paymentId) || seat.heldBy === refundId || isVoid) return null;
	return {
		change: {
			$set: {
				[`payments.${paymentId}`]: "refunding",
				heldBy: refundId,
				...(seat.heldBy && { [`pastHolds.${seat.heldBy}`]: true }),
			},
		},
	};
}

/** Thaws a seat whose refund was withdrawn, which never freezes it again. */
export function released(
	seat: EnrollmentDoc,
	{ paymentId, refundId }: Omit<SeatRefund, "endsAccess">,
): SeatStep | null {
	if (seat.refunds?.[refundId]) return null;
	const isHeld = seat.heldBy === refundId;
	return {
		change: {
			$set: {
				[`refunds.${refundId}`]: "failed",
				...(isHeld &&
					seat.payments[paymentId] === "refunding" && { [`payments.${paymentId}`]: "captured" }),
			},
			...(isHeld && { $unset: { heldBy: true } }),
		},
	};
}

/** The money went back: the seat goes with it, unless something else pays for it or it was not what was paid for. */
export function refunded(
	seat: EnrollmentDoc,
	{ paymentId, refundId, endsAccess }: SeatRefund,
	now: string,
): SeatStep | null {
	if (seat.refunds?.[refundId]) return null;
	const ends = endsAccess ? ended(seat, paymentId, refundId, now) : null;
	return {
		...ends,
		change: {
			$set: { ...ends?.change.$set, [`refunds.${refundId}`]: "done" },
			...(seat.heldBy === refundId && { $unset: { heldBy: true } }),
		},
	};
}

/**
 * The refund did not come about, or its money came back: the seat is as before it, unless another payment pays for it
 * meanwhile.
 */
export function refundFailed(
	seat: EnrollmentDoc,
	{ paymentId, refundId }: SeatRefund,
	takenBy: string | undefined,
): SeatStep | null {
	if (seat.refunds?.[refundId] === "failed") return null;
	const { [refundId]: ended, ...others } = seat.ends ?? {};
	const wasHeld = seat.heldBy === refundId && seat.payments[paymentId] === "refunding";
	const paysAgain = wasHeld || (ended === paymentId && !Object.values(others).includes(paymentId));
	const isTaken = !wasHeld && isSeated(seat) && isPaid(seat, paymentId);
	const again = paysAgain && seat.droppedBy ? reopened(seat, takenBy, paymentId) : null;
	return {
		...again,
		change: {
			$set: {
				...again?.change.$set,
				[`refunds.${refundId}`]: "failed",
				...(paysAgain && { [`payments.${paymentId}`]: isTaken ? "surplus" : "captured" }),
			},
			$unset: {
				...again?.change.$unset,
				...(seat.heldBy === refundId && { heldBy: true }),
				...(ended && { [`ends.${refundId}`]: true }),
			},
		},
	};
}

/** The buyer's bank took the money: the seat goes with it, unless something else pays for it. */
export function chargedBack(
	seat: EnrollmentDoc,
	{ paymentId, disputeId }: { paymentId: string; disputeId: string },
	now: string,
): SeatStep | null {
	return seat.ends?.[disputeId] ? null : ended(seat, paymentId, disputeId, now);
}

/** Ends what a payment pays for; of one whose capture was not heard of yet, what that would have bought. */
function ended(seat: EnrollmentDoc, paymentId: string, by: string, now: string): SeatStep {
	const $set = { [`payments.${paymentId}`]: "refunded", [`ends.${by}`]: paymentId };
	if (!isSeated(seat) && !seat.payments[paymentId])
		return {
			change: { $set: { ...$set, [`boughtAt.${paymentId}`]: seat.progress, droppedBy: by } },
		};
	if (!pays(seat, paymentId) || !isSeated(seat) || isPaid(seat, paymentId))
		return { change: { $set } };
	return {
		change: { $set: { ...$set, status: "dropped", droppedAt: now, droppedBy: by } },
		tells: { fact: "dropped" },
	};
}

/** How much of what a payment bought is unused, in hundredths of a percent of the course. */
export function usageOf(seat: EnrollmentDoc, paymentId: string): Usage {
	const progressPercentage = seat.progress / 100;
	switch (seat.payments[paymentId]) {
		case "captured":
		case "refunding": {
			const from = seat.boughtAt?.[paymentId] ?? 0;
			return { part: complete - seat.progress, of: complete - from, progressPercentage };
		}
		case "refunded":
			return { part: 0, of: complete, progressPercentage };
		default:
			return { part: complete, of: complete, progressPercentage: 0 };
	}
}
