import {
	type Books,
	type Dispute,
	newId,
	now,
	type Order,
	type Payment,
	type Refund,
} from "./books.ts";
import { outage, refusal } from "./errors.ts";

/** Settled in the account's own currency, at so many paise for one minor unit of any other. */
const rate = 71;
const homeCurrency = "INR";
/** Razorpay keeps 2 % and 18 % tax on that. */
const feeOf = (amount: number): number => Math.max(1, Math.round(amount * 0.0236));

export interface OrderGiven {
	amount: number;
	currency: string;
	receipt?: string;
	notes?: Record<string, string>;
	payment?: { capture: "automatic" | "manual" };
}

export function createOrder(books: Books, given: OrderGiven): Order {
	const { amount, currency, receipt = null, notes = {}, payment } = given;
	if (currency === "INR" && amount < 100) throw refusal("The amount must be at least INR 1.00");
	const order: Order = {
		id: newId("order"),
		entity: "order",
		amount,
		amount_paid: 0,
		amount_due: amount,
		currency,
		receipt,
		offer_id: null,
		status: "created",
		attempts: 0,
		notes: Object.keys(notes).length > 0 ? notes : [],
		created_at: now(),
	};
	books.orders.set(order.id, order);
	if (payment?.capture === "manual") books.manual.add(order.id);
	return order;
}

function attempt(books: Books, order: Order, status: Payment["status"]): Payment {
	const { id: order_id, amount, currency } = order;
	const international = currency !== homeCurrency;
	const payment: Payment = {
		id: newId("pay"),
		entity: "payment",
		amount,
		currency,
		status,
		order_id,
		invoice_id: null,
		international,
		method: "card",
		amount_refunded: 0,
		refund_status: null,
		captured: false,
		description: null,
		card_id: newId("card"),
		bank: null,
		wallet: null,
		vpa: null,
		email: "buyer@zeolite.example",
		contact: "+919000000000",
		notes: [],
		fee: null,
		tax: null,
		...(international && { base_amount: amount * rate, base_currency: homeCurrency }),
		error_code: null,
		error_description: null,
		error_source: null,
		error_step: null,
		error_reason: null,
		created_at: now(),
	};
	books.payments.set(payment.id, payment);
	order.attempts++;
	if (order.status === "created") order.status = "attempted";
	return payment;
}

/** The buyer pays an order; what Razorpay shows of one that is paid cannot be paid again. */
export function pay(books: Books, orderId: string): Payment {
	const order = books.order(orderId);
	if (order.status === "paid") throw new Error(`${orderId} is paid`);
	const payment = attempt(books, order, "authorized");
	books.tell("payment.authorized", { payment });
	if (!books.manual.has(orderId)) take(books, payment, order);
	return payment;
}

/** The buyer's bank declines; or the payment is begun and nothing more is known of it. */
export function decline(books: Books, orderId: string, reason: string): Payment {
	const payment = attempt(books, books.order(orderId), "failed");
	Object.assign(payment, {
		error_code: "BAD_REQUEST_ERROR",
		error_description: "Your payment has been declined by your bank",
		error_source: "bank",
		error_step: "payment_authorization",
		error_reason: reason,
	});
	books.tell("payment.failed", { payment });
	return payment;
}

/** The buyer went to the bank's page; how it ends comes later, maybe as a failure first and then as a success. */
export const begin = (books: Books, orderId: string): Payment =>
	attempt(books, books.order(orderId), "created");

/** A payment that was begun, or had failed, is authorized after all. */
export function authorizeLate(books: Books, paymentId: string): Payment {
	const payment = books.payment(paymentId);
	Object.assign(payment, {
		status: "authorized",
		error_code: null,
		error_description: null,
		error_source: null,
		error_step: null,
		error_reason: null,
	});
	books.tell("payment.authorized", { payment });
	return payment;
}

/** What was authorized and not captured in time goes back to the buyer by itself. */
export function letGo(books: Books, orderId: string): void {
	for (const payment of books.paymentsOf(orderId))
		if (payment.status === "authorized") payment.status = "refunded";
}

