import { type Clock, iso } from "../../../kernel/clock.ts";
import { format } from "../../../kernel/money/money.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { disputeStep } from "./dispute-steps.ts";
import type { Failure, Snapshot } from "./providers/port.ts";
import type { Step } from "./records.ts";
import { refundStep } from "./refund-steps.ts";
import { isOpen } from "./states.ts";
import { captured, failed, feeCharged } from "./told.ts";

const difference = (payment: PaymentDoc, answer: Snapshot): string | undefined => {
	const { gatewayId = answer.id } = payment;
	if (answer.id !== gatewayId || answer.key !== payment.id) return "payment differs";
	if (answer.currency !== payment.currency) return "currency differs";
	if (answer.amountMinor !== payment.amountMinor) return "amount differs";
	return undefined;
};

/**
 * The next thing a provider's answer changes; null when all it says is known. Applied until then, it comes to the same
 * whatever was applied before and however often: nothing here goes backwards, so an answer that is old changes nothing.
 */
export function nextStep(payment: PaymentDoc, answer: Snapshot, clock: Clock): Step | null {
	if (!payment.capturedAt) return openStep(payment, answer, clock);
	if (difference(payment, answer)) return null;
	const fee = feeStep(payment, answer, clock);
	if (fee) return fee;
	for (const dispute of answer.disputes) {
		const step = disputeStep(payment, dispute, clock);
		if (step) return step;
	}
	for (const refund of answer.refunds) {
		const step = refundStep(payment, refund, clock);
		if (step) return step;
	}
	return null;
}

/**
 * Of a payment that is not captured: money is captured only when it is this payment's, to the last minor unit; money
 * that came after the payment was closed is captured all the same.
 */
function openStep(payment: PaymentDoc, answer: Snapshot, clock: Clock): Step | null {
	const lastAnswer = { status: answer.status, at: iso(clock.now()) };
	const review = difference(payment, answer);
	if (review)
		return payment.review === review
			? null
			: { change: { $set: { review, lastAnswer } }, what: "a person must look", detail: review };
	if (answer.status === "paid") return captureStep(payment, answer, clock, lastAnswer);
	if (!isOpen(payment.status)) return null;
	if (answer.status === "canceled") return closeStep(payment, "canceled", clock);
	if (answer.status === "processing")
		return payment.status === "processing"
			? null
			: { change: { $set: { status: "processing", lastAnswer } }, what: "being paid" };
	if (answer.failure && !payment.declines[answer.failure.id])
		return declineStep(payment, answer.failure, clock);
	return payment.status === "processing"
		? { change: { $set: { status: "requires_action", lastAnswer } }, what: "not paid after all" }
		: null;
}

function captureStep(
	payment: PaymentDoc,
	answer: Snapshot,
	clock: Clock,
	lastAnswer: object,
): Step {
	const now = iso(clock.now());
	const isLate = !isOpen(payment.status);
	return {
		change: {
			$set: {
				status: "captured",
				capturedAt: now,
				gatewayId: answer.id,
				chargeId: answer.chargeId,
				lastAnswer,
				...(payment.attempts.create && { "attempts.create.outcome": "answered" }),
				...(payment.attempts.cancel && { "attempts.cancel.outcome": "answered" }),
				...(answer.fee && { fee: answer.fee, feeAt: now }),
				...(answer.isFeeDue && !answer.fee && { isFeeDue: true }),
			},
			$unset: { openKey: true, review: true, lastError: true },
		},
		what: "captured",
		...(isLate && { detail: `after it was ${payment.status}` }),
		facts: [
			captured(payment, clock),
			...(answer.fee?.amountMinor ? [feeCharged(payment, clock, answer.fee)] : []),
		],
	};
}

function feeStep(payment: PaymentDoc, { fee }: Snapshot, clock: Clock): Step | null {
	if (!fee || payment.fee) return null;
	return {
		change: { $set: { fee, feeAt: iso(clock.now()) }, $unset: { isFeeDue: true } },
		what: "fee told",
		detail: format(fee),
		facts: fee.amountMinor ? [feeCharged(payment, clock, fee)] : [],
	};
}

/** Closes it here; null for one that is not open any more. */
export function closeStep(
	payment: PaymentDoc,
	to: "canceled" | "expired",
	clock: Clock,
	closedBy?: string,
): Step | null {
	if (!isOpen(payment.status)) return null;
	return {
		change: {
			$set: { status: to, closedAt: iso(clock.now()), closedBy },
			$unset: { openKey: true },
		},
		what: to,
	};
}

/** Writes down that an attempt to pay was declined and tells the buyer, once for each attempt. */
export function declineStep(payment: PaymentDoc, failure: Failure, clock: Clock): Step | null {
	if (payment.status !== "requires_action" && payment.status !== "processing") return null;
	if (payment.declines[failure.id]) return null;
	const at = iso(clock.now());
	return {
		change: {
			$set: {
				status: "requires_action",
				lastError: { code: failure.code, message: failure.message, at },
				[`declines.${failure.id}`]: at,
			},
		},
		what: "declined",
		detail: failure.code,
		facts: [failed(payment, clock, failure.id, failure.code)],
	};
}
