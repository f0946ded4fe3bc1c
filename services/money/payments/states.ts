import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { PaymentStatus } from "./payments.contract.ts";

/** Every change of status there is. From `failed`, `canceled` and `expired` only money that came late leads on. */
export const transitions: Readonly<Record<PaymentStatus, readonly PaymentStatus[]>> = {
	created: ["requires_action", "failed", "canceled", "expired"],
	requires_action: ["processing", "captured", "failed", "canceled", "expired"],
	processing: ["requires_action", "captured", "failed", "canceled", "expired"],
	captured: ["refund_pending", "partially_refunded", "refunded", "disputed"],
	failed: ["captured"],
	canceled: ["captured"],
	expired: ["captured"],
	refund_pending: ["captured", "partially_refunded", "refunded", "disputed"],
	partially_refunded: ["captured", "refund_pending", "refunded", "disputed"],
	refunded: ["captured", "partially_refunded", "refund_pending", "disputed"],
	disputed: ["captured", "refund_pending", "partially_refunded", "refunded"],
};

/** The statuses from which one may be reached. */
export const sourcesOf = (to: PaymentStatus): PaymentStatus[] =>
	(Object.keys(transitions) as PaymentStatus[]).filter(from => transitions[from].includes(to));

/** What can still be paid. */
export const openStatuses = ["created", "requires_action", "processing"] as const;

export const isOpen = (status: PaymentStatus): boolean =>
	(openStatuses as readonly PaymentStatus[]).includes(status);

/** The status of a captured payment, which follows from its disputes and refunds; of any other as it is. */
export function statusOf(payment: PaymentDoc): PaymentStatus {
	if (!payment.capturedAt) return payment.status;
	if (Object.values(payment.disputes).some(dispute => dispute.status !== "won")) return "disputed";
	if (Object.values(payment.refunds).some(refund => refund.status === "pending"))
		return "refund_pending";
	const back = refundedOf(payment);
	if (back === 0) return "captured";
	return back >= payment.amountMinor ? "refunded" : "partially_refunded";
}

const sumOf = (amounts: readonly { amountMinor?: number }[]): number =>
	amounts.reduce((sum, { amountMinor = 0 }) => sum + amountMinor, 0);

/** What went back of a captured payment, minor units. */
export const refundedOf = ({ refunds }: PaymentDoc): number =>
	sumOf(Object.values(refunds).filter(refund => refund.status === "succeeded"));

/**
 * What of a captured payment can still be given back, minor units: nothing that went back, is on its way back, or is
 * held or taken by a dispute. A buyer's bank may claim what went back already, so it may be less than nothing is left.
 */
export function headroomOf({ amountMinor, refunds, disputes }: PaymentDoc): number {
	const held = sumOf(Object.values(refunds).filter(refund => refund.status !== "failed"));
	const claimed = sumOf(Object.values(disputes).filter(dispute => dispute.status !== "won"));
	return Math.max(0, amountMinor - held - claimed);
}

/** Whether more of a payment may yet be there to be given back: a dispute is open, or another refund than this pending. */
export const isMoving = ({ disputes, refunds }: PaymentDoc, except: string): boolean =>
	Object.values(disputes).some(({ status }) => status === "open") ||
	Object.values(refunds).some(({ id, status }) => id !== except && status === "pending");

/**
 * Whether anything about a payment has no known end at its provider.
 * @param now ms
 */
export function isUnsettled(payment: PaymentDoc, now: number): boolean {
	const { create, cancel } = payment.attempts;
	const unanswered = [create, cancel].some(
		attempt => attempt?.outcome === "asked" || attempt?.outcome === "unknown",
	);
	if (!payment.capturedAt)
		return (
			(isOpen(payment.status) && payment.review === undefined) ||
			unanswered ||
			(payment.lateUntil ?? 0) > now
		);
	return (
		payment.openRefund !== undefined ||
		payment.isFeeDue === true ||
		Object.values(payment.refunds).some(refund => refund.status === "pending") ||
		Object.values(payment.disputes).some(dispute => dispute.status === "open")
	);
}
