import type { Clock } from "../../../kernel/clock.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import type { OutgoingFact } from "../../../kernel/store/collection.ts";
import type { DisputeDoc, PaymentDoc, RefundDoc } from "../../../models/money/payment.model.ts";
import { payments as contract } from "./payments.contract.ts";

/** A fact's id follows from what it tells: told twice it is the same one. */
const cause = (payment: PaymentDoc, what: string) =>
	({ headers: { seed: `${payment.id}/${what}` }, locals: {} }) as never;

const about = ({ id: paymentId, userId, payable }: PaymentDoc) => ({ paymentId, userId, payable });

const money = ({ amountMinor, currency, provider }: PaymentDoc) => ({
	amountMinor,
	currency,
	provider,
});

export const captured = (payment: PaymentDoc, clock: Clock): OutgoingFact =>
	fact(cause(payment, "captured"), clock, contract, "payment.captured", {
		...about(payment),
		...money(payment),
	});

/** @param decline the provider's id of the attempt. */
export const failed = (
	payment: PaymentDoc,
	clock: Clock,
	decline: string,
	reason: string,
): OutgoingFact =>
	fact(cause(payment, `failed/${decline}`), clock, contract, "payment.failed", {
		...about(payment),
		reason,
	});

/** @param fee minor units of the currency the provider settles in. */
export const feeCharged = (
	payment: PaymentDoc,
	clock: Clock,
	fee: { amountMinor: number; currency: string },
): OutgoingFact =>
	fact(cause(payment, "fee"), clock, contract, "payment.fee_charged", {
		...about(payment),
		...fee,
		provider: payment.provider,
	});

const refundData = (payment: PaymentDoc, { id, amountMinor = 0, endsAccess }: RefundDoc) => ({
	...about(payment),
	...money(payment),
	amountMinor,
	refundId: id,
	endsAccess,
});

export const refunded = (payment: PaymentDoc, clock: Clock, refund: RefundDoc): OutgoingFact =>
	fact(
		cause(payment, `refunded/${refund.id}`),
		clock,
		contract,
		"payment.refunded",
		refundData(payment, refund),
	);

export const refundFailed = (payment: PaymentDoc, clock: Clock, refund: RefundDoc): OutgoingFact =>
	fact(cause(payment, `refund-failed/${refund.id}`), clock, contract, "payment.refund_failed", {
		...refundData(payment, refund),
		isReversal: refund.status === "succeeded",
	});

/** @param name what became of the dispute. */
export const disputed = (
	payment: PaymentDoc,
	clock: Clock,
	name: "payment.disputed" | "payment.reinstated" | "payment.charged_back",
	{ id: disputeId, amountMinor }: Pick<DisputeDoc, "id" | "amountMinor">,
): OutgoingFact =>
	fact(cause(payment, `${name}/${disputeId}`), clock, contract, name, {
		...about(payment),
		...money(payment),
		amountMinor,
		disputeId,
	});
