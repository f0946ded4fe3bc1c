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

export interface Failure {
	/** One per declined attempt to pay; letters, digits, `_` and `-`. */
	id: string;
	/** Stable, the provider's own. */
	code: string;
	message: string;
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
	/** The last attempt to pay, where that was declined. */
	failure?: Failure;
}

/** What a webhook says. It is a hint: what counts is what the provider answers when asked. */
export interface ProviderEvent {
	/** The provider's id of the event, the same on each delivery. */
	id: string;
	type: "paid" | "failed" | "other";
	/** The provider's id of the payment. */
	gatewayId?: string;
	/** The payment's id. */
	key?: string;
	failure?: Failure;
}

/**
 * An outside system that takes money. A method that throws says nothing of what happened there: the outcome is
 * unknown, and is asked for again under the same key.
 */
export interface PaymentProvider {
	/** As ledger accounts and webhook paths name it. */
	readonly name: string;
	/** Makes the payment, or finds the one that was made under this key. */
	create(intent: Intent): Promise<{ opened: Opened } | { refused: Failure }>;
	fetch(id: string): Promise<Snapshot>;
	/** Tries to close it. What is paid stays paid, and the answer says so. */
	cancel(id: string): Promise<Snapshot>;
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
}