export function capture(books: Books, id: string, amount: number, currency: string): Payment {
	const payment = books.payment(id);
	const order = books.order(payment.order_id);
	if (books.capturesFail) throw outage(502);
	if (payment.captured) throw refusal("This payment has already been captured");
	if (payment.status !== "authorized")
		throw refusal("Only payments which have been authorized and not yet captured can be captured");
	if (order.status === "paid")
		throw refusal("Your payment has been declined as the order is already paid.");
	if (amount !== payment.amount || currency !== payment.currency)
		throw refusal("Capture amount must be equal to the amount authorized");
	return take(books, payment, order);
}

function take(books: Books, payment: Payment, order: Order): Payment {
	const fee = feeOf(payment.base_amount ?? payment.amount);
	Object.assign(payment, { status: "captured", captured: true, fee, tax: Math.round(fee * 0.15) });
	Object.assign(order, { status: "paid", amount_paid: order.amount, amount_due: 0 });
	books.tell("payment.captured", { payment });
	books.tell("order.paid", { payment, order });
	return payment;
}

export interface RefundGiven {
	amount?: number;
	notes?: Record<string, string>;
	receipt?: string;
}

export function refund(books: Books, paymentId: string, given: RefundGiven): Refund {
	const payment = books.payment(paymentId);
	if (!payment.captured)
		throw refusal("The payment status should be captured for action to be taken");
	const left = payment.amount - payment.amount_refunded;
	const { amount = left, notes = {}, receipt = null } = given;
	if (left === 0) throw refusal("The payment has been fully refunded already");
	if (amount > left) throw refusal("The refund amount provided is greater than amount captured");
	const made: Refund = {
		id: newId("rfnd"),
		entity: "refund",
		amount,
		currency: payment.currency,
		payment_id: paymentId,
		notes: Object.keys(notes).length > 0 ? notes : [],
		receipt,
		acquirer_data: { arn: null },
		created_at: now(),
		batch_id: null,
		status: "pending",
		speed_processed: "normal",
		speed_requested: "normal",
	};
	books.refunds.set(made.id, made);
	count(payment, amount);
	books.tell("refund.created", { refund: made, payment });
	if (books.refundsBegin !== "pending") settleRefund(books, made.id, books.refundsBegin);
	return made;
}

function count(payment: Payment, amount: number): void {
	payment.amount_refunded += amount;
	const back = payment.amount_refunded;
	payment.refund_status = back === 0 ? null : back === payment.amount ? "full" : "partial";
	payment.status = back === payment.amount ? "refunded" : "captured";
}

/** A refund moves on, to `failed` also after `processed`; the payment then has its amount back. */
export function settleRefund(books: Books, id: string, status: "processed" | "failed"): Refund {
	const settled = books.refunds.get(id);
	if (!settled || settled.status === "failed")
		throw new Error(`there is no such open refund: ${id}`);
	const payment = books.payment(settled.payment_id);
	settled.status = status;
	if (status === "failed") count(payment, -settled.amount);
	books.tell(`refund.${status}`, { refund: settled, payment });
	return settled;
}

/** The buyer's bank opens a dispute of what was captured, or moves the open one on. */
export function dispute(
	books: Books,
	orderId: string,
	{ status, amount, phase = "chargeback" }: Partial<Dispute> & Pick<Dispute, "status">,
): Dispute {
	const payment = books.paymentsOf(orderId).find(each => each.captured);
	if (!payment) throw new Error(`nothing of ${orderId} was captured`);
	let opened = [...books.disputes.values()].find(
		each => each.payment_id === payment.id && ["open", "under_review"].includes(each.status),
	);
	if (!opened) {
		opened = {
			id: newId("disp"),
			entity: "dispute",
			payment_id: payment.id,
			amount: amount ?? payment.amount,
			currency: payment.currency,
			amount_deducted: 0,
			reason_code: "goods_or_services_not_received_or_partially_received",
			respond_by: now() + 7 * 86_400,
			status: "open",
			phase,
			created_at: now(),
		};
		books.disputes.set(opened.id, opened);
		books.tell("payment.dispute.created", { payment, dispute: opened });
	}
	opened.phase = phase;
	if (status === "open") return opened;
	opened.status = status;
	if (status === "lost") opened.amount_deducted = opened.amount;
	books.tell(`payment.dispute.${status}`, { payment, dispute: opened });
	return opened;
}
