import type { DisputeSnapshot, Failure, RefundSnapshot, Snapshot, StatementLine } from "./port.ts";

/** Notes of any of its objects; an empty array where there are none. */
type Notes = Readonly<Record<string, unknown>> | readonly unknown[] | null;

/** The members read here of an order (https://razorpay.com/docs/api/orders/entity/). */
export interface RazorpayOrder {
	id: string;
	amount: number;
	currency: string;
	receipt: string | null;
	/** `paid` once a payment of it was captured, for ever. */
	status: string;
	notes: Notes;
	/** Seconds. */
	created_at: number;
}

/** The members read here of a payment, one attempt to pay an order (https://razorpay.com/docs/api/payments/entity/). */
export interface RazorpayPayment {
	id: string;
	amount: number;
	currency: string;
	/** `created`, `authorized`, `captured`, `refunded`, `failed`. */
	status: string;
	captured: boolean;
	amount_refunded: number;
	/** With its tax, in `base_currency`; null before it is captured. */
	fee: number | null;
	/** What a payment in another currency than the account's is settled in. */
	base_currency?: string;
	error_code: string | null;
	error_description: string | null;
	error_reason?: string | null;
	/** Seconds. */
	created_at: number;
}

/** The members read here of a refund (https://razorpay.com/docs/api/refunds/entity/). */
export interface RazorpayRefund {
	id: string;
	amount: number;
	currency: string;
	/** `pending`, `processed`, `failed`. */
	status: string;
	notes: Notes;
}

/** The members read here of a dispute (https://razorpay.com/docs/api/disputes/entity/). */
export interface RazorpayDispute {
	id: string;
	payment_id: string;
	amount: number;
	currency: string;
	amount_deducted: number;
	/** `open`, `under_review`, `won`, `lost`, `closed`. */
	status: string;
	/** `fraud` and `retrieval` only ask. */
	phase: string;
}

export interface Collection<T> {
	items: T[];
}

/** A text among an object's notes. */
export const noteOf = ({ notes }: { notes: Notes }, name: string): string | undefined => {
	const value = notes && !Array.isArray(notes) ? (notes as Record<string, unknown>)[name] : null;
	return typeof value === "string" && value !== "" ? value : undefined;
};

/** The key that an order was made under; undefined for another product's. */
export const keyOf = (order: RazorpayOrder): string | undefined => noteOf(order, "payment_id");

/** @throws RangeError for what is no number of minor units. */
function moneyOf({ amount, currency }: { amount: number; currency: string }) {
	if (!Number.isSafeInteger(amount))
		throw new RangeError(`Razorpay's amount ${amount} ${currency} is no number of minor units`);
	return { amountMinor: amount, currency };
}

/** Whether it holds money, or gave it back. One that ran out before it was captured is `refunded` too. */
export const isTaken = ({ status, captured }: RazorpayPayment): boolean =>
	status === "captured" || (status === "refunded" && captured);

export const isAuthorized = ({ status }: RazorpayPayment): boolean => status === "authorized";

/** Why an attempt to pay came to nothing; undefined where it did not. */
export function declineOf(payment: RazorpayPayment): Failure | undefined {
	const { id, status, error_code, error_reason, error_description } = payment;
	if (status === "failed")
		return {
			id,
			code: error_reason || error_code || "payment_failed",
			message: error_description || "The payment failed",
		};
	if (status === "refunded" && !isTaken(payment))
		return { id, code: "not_captured", message: "The approval of the bank ran out" };
	return undefined;
}

/** The last of several attempts; Razorpay lists the newest first. */
const newest = (payments: readonly RazorpayPayment[]): RazorpayPayment | undefined =>
	payments.toSorted((a, b) => b.created_at - a.created_at)[0];

const sum = (amounts: readonly number[]): number =>
	amounts.reduce((all, amount) => all + amount, 0);

/** What Razorpay keeps of it, or that it is to be asked for later. */
function feeOf(payments: readonly RazorpayPayment[]): Pick<Snapshot, "fee" | "isFeeDue"> {
	const [first] = payments;
	if (!first || payments.some(({ fee }) => fee === null)) return { isFeeDue: true };
	const amountMinor = sum(payments.map(({ fee }) => fee ?? 0));
	if (!Number.isSafeInteger(amountMinor) || amountMinor <= 0) return {};
	return { fee: { amountMinor, currency: first.base_currency ?? first.currency } };
}

