import { derivedId } from "../../../kernel/ids.ts";
import type { Change, Guard } from "../../../kernel/store/guard.ts";
import type {
	SandboxDispute,
	SandboxFailure,
	SandboxIntentDoc,
	SandboxRefund,
	SandboxWebhook,
} from "../../../models/money/sandbox-intent.model.ts";

/** One guarded update of a payment at the sandbox, with the webhook that tells of it. */
export interface Effect {
	guard: Guard;
	change: Change;
}

/** The webhook that tells of a change, due at once; `withheld` it waits until somebody lets it go. */
function telling(
	type: SandboxWebhook["type"],
	objectId: string,
	now: number,
	withheld = false,
): Record<string, unknown> {
	const webhook: SandboxWebhook = {
		type,
		objectId,
		createdAt: now,
		...(!withheld && { dueAt: now }),
		tries: 0,
	};
	const event = derivedId("evt_sandbox", objectId, type);
	return { [`webhooks.${event}`]: webhook, ...(!withheld && { dueAt: now }) };
}

const refundFailed = (refundId: string): SandboxFailure => ({
	id: refundId,
	code: "declined",
	message: "The buyer's bank did not take the money",
});

/** Id of the refund made under a key: the same for ever. */
export const refundIdOf = ({ method }: SandboxIntentDoc, key: string): string =>
	derivedId(method === "stripe" ? "re_sandbox" : "rfnd_sandbox", key, "refund");

/**
 * Gives back as the payment's refunds go just now (`refundsGo`). Never more than there is left; one that fails leaves
 * it as it is.
 * @param order without a key it is made by hand.
 */
export function refundEffect(
	intent: SandboxIntentDoc,
	order: { id: string; key?: string; amountMinor: number },
	now: number,
): Effect {
	const { refundsGo } = intent;
	const { id, key, amountMinor } = order;
	const status =
		({ pending: "pending", fail: "failed" } as const)[refundsGo as string] ?? "succeeded";
	const refund: SandboxRefund = {
		...order,
		status,
		...(status === "failed" && { failure: refundFailed(id) }),
	};
	const at = `refunds.${key ?? id}`;
	return {
		guard: {
			id: intent.id,
			status: "paid",
			refundableMinor: { $gte: amountMinor },
			[at]: { $exists: false },
		},
		change: {
			$set: { [at]: refund, ...telling(`refund.${status}`, id, now, refundsGo === "timeout") },
			...(status !== "failed" && { $inc: { refundableMinor: -amountMinor } }),
		},
	};
}

/**
 * Ends a refund that is pending, or lets one fail that had succeeded; told again as it stands, its webhook comes again.
 * Null where there is no such refund, or it failed.
 */
export function refundEndEffect(
	{ id, refunds = {} }: SandboxIntentDoc,
	refundId: string,
	to: "succeeded" | "failed",
	now: number,
): Effect | null {
	const [key, refund] = Object.entries(refunds).find(([, each]) => each.id === refundId) ?? [];
	if (!refund || (refund.status === "failed" && to !== "failed")) return null;
	const at = `refunds.${key}`;
	const changes = refund.status !== to;
	return {
		guard: { id, [`${at}.status`]: refund.status },
		change: {
			$set: {
				...(changes && { [`${at}.status`]: to }),
				...(changes && to === "failed" && { [`${at}.failure`]: refundFailed(refundId) }),
				...telling(`refund.${to}`, refundId, now),
			},
			...(changes && to === "failed" && { $inc: { refundableMinor: refund.amountMinor } }),
		},
	};
}

/**
 * Opens the payment's dispute, which takes what can still go back, or decides the open one; told again as it stands,
 * its webhook comes again. Null where that cannot be.
 */
export function disputeEffect(
	{ id, key, dispute, refundableMinor }: SandboxIntentDoc,
	to: SandboxDispute["status"],
	amountMinor: number | undefined,
	now: number,
): Effect | null {
	if (dispute?.status === to)
		return {
			guard: { id, "dispute.status": to },
			change: { $set: telling(`dispute.${to}`, dispute.id, now) },
		};
	if (to === "open") {
		const amount = amountMinor ?? refundableMinor;
		if (dispute || amount < 1) return null;
		const opened = { id: derivedId("dp_sandbox", key, "dispute"), status: to, amountMinor: amount };
		return {
			guard: {
				id,
				status: "paid",
				refundableMinor: { $gte: amount },
				dispute: { $exists: false },
			},
			change: {
				$set: { dispute: opened, ...telling("dispute.open", opened.id, now) },
				$inc: { refundableMinor: -amount },
			},
		};
	}
	if (dispute?.status !== "open") return null;
	return {
		guard: { id, "dispute.status": "open" },
		change: {
			$set: { "dispute.status": to, ...telling(`dispute.${to}`, dispute.id, now) },
			...(to === "won" && { $inc: { refundableMinor: dispute.amountMinor } }),
		},
	};
}

/** A slow means of payment: the buyer has done everything and the money is on its way, until an outcome ends it. */
export function processingEffect({ id, key }: SandboxIntentDoc, now: number): Effect {
	const webhook: SandboxWebhook = {
		type: "payment.processing",
		createdAt: now,
		dueAt: now,
		tries: 0,
	};
	const event = derivedId("evt_sandbox", key, "processing");
	return {
		guard: { id, status: "open" },
		change: {
			$set: { status: "processing", [`webhooks.${event}`]: webhook, dueAt: now },
			$unset: { failure: true },
		},
	};
}
