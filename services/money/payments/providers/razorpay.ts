import type { Clock } from "../../../../kernel/clock.ts";
import { isPaidSignature, isSignedBody } from "../../signatures.ts";
import type { Failure, Intent, Opened, PaymentProvider, Snapshot } from "./port.ts";
import { isRazorpayAmount, razorpayStep } from "./razorpay-amounts.ts";
import { type RazorpayApi, type RazorpayClient, RazorpayError } from "./razorpay-client.ts";
import { razorpayEvent } from "./razorpay-events.ts";
import {
	type Collection,
	disputeStatus,
	holdsMoney,
	isAuthorized,
	isTaken,
	keyOf,
	lineOf,
	noteOf,
	type RazorpayDispute,
	type RazorpayOrder,
	type RazorpayPayment,
	type RazorpayRefund,
	refundOf,
	type Standing,
	snapshotOf,
} from "./razorpay-snapshots.ts";

export interface RazorpaySettings {
	client: RazorpayClient;
	/** Signs what a checkout hands the buyer. */
	keySecret: string;
	/** The first is the newest; all verify. */
	webhookSecrets: readonly string[];
	clock: Clock;
}

const perPage = 100;
/** How long a payment may stay authorized, minutes: then the buyer has the money back. Twice as long as one is open. */
const uncapturedMinutes = 2_880;
const titleLength = 250;

/** What a 400 says that is about us or the moment, and not about what was asked. */
const undecided =
	/authentication|api key|key.*(?:expired|invalid)|url was not found|in progress|try again|too many/i;

/** Razorpay has one code for whatever it refuses; its words tell them apart. */
const refusals: readonly [RegExp, string][] = [
	[/id provided does not exist|is not a valid id/i, "resource_missing"],
	[/fully refunded/i, "charge_already_refunded"],
	[/greater than|exceeds/i, "amount_too_large"],
	[/must be at least|less than minimum/i, "amount_too_small"],
	[/same idempotency key/i, "idempotency_error"],
	[/dispute/i, "charge_disputed"],
	[/enough balance|insufficient balance/i, "balance_insufficient"],
];

const refuse = (code: string, message: string): { refused: Failure } => ({
	refused: { id: "refused", code, message },
});

/** Why Razorpay refused for good; undefined for what says nothing of the outcome. */
function refusalOf(error: unknown): { refused: Failure } | undefined {
	if (!(error instanceof RazorpayError)) return undefined;
	const { status, code, message, reason } = error;
	if (status !== 400 || code !== "BAD_REQUEST_ERROR" || undecided.test(message)) return undefined;
	const known = refusals.find(([words]) => words.test(message))?.[1];
	return refuse(known ?? reason ?? "bad_request", message);
}

const amountRefused = (amountMinor: number, currency: string) =>
	refuse("amount_not_supported", `Razorpay takes no ${amountMinor} minor units of ${currency}`);

const keyReused = (what: string) =>
	refuse("idempotency_error", `This key was used for ${what} of another amount`);

const isUnderWay = (payment: RazorpayPayment): boolean => isTaken(payment) || isAuthorized(payment);

const at = (...path: string[]): string => path.map(encodeURIComponent).join("/");

/** All of a list, however long. */
async function all<T>(api: RazorpayApi, path: string, query: Record<string, string | number> = {}) {
	const found: T[] = [];
	for (let skip = 0; ; skip += perPage) {
		const page = await api.get<Collection<T>>(path, { ...query, count: perPage, skip });
		found.push(...page.items);
		if (page.items.length < perPage) return found;
	}
}

const paymentsOf = async (api: RazorpayApi, orderId: string) =>
	(await api.get<Collection<RazorpayPayment>>(at("orders", orderId, "payments"))).items;

const refundsOf = (api: RazorpayApi, payments: readonly RazorpayPayment[]) =>
	Promise.all(
		payments.map(({ id }) => all<RazorpayRefund>(api, at("payments", id, "refunds"))),
	).then(lists => lists.flat());

