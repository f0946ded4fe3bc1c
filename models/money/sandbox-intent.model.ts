import { defineModel } from "../../kernel/store/model.ts";
import type { PaymentMethod } from "../../services/money/payments/payments.contract.ts";

export interface SandboxFailure {
	id: string;
	code: string;
	message: string;
}

/** A webhook that the sandbox owes; without `dueAt` it was delivered, or is withheld. */
export interface SandboxWebhook {
	type: "payment.paid" | "payment.failed";
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
	status: "open" | "paid" | "canceled";
	/** Id of the money that was taken. */
	chargeId?: string;
	/** The last decline. */
	failure?: SandboxFailure;
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
		webhooks: { type: Object },
		dueAt: Number,
		createdAt: String,
	},
	indexes: { key: { unique: true }, dueAt: { sparse: true } },
});
