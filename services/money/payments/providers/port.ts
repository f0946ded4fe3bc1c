import type { PaymentMethod } from "../payments.contract.ts";

/** What a provider is asked to take. */
export interface Intent {
	/** The payment's id, and for ever the idempotency key under which it is made. */
	key: string;
	method: PaymentMethod;
	amountMinor: number;
	currency: string;
	/** What the buyer reads. */
	title: string;
}

/** Where the buyer pays. */
export interface Opened {
	/** The provider's id. */
	id: string;
	clientSecret?: string;
	checkoutUrl?: string;
}

/** What a provider is asked to give back. */
export interface RefundOrder {
	/** The refund's id, and for ever the idempotency key under which it is made. */
	key: string;
	/** The provider's id of the payment. */
	id: string;
	/** The provider's id of the money. */
	chargeId: string;
	amountMinor: number;
	currency: string;
}

export interface Failure {
	/** One per declined attempt to pay; letters, digits, `_` and `-`. */
	id: string;
	/** Stable, the provider's own. */
	code: string;
	message: string;
}

/** How a refund stands at the provider. */
export interface RefundSnapshot {
	/** The provider's id; letters, digits, `_` and `-`. */
	id: string;
	/** The key it was made under; none for one that was made at the provider by hand. */
	key?: string;
	/** `failed` may come after `succeeded`: the money came back. */
	status: "pending" | "succeeded" | "failed";
	amountMinor: number;
	currency: string;
	failure?: Failure;
}

/** How a dispute (chargeback) stands at the provider, which holds the money until it is decided. */
export interface DisputeSnapshot {
	/** The provider's id; letters, digits, `_` and `-`. */
	id: string;
	status: "open" | "won" | "lost";
	amountMinor: number;
	currency: string;
}

/** How a payment stands at the provider. */
export interface Snapshot {
	/** The provider's id. */
	id: string;
	/** The key it was made under. */
	key: string;
	status: "open" | "processing" | "paid" | "canceled";
	amountMinor: number;
	currency: string;
	/** The provider's id of the money, once it is paid. */
	chargeId?: string;
	/** What the provider keeps for it, in the currency it settles in; where it tells, maybe later than the capture. */
	fee?: { amountMinor: number; currency: string };
	/** It will tell a fee and does not yet. */
	isFeeDue?: boolean;
	/** The last attempt to pay, where that was declined. */
	failure?: Failure;
	/** All of them, once it is paid. */
	refunds: RefundSnapshot[];
	/** All of them, once it is paid. */
	disputes: DisputeSnapshot[];
}

/** What a webhook says. It is a hint: what counts is what the provider answers when asked. */
export interface ProviderEvent {
	/** The provider's id of the event, the same on each delivery. */
	id: string;
	/** The provider's own name of what happened. */
	type: string;
	/** `other`: nothing that payments act on, or of the other mode (test, live). */
	kind: "paid" | "failed" | "canceled" | "refund" | "dispute" | "other";
	/** The provider's id of the payment. */
	gatewayId?: string;
	/** The payment's id. */
	key?: string;
	/** Of a declined attempt to pay. */
	failure?: Failure;
	/** The refund or dispute it tells of, by the provider's id. */
	objectId?: string;
}

/** One paid payment as the provider's books have it. */
export interface StatementLine {
	/** The provider's id. */
	id: string;
	/** The payment's id. */
	key: string;
	amountMinor: number;
	currency: string;
	/** What went back, failed refunds not counted. */
	refundedMinor: number;
	/** When it was paid, ms. */
	paidAt: number;
}

/**
 * An outside system that takes money. A method that throws says nothing of what happened there: the outcome is
 * unknown, and is asked for again under the same key.
 */
export interface PaymentProvider {
	/** As ledger accounts and webhook paths name it. */
	readonly name: string;
	/**
	 * The smallest step of its amounts in a currency, in our minor units (10 where a third decimal must be zero);
	 * undefined for a currency it does not take.
	 */
	step(currency: string): number | undefined;
	/** Makes the payment, or finds the one that was made under this key. `refused` is final. */
	create(intent: Intent): Promise<{ opened: Opened } | { refused: Failure }>;
	fetch(id: string): Promise<Snapshot>;
	/** Tries to close it. What is paid stays paid, and the answer says so. */
	cancel(id: string): Promise<Snapshot>;
	/** Gives money back, or finds the refund that was made under this key. `refused` is final: nothing moved. */
	refund(order: RefundOrder): Promise<{ refund: RefundSnapshot } | { refused: Failure }>;
	/** The event that `body` holds, or null where its signature does not hold or its time is not within 300 s. */
	readWebhook(headers: Record<string, unknown>, body: Buffer): Promise<ProviderEvent | null>;
	/**
	 * Whether a signature that the buyer brings says that `chargeId` paid `id`. A provider that gives buyers none takes
	 * any.
	 */
	checkSignature(
		paid: { id: string; chargeId: string | undefined; method: PaymentMethod },
		signature: string,
	): Promise<boolean>;
	/** What was paid through this product, page by page, each payment once. */
	statement(after?: string): Promise<{ items: StatementLine[]; next?: string }>;
}
