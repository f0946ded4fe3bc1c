import type { Result } from "../../../kernel/contract.ts";
import type {
	SandboxIntentDoc,
	SandboxRefund,
} from "../../../models/money/sandbox-intent.model.ts";
import { paidEventId } from "./outcome.ts";

type Intent = Result<"sandbox.find">;

export const refundView = (
	{ currency }: SandboxIntentDoc,
	{ id, key, status, amountMinor, failure }: SandboxRefund,
): Intent["refunds"][number] => ({
	id,
	...(key && { key }),
	status,
	amountMinor,
	currency,
	...(failure && { failure }),
});

/** A payment as the sandbox answers how it stands. */
export function intentView(intent: SandboxIntentDoc): Intent {
	const { id, key, status, amountMinor, currency, chargeId, feeMinor, failure, dispute } = intent;
	const isPaid = status === "paid";
	return {
		id,
		key,
		status,
		amountMinor,
		currency,
		...(chargeId && { chargeId }),
		...(isPaid && feeMinor && { fee: { amountMinor: feeMinor, currency } }),
		...(failure && { failure }),
		refunds: Object.values(intent.refunds ?? {}).map(refund => refundView(intent, refund)),
		disputes: dispute ? [{ ...dispute, currency }] : [],
	};
}

/** What is paid as the sandbox's books have it. */
export function lineOf(intent: SandboxIntentDoc): Result<"sandbox.statement">["items"][number] {
	const { id, key, amountMinor, currency, refunds = {} } = intent;
	const refundedMinor = Object.values(refunds)
		.filter(({ status }) => status !== "failed")
		.reduce((sum, refund) => sum + refund.amountMinor, 0);
	const paidAt = intent.webhooks[paidEventId(intent)]?.createdAt ?? 0;
	return { id, key, amountMinor, currency, refundedMinor, paidAt };
}
