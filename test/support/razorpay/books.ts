import { randomInt } from "node:crypto";
import { refusal } from "./errors.ts";

/** Razorpay's objects as it keeps them: complete by its documentation, amounts in minor units, times in seconds. */
export interface Order {
	id: string;
	entity: "order";
	amount: number;
	amount_paid: number;
	amount_due: number;
	currency: string;
	receipt: string | null;
	offer_id: null;
	status: "created" | "attempted" | "paid";
	attempts: number;
	notes: Record<string, string> | never[];
	created_at: number;
}

export interface Payment {
	id: string;
	entity: "payment";
	amount: number;
	currency: string;
	status: "created" | "authorized" | "captured" | "refunded" | "failed";
	order_id: string;
	invoice_id: null;
	international: boolean;
	method: "card";
	amount_refunded: number;
	refund_status: null | "partial" | "full";
	captured: boolean;
	description: null;
	card_id: string;
	bank: null;
	wallet: null;
	vpa: null;
	email: string;
	contact: string;
	notes: never[];
	fee: number | null;
	tax: number | null;
	base_amount?: number;
	base_currency?: string;
	error_code: string | null;
	error_description: string | null;
	error_source: string | null;
	error_step: string | null;
	error_reason: string | null;
	created_at: number;
}

export interface Refund {
	id: string;
	entity: "refund";
	amount: number;
	currency: string;
	payment_id: string;
	notes: Record<string, string> | never[];
	receipt: string | null;
	acquirer_data: { arn: string | null };
	created_at: number;
	batch_id: null;
	status: "pending" | "processed" | "failed";
	speed_processed: "normal";
	speed_requested: "normal";
}

export interface Dispute {
	id: string;
	entity: "dispute";
	payment_id: string;
	amount: number;
	currency: string;
	amount_deducted: number;
	reason_code: string;
	respond_by: number;
	status: "open" | "under_review" | "won" | "lost" | "closed";
	phase: "fraud" | "retrieval" | "chargeback" | "pre_arbitration" | "arbitration";
	created_at: number;
}

/** As Razorpay tells of something that happened; its id goes in a header. */
export interface RazorpayEvent {
	entity: "event";
	account_id: string;
	event: string;
	contains: string[];
	payload: Record<string, { entity: object }>;
	created_at: number;
}

export interface ToldEvent {
	id: string;
	event: RazorpayEvent;
}

/** Razorpay's time: whole seconds. */
export const now = (): number => Math.floor(Date.now() / 1_000);

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A new id, as `order_EKzX2WiEWbMxmx`. */
export const newId = (prefix: string): string =>
	`${prefix}_${Array.from({ length: 14 }, () => letters[randomInt(letters.length)]).join("")}`;

/** What one Razorpay account has on record. */
export class Books {
	readonly orders = new Map<string, Order>();
	/** Whether payments of an order are captured by hand, by order. */
	readonly manual = new Set<string>();
	readonly payments = new Map<string, Payment>();
	readonly refunds = new Map<string, Refund>();
	readonly disputes = new Map<string, Dispute>();
	readonly events: ToldEvent[] = [];
	/** How refunds from now on begin. */
	refundsBegin: Refund["status"] = "processed";
	/** Whether captures fail at the gateway from now on. */
	capturesFail = false;
	readonly #account = newId("acc");

	/** @throws Refusal as for any id that is nobody's */
	order(id: string): Order {
		return this.orders.get(id) ?? nobodys();
	}

	payment(id: string): Payment {
		return this.payments.get(id) ?? nobodys();
	}

	/** Attempts to pay an order, the newest first. */
	paymentsOf(orderId: string): Payment[] {
		return [...this.payments.values()].filter(({ order_id }) => order_id === orderId).reverse();
	}

	refundsOf(paymentId: string): Refund[] {
		return [...this.refunds.values()].filter(each => each.payment_id === paymentId).reverse();
	}

	/** Makes the event that tells of these, as they are now. */
	tell(
		event: string,
		about: { payment?: Payment; order?: Order; refund?: Refund; dispute?: Dispute },
	) {
		const contains = Object.keys(about);
		const payload = Object.fromEntries(
			Object.entries(about).map(([name, entity]) => [name, { entity: structuredClone(entity) }]),
		);
		const told: RazorpayEvent = {
			entity: "event",
			account_id: this.#account,
			event,
			contains,
			payload,
			created_at: now(),
		};
		this.events.push({ id: newId("evt").slice(4), event: told });
	}
}

function nobodys(): never {
	throw refusal("The id provided does not exist");
}
