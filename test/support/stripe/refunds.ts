import type { Books } from "./books.ts";
import { chargeRefused } from "./errors.ts";
import { type Charge, newRefund, type Refund, type RefundStatus } from "./objects.ts";

/**
 * Gives back what a charge took.
 * @param amount minor units, undefined for all that is left
 * @throws StripeRefusal charge_already_refunded, charge_disputed, or an amount above what is left
 */
export function refund(
	books: Books,
	charge: Charge,
	amount: number | undefined,
	given: Partial<Pick<Refund, "metadata" | "reason">> = {},
): Refund {
	const left = charge.amount_captured - charge.amount_refunded;
	const disputed = [...books.disputes.values()].some(
		dispute => dispute.charge === charge.id && !dispute.is_charge_refundable,
	);
	if (disputed) {
		const message = `Charge ${charge.id} has been charged back; cannot issue a refund.`;
		throw chargeRefused("charge_disputed", message);
	}
	if (left === 0) {
		const message = `Charge ${charge.id} has already been refunded.`;
		throw chargeRefused("charge_already_refunded", message);
	}
	if (amount !== undefined && amount > left) {
		const [wanted, rest] = [amount, left].map(minor => `${minor} ${charge.currency}`);
		const message = `Refund amount (${wanted}) is greater than unrefunded amount on charge (${rest})`;
		throw chargeRefused(undefined, message, "amount");
	}
	const { status, failure } = books.refundsBegin;
	const made = newRefund(charge, {
		amount: amount ?? left,
		status: status === "failed" ? "pending" : status,
		reason: given.reason ?? null,
		metadata: given.metadata ?? {},
	});
	books.refunds.set(made.id, made);
	const line = books.book(-made.amount, made.currency, made.id, "refund");
	made.balance_transaction = line.id;
	charge.amount_refunded += made.amount;
	charge.refunded = charge.amount_refunded === charge.amount;
	books.tell("refund.created", made);
	books.tell("charge.refunded", charge);
	if (status === "failed") settleRefund(books, made.id, "failed", failure);
	return made;
}

/**
 * A refund moves on, to `failed` also after `succeeded`; the charge then has its amount back.
 * @throws Error for a refund that ended for good: a test that tries is wrong
 */
export function settleRefund(
	books: Books,
	id: string,
	status: RefundStatus,
	failure = "unknown",
): Refund {
	const settled = books.refunds.get(id);
	if (settled === undefined) throw new Error(`there is no refund ${id}`);
	if (settled.status === "failed" || settled.status === "canceled")
		throw new Error(`${id} is ${settled.status} for good`);
	settled.status = status;
	if (status === "failed" || status === "canceled") {
		const charge = books.charges.get(settled.charge) as Charge;
		charge.amount_refunded -= settled.amount;
		charge.refunded = false;
		const line = books.book(settled.amount, settled.currency, id, "refund_failure");
		settled.failure_balance_transaction = line.id;
		if (status === "failed") settled.failure_reason = failure;
	}
	books.tell("refund.updated", settled);
	books.tell("charge.refund.updated", settled);
	if (status === "failed") books.tell("refund.failed", settled);
	return settled;
}
