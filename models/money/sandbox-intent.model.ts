import { defineModel } from "../../kernel/store/model.ts";
import type { PaymentMethod } from "../../services/money/payments/payments.contract.ts";

export interface SandboxFailure {
	id: string;
	code: string;
	message: string;
}

/** Money that went back, or was to. */
export interface SandboxRefund {
	/** `re_sandbox_…` or `rfnd_sandbox_…` */
	id: string;
	/** Idempotency key it was made under: the refund's id; none where it was made by hand. */
	key?: string;
	status: "pending" | "succeeded" | "failed";
	amountMinor: number;
	failure?: SandboxFailure;
}

/** What the buyer's bank claims back; held until it is decided. */
export interface SandboxDispute {
	/** `dp_sandbox_…` */
	id: string;
	status: "open" | "won" | "lost";
	amountMinor: number;
}

/** A webhook that the sandbox owes; without `dueAt` it was delivered, or is withheld. */
export interface SandboxWebhook {
	type:
		| "payment.paid"
		| "payment.failed"
		| "payment.processing"
		| `refund.${SandboxRefund["status"]}`
		| `dispute.${SandboxDispute["status"]}`;
	/** The refund or dispute it tells of. */
	objectId?: string;
	/** ms */
	createdAt: number;
	/** ms */
	dueAt?: number;
	tries: number;
	failure?: SandboxFailure;
}

/** What a provider would keep of a payment. */
export interface SandboxIntentDoc {
	/** `pi_sandbox_…` or `order_sandbox_…` */
	id: string;
	/** Idempotency key it was made under: the payment's id. */
	key: string;
	method: PaymentMethod;
	amountMinor: number;
	currency: string;
	title: string;
	clientSecret: string;
	status: "open" | "processing" | "paid" | "canceled";
	/** Id of the money that was taken. */
	chargeId?: string;
	/** The last decline. */
	failure?: SandboxFailure;
	/** What can still go back, to refunds and disputes. */
	refundableMinor: number;
	/** By idempotency key, one made by hand by its id; none before the first. */
	refunds?: Record<string, SandboxRefund>;
	/** How the next refunds go, where not well. */
	refundsGo?: "pending" | "fail" | "timeout";
	dispute?: SandboxDispute;
	/** What it keeps for itself. */
	feeMinor?: number;
	webhooks: Record<string, SandboxWebhook>;
	/** When a webhook is to be delivered next, ms. */
	dueAt?: number;
	createdAt: string;
}

export const SandboxIntentModel = defineModel<SandboxIntentDoc>()({
	name: "sandbox_intents",
	fields: {
		key: String,
		method: String,
		amountMinor: Number,
		currency: String,
		title: String,
		clientSecret: String,
		status: String,
		chargeId: String,
		failure: { type: Object },
		refundableMinor: Number,
		refunds: { type: Object },
		refundsGo: String,
		dispute: { type: Object },
		feeMinor: Number,
		webhooks: { type: Object },
		dueAt: Number,
		createdAt: String,
	},
	indexes: { key: { unique: true }, dueAt: { sparse: true } },
});
