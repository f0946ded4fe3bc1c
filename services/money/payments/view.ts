import { toMajor } from "../../../kernel/money/money.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Payment } from "./payments.contract.ts";
import { isOpen } from "./states.ts";
import { expiryOf } from "./till.ts";

/** A payment as answers show it; what it takes to pay only while that can be done. */
export function paymentView(payment: PaymentDoc): Payment {
	const { id, payable, userId, status, amountMinor, currency, createdAt } = payment;
	return {
		id,
		payable,
		...(payable.kind === "course" && { courseId: payable.id }),
		userId,
		status,
		amount: toMajor(amountMinor, currency),
		amountMinor,
		currency,
		paymentMethod: payment.method,
		sandbox: payment.provider === "sandbox",
		...(payment.gatewayId && { paymentGatewayId: payment.gatewayId }),
		...(isOpen(status) && {
			...(payment.clientSecret && { clientSecret: payment.clientSecret }),
			...(payment.checkoutUrl && { checkoutUrl: payment.checkoutUrl }),
			expiresAt: expiryOf(payment),
		}),
		...(payment.lastError && { lastError: payment.lastError }),
		...(payment.review && { review: payment.review }),
		createdAt,
		...(payment.capturedAt && { capturedAt: payment.capturedAt }),
		...refundsOf(payment),
	};
}

/** What went back and what is on its way, where there is any. */
function refundsOf({ refunds, refundedMinor = 0, currency }: PaymentDoc) {
	const known = Object.values(refunds).filter(refund => refund.amountMinor !== undefined);
	if (known.length === 0) return {};
	return {
		refundedAmount: toMajor(refundedMinor, currency),
		refundedAmountMinor: refundedMinor,
		refunds: known
			.map(({ id, amountMinor = 0, status, createdAt }) => ({
				id,
				amountMinor,
				status: status === "requested" ? ("pending" as const) : status,
				createdAt,
			}))
			.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1)),
	};
}

/** Why a refund came to nothing, in a sentence. */
export function refusalOf({ refunds }: PaymentDoc, id: string): string {
	const { code, message = "it does not say why" } = refunds[id]?.failure ?? {};
	return code === "withdrawn" ? `It was withdrawn: ${message}` : `The provider refuses: ${message}`;
}