/** Razorpay has no list of one payment's disputes: of all since it was made, those of it. */
async function disputesOf(api: RazorpayApi, payments: readonly RazorpayPayment[]) {
	const from = Math.min(...payments.map(payment => payment.created_at));
	const ids = new Set(payments.map(({ id }) => id));
	const since = await all<RazorpayDispute>(api, "disputes", { from });
	return since.filter(({ payment_id }) => ids.has(payment_id));
}

/** The order that was made under a key; of several, which no buyer was told of but one, the first. */
async function orderOf(api: RazorpayApi, key: string): Promise<RazorpayOrder | undefined> {
	const { items } = await api.get<Collection<RazorpayOrder>>("orders", {
		receipt: key,
		count: perPage,
	});
	return items
		.filter(order => keyOf(order) === key)
		.toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1))[0];
}

/** How far an order is closed: nothing of one that is `closed` is captured any more. */
const closingOf = (order: RazorpayOrder): "closing" | "closed" | undefined => {
	const note = noteOf(order, "closed");
	return note === "closing" || note === "closed" ? note : undefined;
};

/** Payments before the order: whoever closes an order marks it, and looks for payments afterwards. */
async function look(api: RazorpayApi, id: string): Promise<Standing> {
	const payments = await paymentsOf(api, id);
	const order = await api.get<RazorpayOrder>(at("orders", id));
	return { order, payments, isClosed: closingOf(order) === "closed" };
}

const mark = (api: RazorpayApi, order: RazorpayOrder, closed: "closing" | "closed") =>
	api.patch<RazorpayOrder>(at("orders", order.id), {
		notes: { ...order.notes, closed },
	});

/** Takes the money of what is authorized. Where that is not known to have worked it is told as it stands: authorized. */
async function capture(api: RazorpayApi, standing: Standing): Promise<Standing> {
	const { order, payments } = standing;
	const authorized = payments.find(isAuthorized);
	if (!authorized || payments.some(isTaken)) return standing;
	const { amount, currency } = order;
	const path = at("payments", authorized.id);
	const now = await api
		.post<RazorpayPayment>(`${path}/capture`, { amount, currency })
		.catch(() => api.get<RazorpayPayment>(path))
		.catch(() => authorized);
	return {
		...standing,
		order: isTaken(now) ? { ...order, status: "paid" } : order,
		payments: payments.map(payment => (payment.id === now.id ? now : payment)),
	};
}

/** With what was given back of it and claimed. */
async function shown(api: RazorpayApi, standing: Standing): Promise<Snapshot> {
	const taken = standing.payments.filter(isTaken);
	if (taken.length === 0) return snapshotOf(standing);
	const [refunds, disputes] = await Promise.all([refundsOf(api, taken), disputesOf(api, taken)]);
	return snapshotOf({ ...standing, refunds, disputes });
}

/**
 * Razorpay as orders whose payments are captured here and not by itself. So an order can be closed, which Razorpay does
 * not have: nothing is captured of one that is, and the buyer has the money back. `docs/decisions/0028-razorpay.md`.
 */
