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
	partially_refunded: ["refund_pending", "refunded", "disputed"],
	refunded: ["captured", "partially_refunded", "disputed"],
	disputed: ["captured", "partially_refunded", "refunded"],
};

/** The statuses from which one may be reached: what a guard asks for. */
export const sourcesOf = (to: PaymentStatus): PaymentStatus[] =>
	(Object.keys(transitions) as PaymentStatus[]).filter(from => transitions[from].includes(to));

/** What can still be paid. */
export const openStatuses = ["created", "requires_action", "processing"] as const;

export const isOpen = (status: PaymentStatus): boolean =>
	(openStatuses as readonly PaymentStatus[]).includes(status);
