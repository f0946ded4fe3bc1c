import type Stripe from "stripe";
import { derivedId } from "../../../../kernel/ids.ts";
import type { DisputeSnapshot, Failure, RefundSnapshot, Snapshot, StatementLine } from "./port.ts";
import { fromStripeAmount } from "./stripe-amounts.ts";

/** @throws RangeError where it cannot be told in minor units. */
function moneyOf(amount: number, of: { currency: string }) {
	const amountMinor = fromStripeAmount(amount, of.currency);
	if (amountMinor === undefined)
		throw new RangeError(`Stripe's amount ${amount} ${of.currency} is no number of minor units`);
	return { amountMinor, currency: of.currency.toUpperCase() };
}

/** The id of what may have been expanded. */
export const idOf = (reference: string | { id: string } | null | undefined): string | undefined =>
	typeof reference === "string" ? reference : reference?.id;

const statuses: ReadonlyMap<string, Snapshot["status"]> = new Map([
	["requires_payment_method", "open"],
	["requires_confirmation", "open"],
	["requires_action", "open"],
	["processing", "processing"],
	["requires_capture", "processing"],
	["succeeded", "paid"],
	["canceled", "canceled"],
]);

/**
 * Why the last attempt to pay was declined. Its id is the attempt's charge; where none was made (a failed 3-D Secure),
 * it derives from what tells one such attempt from the next.
 */
export function declineOf(
	intent: Pick<Stripe.PaymentIntent, "id" | "last_payment_error">,
): Failure | undefined {
	const error = intent.last_payment_error;
	if (!error) return undefined;
	const code = error.code ?? error.type;
	const attempt = `${code} ${idOf(error.payment_method) ?? ""}`;
	return {
		id: error.charge ?? derivedId("dcl", intent.id, attempt),
		code,
		message: error.message ?? "The payment was declined",
	};
}

/** What Stripe keeps of it, or that it is to be asked for later; neither where it cannot be told in minor units. */
function feeOf(charge: string | Stripe.Charge | null): Pick<Snapshot, "fee" | "isFeeDue"> {
	const settled = typeof charge === "object" ? charge?.balance_transaction : undefined;
	if (!settled || typeof settled === "string") return { isFeeDue: true };
	const amountMinor = fromStripeAmount(settled.fee, settled.currency);
	if (!amountMinor) return {};
	return { fee: { amountMinor, currency: settled.currency.toUpperCase() } };
}

/**
 * @throws Error for a status that is not known: what it means is unknown too.
 * @throws RangeError for an amount that cannot be told in minor units.
 */
export function snapshotOf(
	intent: Stripe.PaymentIntent,
	refunds: readonly Stripe.Refund[] = [],
	disputes: readonly Stripe.Dispute[] = [],
): Snapshot {
	const status = statuses.get(intent.status);
	if (!status) throw new Error(`Stripe says that ${intent.id} is ${intent.status}`);
	const isPaid = status === "paid";
	const failure = intent.status === "requires_payment_method" ? declineOf(intent) : undefined;
	const chargeId = isPaid ? idOf(intent.latest_charge) : undefined;
	return {
		id: intent.id,
		key: intent.metadata.payment_id ?? "",
		status,
		...moneyOf(isPaid ? intent.amount_received : intent.amount, intent),
		...(chargeId && { chargeId }),
		...(isPaid && feeOf(intent.latest_charge)),
		...(failure && { failure }),
		refunds: refunds.map(refundOf),
		disputes: disputes.filter(holdsMoney).map(disputeOf),
	};
}

/** A refund; `canceled` is a failed one: the money did not go. */
export function refundOf(refund: Stripe.Refund): RefundSnapshot {
	const { id, status, metadata, failure_reason: reason } = refund;
	const failed = status === "failed" || status === "canceled";
	return {
		id,
		...(metadata?.refund_id && { key: metadata.refund_id }),
		status: failed ? "failed" : status === "succeeded" ? "succeeded" : "pending",
		...moneyOf(refund.amount, refund),
		...(failed && {
			failure: {
				id,
				code: reason ?? (status === "canceled" ? "canceled" : "unknown"),
				message: "The refund failed",
			},
		}),
	};
}

/** An inquiry (`warning_…`), or a dispute that was prevented, withdraws nothing (https://docs.stripe.com/disputes/how-disputes-work). */
const holdsMoney = ({ status }: Stripe.Dispute): boolean =>
	!status.startsWith("warning_") && status !== "prevented";

const disputeOf = (dispute: Stripe.Dispute): DisputeSnapshot => {
	const { id, status } = dispute;
	const ended = (["won", "lost"] as const).find(end => end === status);
	return { id, status: ended ?? "open", ...moneyOf(dispute.amount, dispute) };
};

/** A line for a payment that was paid through this product; null for any other. `latest_charge` must be expanded. */
export function lineOf(intent: Stripe.PaymentIntent): StatementLine | null {
	const key = intent.metadata.payment_id;
	const charge = intent.latest_charge;
	if (intent.status !== "succeeded" || !key || !charge || typeof charge === "string") return null;
	return {
		id: intent.id,
		key,
		...moneyOf(intent.amount_received, intent),
		refundedMinor: moneyOf(charge.amount_refunded, intent).amountMinor,
		paidAt: charge.created * 1_000,
	};
}
