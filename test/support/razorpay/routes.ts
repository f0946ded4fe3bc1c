import { razorpayStep } from "../../../services/money/payments/providers/razorpay-amounts.ts";
import { capture, createOrder, type OrderGiven, type RefundGiven, refund } from "./account.ts";
import type { Books } from "./books.ts";
import { refusal } from "./errors.ts";

type Params = Record<string, unknown>;

export interface Route {
	method: string;
	path: RegExp;
	/** What it takes, by name, with what each must be. */
	takes: Record<string, (value: unknown) => boolean>;
	/** @param id the one in the path @throws Refusal */
	run(books: Books, params: Params, id: string): object;
}

const text = (max: number) => (value: unknown) => typeof value === "string" && value.length <= max;
const minor = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
const digits = (max: number) => (value: unknown) =>
	/^\d+$/.test(String(value)) && Number(value) <= max;
const notes = (value: unknown) =>
	typeof value === "object" &&
	value !== null &&
	!Array.isArray(value) &&
	Object.keys(value).length <= 15 &&
	Object.values(value).every(text(256));
const currency = (value: unknown) => typeof value === "string" && razorpayStep(value) !== undefined;

function captureSettings(value: unknown): boolean {
	const { capture, capture_options: options, ...others } = value as Params;
	const { manual_expiry_period: manual, refund_speed: speed, ...more } = (options ?? {}) as Params;
	return (
		(capture === "automatic" || capture === "manual") &&
		(manual === undefined || (digits(7_200)(manual) && Number(manual) >= 12)) &&
		(speed === undefined || speed === "normal" || speed === "optimum") &&
		Object.keys({ ...others, ...more }).length === 0
	);
}

const paging = { count: digits(100), skip: digits(1_000_000) };
const span = { from: digits(1e10), to: digits(1e10) };

const collection = (items: readonly object[]) => ({
	entity: "collection",
	count: items.length,
	items,
});

function page<T extends { created_at: number }>(items: readonly T[], params: Params) {
	const { count = 10, skip = 0, from = 0, to = 1e10 } = params;
	return items
		.filter(item => item.created_at >= Number(from) && item.created_at <= Number(to))
		.slice(Number(skip), Number(skip) + Number(count));
}

/** A third decimal must be 0. */
function checkStep(amount: number, currency: string): void {
	if (amount % (razorpayStep(currency) ?? 1) !== 0)
		throw refusal("The last digit of the amount must be 0 for three decimal currencies");
}

/** The part of Razorpay's v1 API that there is. */
export const routes: readonly Route[] = [
	{
		method: "POST",
		path: /^\/v1\/orders$/,
		takes: { amount: minor, currency, receipt: text(40), notes, payment: captureSettings },
		run(books, params) {
			const given = params as unknown as OrderGiven;
			checkStep(given.amount, given.currency);
			return createOrder(books, given);
		},
	},
	{
		method: "GET",
		path: /^\/v1\/orders$/,
		takes: { ...paging, ...span, receipt: text(40), "expand[]": value => value === "payments" },
		run(books, params) {
			const { receipt } = params;
			const orders = [...books.orders.values()]
				.filter(order => receipt === undefined || order.receipt?.includes(String(receipt)))
				.reverse();
			const shown = page(orders, params).map(order =>
				params["expand[]"] ? { ...order, payments: collection(books.paymentsOf(order.id)) } : order,
			);
			return collection(shown);
		},
	},
	{
		method: "GET",
		path: /^\/v1\/orders\/([^/]+)$/,
		takes: {},
		run: (books, _params, id) => books.order(id),
	},
	{
		method: "PATCH",
		path: /^\/v1\/orders\/([^/]+)$/,
		takes: { notes },
		run: (books, params, id) => Object.assign(books.order(id), { notes: params.notes }),
	},
	{
		method: "GET",
		path: /^\/v1\/orders\/([^/]+)\/payments$/,
		takes: {},
		run: (books, _params, id) => collection(books.paymentsOf(books.order(id).id)),
	},
	{
		method: "GET",
		path: /^\/v1\/payments\/([^/]+)$/,
		takes: {},
		run: (books, _params, id) => books.payment(id),
	},
	{
		method: "POST",
		path: /^\/v1\/payments\/([^/]+)\/capture$/,
		takes: { amount: minor, currency },
		run: (books, params, id) =>
			capture(books, id, params.amount as number, params.currency as string),
	},
	{
		method: "GET",
		path: /^\/v1\/payments\/([^/]+)\/refunds$/,
		takes: { ...paging, ...span },
		run: (books, params, id) => collection(page(books.refundsOf(books.payment(id).id), params)),
	},
	{
		method: "POST",
		path: /^\/v1\/payments\/([^/]+)\/refund$/,
		takes: {
			amount: minor,
			speed: value => value === "normal" || value === "optimum",
			notes,
			receipt: text(40),
		},
		run(books, params, id) {
			const given = params as RefundGiven;
			checkStep(given.amount ?? 0, books.payment(id).currency);
			return refund(books, id, given);
		},
	},
	{
		method: "GET",
		path: /^\/v1\/disputes$/,
		takes: { ...paging, ...span },
		run: (books, params) => collection(page([...books.disputes.values()].reverse(), params)),
	},
];
