import { within } from "../../kernel/within.ts";
import { razorpayProvider } from "../../services/money/payments/providers/razorpay.ts";
import {
	type RazorpayApi,
	RazorpayError,
} from "../../services/money/payments/providers/razorpay-client.ts";
import type {
	RazorpayDispute,
	RazorpayOrder,
	RazorpayPayment,
	RazorpayRefund,
} from "../../services/money/payments/providers/razorpay-snapshots.ts";
import { type Intent, left, refundedOf } from "./bank.ts";

/** As the product's own client gives up. */
const answerWithinMs = 4_500;

/** One try of a buyer to pay an order. */
export interface Try {
	id: string;
	status: "authorized" | "captured" | "refunded" | "failed";
	/** ms */
	at: number;
}

/** What an order has beside an intent. */
export interface OrderBook {
	notes: Record<string, string>;
	/** The newest first. */
	tries: Try[];
}

/** What the bank does with its intents when it is asked as Razorpay is. */
export interface OrderDesk {
	all(): readonly Intent[];
	open(key: string, amountMinor: number, currency: string, notes: Record<string, string>): Intent;
	/** Takes the money of what is authorized. */
	take(intent: Intent, taken: Try): void;
	refund(intent: Intent, amountMinor: number, key: string): void;
	now(): number;
}

/** What a request may bring. */
interface Params {
	receipt?: string;
	amount?: number;
	currency?: string;
	notes?: Record<string, string>;
	count?: number;
	skip?: number;
}

type Reach = <T>(what: string, act: () => T) => Promise<T>;

const refused = (description: string) =>
	new RazorpayError(400, { error: { code: "BAD_REQUEST_ERROR", description } });

const seconds = (ms: number): number => Math.floor(ms / 1_000);

const orderOf = ({
	id,
	key,
	amountMinor,
	currency,
	status,
	madeAt,
	order,
}: Intent): RazorpayOrder => ({
	id,
	amount: amountMinor,
	currency,
	receipt: key,
	status: status === "paid" ? "paid" : order?.tries.length ? "attempted" : "created",
	notes: { ...order?.notes },
	created_at: seconds(madeAt),
});

function paymentOf(intent: Intent, { id, status, at }: Try): RazorpayPayment {
	const captured = status === "captured";
	return {
		id,
		amount: intent.amountMinor,
		currency: intent.currency,
		status,
		captured,
		amount_refunded: captured ? refundedOf(intent) : 0,
		fee: intent.fee?.amountMinor ?? (intent.isFeeDue ? null : 0),
		base_currency: "EUR",
		error_code: null,
		error_description: null,
		error_reason: status === "failed" ? "card_declined" : null,
		created_at: seconds(at),
	};
}

const refundsOf = ({ refunds }: Intent): RazorpayRefund[] =>
	refunds
		.map(({ id, key, status, amountMinor, currency }) => ({
			id,
			amount: amountMinor,
			currency,
			status: status === "succeeded" ? "processed" : status,
			notes: key ? { refund_id: key } : [],
		}))
		.toReversed();

const disputesOf = ({ disputes, order }: Intent): RazorpayDispute[] =>
	disputes.map(({ id, status, amountMinor, currency }) => ({
		id,
		payment_id: order?.tries.find(each => each.status === "captured")?.id ?? "",
		amount: amountMinor,
		currency,
		amount_deducted: status === "lost" ? amountMinor : 0,
		status,
		phase: "chargeback",
	}));

const listOf = <T>(items: readonly T[], { count = 10, skip = 0 }: Params = {}) => ({
	items: items.slice(skip, skip + count),
});

/** Razorpay's provider, the product's own, on the bank: each of its requests has a fate of its own. */
export const razorpayOn = (desk: OrderDesk, reach: Reach) =>
	razorpayProvider({
		client: () => apiOf(desk, reach),
		keySecret: "secret",
		webhookSecrets: [],
		clock: { now: () => desk.now() },
	});

function apiOf(desk: OrderDesk, reach: Reach): RazorpayApi {
	const ask = async (method: string, path: string, params: Params = {}) => {
		const came = await within(
			answerWithinMs,
			reach(`${method} ${path}`, () => {
				try {
					return { value: structuredClone(answer(desk, method, path, params)) };
				} catch (error) {
					return { error };
				}
			}),
		);
		if ("error" in came) throw came.error;
		return came.value as never;
	};
	return {
		get: (path, query) => ask("GET", path, query),
		post: (path, body) => ask("POST", path, body),
		patch: (path, body) => ask("PATCH", path, body),
	};
}

/** @throws RazorpayError as Razorpay refuses */
function answer(desk: OrderDesk, method: string, path: string, params: Params): object {
	const [kind, id = "", part] = path.split("/");
	const { receipt = "", amount = 0, currency = "", notes = {} } = params;
	const orders = desk.all().filter(({ order }) => order);
	if (path === "disputes") return listOf(orders.flatMap(disputesOf), params);
	if (path === "orders" && method === "POST")
		return orderOf(desk.open(receipt, amount, currency, notes));
	if (path === "orders")
		return listOf(orders.filter(({ key }) => key === receipt).map(orderOf), params);
	if (kind === "orders") return ofOrder(orders, id, method, part, params);
	for (const intent of orders) {
		const found = intent.order?.tries.find(each => each.id === id);
		if (found) return ofPayment(desk, intent, found, method, part, params);
	}
	throw refused("The id provided does not exist");
}

function ofOrder(
	orders: readonly Intent[],
	id: string,
	method: string,
	part: string | undefined,
	params: Params,
): object {
	const intent = orders.find(each => each.id === id);
	if (!intent?.order) throw refused("The id provided does not exist");
	const { order } = intent;
	if (part === "payments") return listOf(order.tries.map(each => paymentOf(intent, each)));
	if (method === "PATCH") {
		order.notes = { ...params.notes };
		if (order.notes.closed === "closed" && intent.status !== "paid") intent.status = "canceled";
	}
	return orderOf(intent);
}

function ofPayment(
	desk: OrderDesk,
	intent: Intent,
	payment: Try,
	method: string,
	part: string | undefined,
	params: Params,
): object {
	if (part === "refunds") return listOf(refundsOf(intent), params);
	if (method === "GET") return paymentOf(intent, payment);
	if (part === "capture") {
		if (payment.status !== "authorized" || intent.status === "paid")
			throw refused("This payment has already been captured, or cannot be");
		desk.take(intent, payment);
		return paymentOf(intent, payment);
	}
	const { amount = 0, receipt = "" } = params;
	if (intent.disputes.some(({ status }) => status !== "won"))
		throw refused("The payment is under dispute");
	if (amount > left(intent))
		throw refused("The refund amount provided is greater than amount captured");
	if (!intent.refunds.some(({ key }) => key === receipt)) desk.refund(intent, amount, receipt);
	return refundsOf(intent).find(
		({ notes }) => (notes as { refund_id?: string }).refund_id === receipt,
	) as object;
}