export function razorpayProvider(settings: RazorpaySettings): PaymentProvider {
	const { client, keySecret, webhookSecrets, clock } = settings;
	/** Orders being made here, by key: Razorpay would make one for each request. */
	const making = new Map<string, Promise<{ opened: Opened } | { refused: Failure }>>();

	async function make({ key, amountMinor, currency, title }: Intent) {
		const api = client();
		const found = async () => {
			const order = await orderOf(api, key);
			if (!order) return undefined;
			const isSame = order.amount === amountMinor && order.currency === currency;
			return isSame ? { opened: { id: order.id } } : keyReused("an order");
		};
		const before = await found();
		if (before) return before;
		try {
			const { id } = await api.post<RazorpayOrder>("orders", {
				amount: amountMinor,
				currency,
				receipt: key,
				payment: {
					capture: "manual",
					capture_options: { manual_expiry_period: uncapturedMinutes, refund_speed: "normal" },
				},
				notes: { payment_id: key, title: title.slice(0, titleLength) },
			});
			return { opened: { id } };
		} catch (error) {
			const refused = refusalOf(error);
			if (!refused) throw error;
			return (await found()) ?? refused;
		}
	}

	return {
		name: "razorpay",

		step: razorpayStep,

		async create(intent) {
			const { key, amountMinor, currency } = intent;
			if (!isRazorpayAmount(amountMinor, currency)) return amountRefused(amountMinor, currency);
			const name = `${key} ${amountMinor} ${currency}`;
			const known = making.get(name);
			if (known) return known;
			const made = make(intent).finally(() => making.delete(name));
			making.set(name, made);
			return made;
		},

		async fetch(id) {
			const api = client();
			const standing = await look(api, id);
			return shown(api, closingOf(standing.order) ? standing : await capture(api, standing));
		},

		/**
		 * Marks the order before it looks for payments once more, while `fetch` looks for payments before it looks at the
		 * mark: what one of them sees authorized is captured, and nothing after both have answered.
		 */
		async cancel(id) {
			const api = client();
			const seen = await look(api, id);
			if (seen.isClosed) return shown(api, seen);
			const before = await capture(api, seen);
			if (before.payments.some(isUnderWay)) return shown(api, before);
			if (!closingOf(before.order)) await mark(api, before.order, "closing");
			const after = await capture(api, { ...before, payments: await paymentsOf(api, id) });
			if (after.payments.some(isUnderWay)) return shown(api, after);
			await mark(api, before.order, "closed");
			return snapshotOf({ ...after, isClosed: true });
		},

		/** A refund is found by its own notes however old its key is; Razorpay's own check of keys is for what is under way. */
		async refund({ key, id, amountMinor, currency }) {
			if (!isRazorpayAmount(amountMinor, currency)) return amountRefused(amountMinor, currency);
			const api = client();
			try {
				const taken = (await paymentsOf(api, id)).filter(isTaken);
				const [charge] = taken;
				if (!charge) return refuse("charge_not_captured", "Nothing was captured of it");
				const found = async () => {
					const made = (await refundsOf(api, taken)).find(
						each => noteOf(each, "refund_id") === key,
					);
					if (!made) return undefined;
					return made.amount === amountMinor ? { refund: refundOf(made) } : keyReused("a refund");
				};
				const [before, disputes] = await Promise.all([found(), disputesOf(api, taken)]);
				if (before) return before;
				if (disputes.some(each => holdsMoney(each) && disputeStatus(each) !== "won"))
					return refuse("charge_disputed", "The buyer's bank claims this money");
				try {
					const body = {
						amount: amountMinor,
						speed: "normal",
						notes: { refund_id: key },
						receipt: key,
					};
					const path = `${at("payments", charge.id)}/refund`;
					const headers = { "X-Refund-Idempotency": key };
					return { refund: refundOf(await api.post<RazorpayRefund>(path, body, headers)) };
				} catch (error) {
					if (!refusalOf(error)) throw error;
					const made = await found();
					if (made) return made;
					throw error;
				}
			} catch (error) {
				const refused = refusalOf(error);
				if (!refused) throw error;
				return refused;
			}
		},

		async readWebhook(headers, body) {
			if (!isSignedBody(headers["x-razorpay-signature"], body, webhookSecrets)) return null;
			return razorpayEvent(headers["x-razorpay-event-id"], body, clock.now());
		},

		async checkSignature({ id, chargeId }, signature) {
			return isPaidSignature(keySecret, id, chargeId, signature);
		},

		/** Orders up to the instant of the first page, so that new ones do not move what is on the next. */
		async statement(after) {
			const [to = Math.floor(clock.now() / 1_000), skip = 0] = after?.split(".").map(Number) ?? [];
			const query = { "expand[]": "payments", count: perPage, skip, to };
			const { items } = await client().get<Collection<RazorpayOrder>>("orders", query);
			return {
				items: items.flatMap(order => lineOf(order) ?? []),
				...(items.length === perPage && { next: `${to}.${skip + perPage}` }),
			};
		},
	};
}