export interface Standing {
	order: RazorpayOrder;
	payments: readonly RazorpayPayment[];
	/** Whether nothing of it is captured any more. */
	isClosed: boolean;
	refunds?: readonly RazorpayRefund[];
	disputes?: readonly RazorpayDispute[];
}

/**
 * How an order stands. Several captured payments, which Razorpay says there cannot be, are told as their sum, so that a
 * person looks at it.
 * @throws Error where Razorpay contradicts itself @throws RangeError for what is no number of minor units.
 */
export function snapshotOf(standing: Standing): Snapshot {
	const { order, payments, isClosed, refunds = [], disputes = [] } = standing;
	const taken = payments.filter(isTaken);
	const [charge] = taken.toSorted((a, b) => a.created_at - b.created_at);
	const about = { id: order.id, key: keyOf(order) ?? "", refunds: [], disputes: [] };
	if (charge)
		return {
			...about,
			status: "paid",
			...moneyOf({ amount: sum(taken.map(({ amount }) => amount)), currency: charge.currency }),
			chargeId: charge.id,
			...feeOf(taken),
			refunds: refunds.map(refundOf),
			disputes: disputes.filter(holdsMoney).map(disputeOf),
		};
	if (order.status === "paid")
		throw new Error(`Razorpay says that ${order.id} is paid, and lists no payment that did it`);
	const money = moneyOf(order);
	if (isClosed) return { ...about, status: "canceled", ...money };
	const authorized = payments.find(isAuthorized);
	if (authorized) return { ...about, status: "processing", ...money, chargeId: authorized.id };
	const last = newest(payments);
	const failure = last && declineOf(last);
	return { ...about, status: "open", ...money, ...(failure && { failure }) };
}

const refundStatuses: ReadonlyMap<string, RefundSnapshot["status"]> = new Map([
	["pending", "pending"],
	["processed", "succeeded"],
	["failed", "failed"],
]);

/** @throws Error for a status that is not known: what it means is unknown too. */
export function refundOf(refund: RazorpayRefund): RefundSnapshot {
	const { id } = refund;
	const key = noteOf(refund, "refund_id");
	const status = refundStatuses.get(refund.status);
	if (!status) throw new Error(`Razorpay says that ${id} is ${refund.status}`);
	return {
		id,
		...(key && { key }),
		status,
		...moneyOf(refund),
		...(status === "failed" && { failure: { id, code: "declined", message: "The refund failed" } }),
	};
}

/** What the bank only asks about takes no money until it ends so. */
export const holdsMoney = ({ phase, status, amount_deducted }: RazorpayDispute): boolean =>
	(phase !== "fraud" && phase !== "retrieval") || status === "lost" || amount_deducted > 0;

const disputeOf = (dispute: RazorpayDispute): DisputeSnapshot => ({
	id: dispute.id,
	status: disputeStatus(dispute),
	...moneyOf(dispute),
});

/** `closed` says nothing of who won; what was deducted does. */
export function disputeStatus(dispute: RazorpayDispute): DisputeSnapshot["status"] {
	if (dispute.status === "won" || dispute.status === "lost") return dispute.status;
	if (dispute.status !== "closed") return "open";
	return dispute.amount_deducted > 0 ? "lost" : "won";
}

/** A line for an order that was paid through this product; null for any other. */
export function lineOf(
	order: RazorpayOrder & { payments?: Collection<RazorpayPayment> },
): StatementLine | null {
	const key = keyOf(order);
	const taken = order.payments?.items.filter(isTaken) ?? [];
	const [charge] = taken.toSorted((a, b) => a.created_at - b.created_at);
	if (!key || !charge) return null;
	return {
		id: order.id,
		key,
		...moneyOf({ amount: sum(taken.map(({ amount }) => amount)), currency: charge.currency }),
		refundedMinor: sum(taken.map(({ amount_refunded }) => amount_refunded)),
		paidAt: charge.created_at * 1_000,
	};
}
