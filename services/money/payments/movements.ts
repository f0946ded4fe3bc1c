import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Movement } from "./payments.contract.ts";

/** All money that moved for a payment, as its document has it. */
export function movementsOf(payment: PaymentDoc): Movement[] {
	const { id: paymentId, provider, currency, capturedAt } = payment;
	if (!capturedAt) return [];
	const own = { paymentId, provider, currency };
	const refunds = Object.values(payment.refunds).flatMap(
		({ id, amountMinor = 0, succeededAt, failedAt }): Movement[] =>
			!succeededAt
				? []
				: [
						{ ...own, kind: "refund", id, amountMinor, at: succeededAt },
						...(failedAt
							? [{ ...own, kind: "refund_reversal" as const, id, amountMinor, at: failedAt }]
							: []),
					],
	);
	const disputes = Object.values(payment.disputes).flatMap(
		({ id, amountMinor, status, openedAt, closedAt = openedAt }): Movement[] => [
			{ ...own, kind: "dispute", id, amountMinor, at: openedAt },
			...(status === "won"
				? [{ ...own, kind: "dispute_reversal" as const, id, amountMinor, at: closedAt }]
				: []),
		],
	);
	return [
		{ ...own, kind: "capture", id: paymentId, amountMinor: payment.amountMinor, at: capturedAt },
		...(payment.fee?.amountMinor
			? [
					{
						...own,
						...payment.fee,
						kind: "fee" as const,
						id: paymentId,
						at: payment.feeAt ?? capturedAt,
					},
				]
			: []),
		...refunds,
		...disputes,
	];
}
