import { randomBytes } from "node:crypto";
import type Stripe from "stripe";

/**
 * Stripe's objects as it keeps them: complete by the types of the SDK (a field that may be null is
 * null, not missing), with ids where an answer may have the object. What the SDK's API version has
 * and the OpenAPI document's has not is left out: it could not be validated.
 */
export type Intent = Omit<
	Stripe.PaymentIntent,
	"payment_record" | "source" | "latest_charge" | "payment_method"
> & { latest_charge: string | null; payment_method: string | null };
export type Charge = Omit<
	Stripe.Charge,
	"source" | "balance_transaction" | "payment_intent" | "refunds"
> & { balance_transaction: string | null; payment_intent: string };
export type Refund = Omit<
	Stripe.Refund,
	"balance_transaction" | "failure_balance_transaction" | "charge" | "payment_intent" | "status"
> & {
	balance_transaction: string | null;
	failure_balance_transaction?: string;
	charge: string;
	payment_intent: string;
	status: RefundStatus;
};
export type Dispute = Omit<
	Stripe.Dispute,
	"intended_submission_method" | "charge" | "payment_intent" | "status"
> & { charge: string; payment_intent: string; status: DisputeStatus };
export type Transaction = Omit<Stripe.BalanceTransaction, "source"> & { source: string };
export type StripeObject = Intent | Charge | Refund | Dispute | Transaction;

export type RefundStatus = "pending" | "requires_action" | "succeeded" | "failed" | "canceled";
export type DisputeStatus =
	| "warning_needs_response"
	| "warning_under_review"
	| "warning_closed"
	| "needs_response"
	| "under_review"
	| "won"
	| "lost";

/** As Stripe tells of something that happened. */
export interface StripeEvent {
	id: string;
	object: "event";
	api_version: string;
	created: number;
	data: { object: StripeObject };
	livemode: boolean;
	pending_webhooks: number;
	request: { id: string | null; idempotency_key: string | null };
	type: string;
}

/** Stripe's time: whole seconds. */
export function now(): number {
	return Math.floor(Date.now() / 1000);
}

/** A new id, as `pi_3f…`. */
export function newId(prefix: string): string {
	return `${prefix}_${randomBytes(12).toString("hex")}`;
}

export function newIntent(
	given: Pick<Intent, "amount" | "currency" | "livemode"> & Partial<Intent>,
): Intent {
	const id = newId("pi");
	return {
		id,
		object: "payment_intent",
		allowed_payment_method_types: null,
		amount_capturable: 0,
		amount_details: { tip: {} },
		amount_received: 0,
		application: null,
		application_fee_amount: null,
		automatic_payment_methods: { allow_redirects: "always", enabled: true },
		canceled_at: null,
		cancellation_reason: null,
		capture_method: "automatic_async",
		client_secret: `${id}_secret_${randomBytes(12).toString("hex")}`,
		confirmation_method: "automatic",
		created: now(),
		customer: null,
		customer_account: null,
		description: null,
		excluded_payment_method_types: null,
		last_payment_error: null,
		latest_charge: null,
		managed_payments: null,
		metadata: {},
		next_action: null,
		on_behalf_of: null,
		payment_method: null,
		payment_method_configuration_details: null,
		payment_method_options: {
			card: {
				installments: null,
				mandate_options: null,
				network: null,
				request_three_d_secure: "automatic",
			},
		},
		payment_method_types: ["card"],
		processing: null,
		receipt_email: null,
		review: null,
		setup_future_usage: null,
		shipping: null,
		statement_descriptor: null,
		statement_descriptor_suffix: null,
		status: "requires_payment_method",
		transfer_data: null,
		transfer_group: null,
		...given,
	};
}

/** The card a buyer pays with. */
export function newPaymentMethod(livemode: boolean): Stripe.PaymentMethod {
	const { brand, checks, country, exp_month, exp_year, fingerprint, funding, last4 } = CARD;
	const card = {
		...{ brand, checks, country, exp_month, exp_year, fingerprint, funding, last4 },
		display_brand: brand,
		generated_from: null,
		networks: { available: [brand], preferred: null },
		regulated_status: null,
		three_d_secure_usage: { supported: true },
		wallet: null,
	};
	return {
		id: newId("pm"),
		object: "payment_method",
		allow_redisplay: "unspecified",
		billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
		card: card as Stripe.PaymentMethod.Card,
		created: now(),
		customer: null,
		customer_account: null,
		livemode,
		metadata: {},
		type: "card",
	};
}

