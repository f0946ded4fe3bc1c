import type Stripe from "stripe";
import { noSuch, unexpectedState } from "./errors.ts";
import {
	type Charge,
	type Dispute,
	type Intent,
	newId,
	newTransaction,
	now,
	type Refund,
	type RefundStatus,
	type StripeEvent,
	type StripeObject,
	type Transaction,
} from "./objects.ts";

/** A cause of events that is no request. */
export const NOBODY: StripeEvent["request"] = { id: null, idempotency_key: null };

/** What one Stripe account has on record. Amounts are minor units. */
export class Books {
	readonly intents = new Map<string, Intent>();
	readonly charges = new Map<string, Charge>();
	readonly refunds = new Map<string, Refund>();
	readonly disputes = new Map<string, Dispute>();
	readonly transactions = new Map<string, Transaction>();
	readonly paymentMethods = new Map<string, Stripe.PaymentMethod>();
	readonly events: StripeEvent[] = [];
	readonly livemode: boolean;
	/** The request that runs. */
	cause = NOBODY;
	feesWithheld = false;
	/** How refunds from now on begin. */
	refundsBegin: { status: RefundStatus; failure?: string } = { status: "succeeded" };
	/** In what the balance is kept, and how much of it one minor unit of a payment makes. */
	settlement: { currency: string; rate: number } | undefined;
	readonly #apiVersion: string;
	readonly #announce: (event: StripeEvent) => void;

	constructor(apiVersion: string, livemode: boolean, announce: (event: StripeEvent) => void) {
		this.#apiVersion = apiVersion;
		this.livemode = livemode;
		this.#announce = announce;
	}

	/** The object that an id names, whatever it is. */
	find(id: string): StripeObject | undefined {
		const { intents, charges, refunds, disputes, transactions } = this;
		for (const objects of [intents, charges, refunds, disputes, transactions])
			if (objects.has(id)) return objects.get(id);
		return undefined;
	}

	/** @throws StripeRefusal resource_missing */
	intent(id: string): Intent {
		const intent = this.intents.get(id);
		if (intent === undefined) throw noSuch("payment_intent", id, "intent");
		return intent;
	}

	/** The charge of the last attempt to pay. */
	chargeOf({ latest_charge }: Intent): Charge | undefined {
		return latest_charge === null ? undefined : this.charges.get(latest_charge);
	}

	/** The charge that holds a payment's money. @throws StripeRefusal when it has none */
	paidCharge(intent: Intent): Charge {
		const charge = this.chargeOf(intent);
		if (charge?.status === "succeeded") return charge;
		const message = `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`;
		throw unexpectedState(intent, message);
	}

	/** Adds a line to the balance; `amount` and `fee` in the currency of the payment. */
	book(
		amount: number,
		paidIn: string,
		source: string,
		type: Transaction["type"],
		fee = 0,
	): Transaction {
		const { currency, rate } = this.settlement ?? { currency: paidIn, rate: 1 };
		const line = newTransaction({
			amount: Math.round(amount * rate),
			currency,
			fee: Math.round(fee * rate),
			source,
			type,
			...(currency !== paidIn && { exchange_rate: rate }),
		});
		this.transactions.set(line.id, line);
		return line;
	}

	/** Stripe keeps 2.9 % and 30 minor units of a paid charge. */
	settle(charge: Charge): void {
		const fee = Math.round(charge.amount * 0.029) + 30;
		const line = this.book(charge.amount, charge.currency, charge.id, "charge", fee);
		charge.balance_transaction = line.id;
	}

	/** Makes the event that tells of it, with the object as it is now. */
	tell(type: string, object: StripeObject): void {
		const event: StripeEvent = {
			id: newId("evt"),
			object: "event",
			api_version: this.#apiVersion,
			created: now(),
			data: { object: structuredClone(object) },
			livemode: this.livemode,
			pending_webhooks: 1,
			request: this.cause,
			type,
		};
		this.events.push(event);
		this.#announce(event);
	}
}