/** The charge of one attempt to pay; `pending` until told otherwise. */
export function newCharge(intent: Intent): Charge {
	const { amount, currency, livemode, description, metadata } = intent;
	return {
		id: newId("ch"),
		object: "charge",
		amount,
		amount_captured: 0,
		amount_refunded: 0,
		application: null,
		application_fee: null,
		application_fee_amount: null,
		balance_transaction: null,
		billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
		calculated_statement_descriptor: "ZEOLITE",
		captured: false,
		created: now(),
		currency,
		customer: null,
		description,
		disputed: false,
		failure_balance_transaction: null,
		failure_code: null,
		failure_message: null,
		fraud_details: {},
		livemode,
		metadata: { ...metadata },
		on_behalf_of: null,
		outcome: null,
		paid: false,
		payment_intent: intent.id,
		payment_method: intent.payment_method,
		payment_method_details: { card: CARD, type: "card" },
		receipt_email: null,
		receipt_number: null,
		receipt_url: null,
		refunded: false,
		review: null,
		shipping: null,
		source_transfer: null,
		statement_descriptor: null,
		statement_descriptor_suffix: null,
		status: "pending",
		transfer_data: null,
		transfer_group: null,
	};
}

export function newRefund(
	charge: Charge,
	given: Pick<Refund, "amount" | "status" | "reason"> & Partial<Refund>,
): Refund {
	return {
		id: newId("re"),
		object: "refund",
		balance_transaction: null,
		charge: charge.id,
		created: now(),
		currency: charge.currency,
		customer: null,
		customer_account: null,
		destination_details: { card: { type: "refund" }, type: "card" },
		metadata: {},
		payment_intent: charge.payment_intent,
		payment_method: charge.payment_method,
		receipt_number: null,
		source_transfer_reversal: null,
		transfer_reversal: null,
		...given,
	};
}

export function newDispute(charge: Charge, amount: number, status: DisputeStatus): Dispute {
	const inquiry = status.startsWith("warning_");
	const evidence = [
		...["access_activity_log", "billing_address", "cancellation_policy"],
		...["cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication"],
		...["customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature"],
		...["duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id"],
		...["product_description", "receipt", "refund_policy", "refund_policy_disclosure"],
		...["refund_refusal_explanation", "service_date", "service_documentation"],
		...["shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation"],
		...["shipping_tracking_number", "uncategorized_file", "uncategorized_text"],
	];
	return {
		id: newId("dp"),
		object: "dispute",
		amount,
		balance_transactions: [],
		charge: charge.id,
		created: now(),
		currency: charge.currency,
		enhanced_eligibility_types: [],
		evidence: {
			...Object.fromEntries(evidence.map(field => [field, null])),
			enhanced_evidence: {},
		} as unknown as Dispute["evidence"],
		evidence_details: {
			due_by: now() + 7 * 24 * 3600,
			enhanced_eligibility: {},
			has_evidence: false,
			past_due: false,
			submission_count: 0,
		} as Dispute["evidence_details"],
		is_charge_refundable: inquiry,
		livemode: charge.livemode,
		metadata: {},
		payment_intent: charge.payment_intent,
		payment_method_details: {
			card: {
				brand: "visa",
				case_type: inquiry ? "inquiry" : "chargeback",
				network: "visa",
				network_reason_code: "83",
			} as NonNullable<Dispute["payment_method_details"]>["card"],
			type: "card",
		},
		reason: "fraudulent",
		status,
	};
}

/** A line of the balance. `fee` and `amount` in minor units of `currency`, in which it settles. */
export function newTransaction(
	given: Pick<Transaction, "amount" | "currency" | "fee" | "source" | "type"> &
		Partial<Transaction>,
): Transaction {
	const { amount, currency, fee, type } = given;
	const details = { amount: fee, application: null, currency, type: "stripe_fee" };
	return {
		id: newId("txn"),
		object: "balance_transaction",
		available_on: now() + 2 * 24 * 3600,
		balance_type: "payments",
		created: now(),
		description: null,
		exchange_rate: null,
		fee_details: fee === 0 ? [] : [{ ...details, description: "Stripe processing fees" }],
		net: amount - fee,
		reporting_category: type === "adjustment" ? "dispute" : type,
		status: "pending",
		...given,
	};
}

/** What is the same in every answer of a card's bank. */
export const OUTCOME = {
	advice_code: null,
	network_advice_code: null,
	network_decline_code: null,
	reason: null,
	risk_level: "normal",
	risk_score: 20,
} satisfies Partial<Stripe.Charge.Outcome>;

const CARD = {
	amount_authorized: null,
	authorization_code: null,
	brand: "visa",
	checks: null,
	country: "US",
	exp_month: 12,
	exp_year: 2034,
	fingerprint: null,
	funding: "credit",
	installments: null,
	last4: "4242",
	mandate: null,
	network: "visa",
	network_token: null,
	network_transaction_id: null,
	regulated_status: null,
	three_d_secure: null,
	transaction_link_id: null,
	wallet: null,
} as unknown as Stripe.Charge.PaymentMethodDetails.Card;
