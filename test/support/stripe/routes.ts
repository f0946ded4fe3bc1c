import type { Books } from "./books.ts";
import { refusalOf } from "./currencies.ts";
import { invalid, noSuch, StripeRefusal } from "./errors.ts";
import type { Charge, Intent, StripeObject } from "./objects.ts";
import type { StripeApi } from "./openapi.ts";
import { cancel, confirm, createIntent } from "./payments.ts";
import { refund } from "./refunds.ts";

// biome-ignore lint/suspicious/noExplicitAny: validated against Stripe's document before
type Params = Record<string, any>;

export interface Route {
	/** The parameters the fake knows; another one of Stripe's is an error of the test. */
	takes: string[];
	run(books: Books, params: Params, id: string): object;
}

const PAGED = ["limit", "starting_after", "created"];

/** What the fake speaks, by the names of the operations in Stripe's document. */
export const routes: Record<string, Route> = {
	"POST /v1/payment_intents": {
		takes: [
			...["amount", "currency", "metadata", "description", "automatic_payment_methods"],
			...["statement_descriptor_suffix", "payment_method", "confirm", "return_url"],
		],
		run(books, { confirm: atOnce, payment_method, return_url, ...given }) {
			const currency = given.currency.toLowerCase();
			const refusal = refusalOf(given.amount, currency);
			if (refusal) throw invalid(refusal.message, refusal.param, refusal.code);
			checkMetadata(given.metadata);
			if (atOnce && payment_method === undefined)
				throw invalid("You cannot confirm without a payment method.", "payment_method");
			const intent = createIntent(books, { ...given, amount: given.amount, currency });
			return atOnce ? confirm(books, intent.id, payment_method) : intent;
		},
	},
	"GET /v1/payment_intents": {
		takes: PAGED,
		run: ({ intents }, params) => page("/v1/payment_intents", intents, params),
	},
	"GET /v1/payment_intents/{intent}": {
		takes: [],
		run: (books, _params, id) => books.intent(id),
	},
	"POST /v1/payment_intents/{intent}/cancel": {
		takes: ["cancellation_reason"],
		run: (books, { cancellation_reason }, id) => cancel(books, id, cancellation_reason ?? null),
	},
	"POST /v1/payment_intents/{intent}/confirm": {
		takes: ["payment_method", "return_url"],
		run: (books, { payment_method = "" }, id) => confirm(books, id, payment_method),
	},
	"POST /v1/refunds": {
		takes: ["amount", "charge", "payment_intent", "metadata", "reason"],
		run(books, { amount, metadata, reason, ...whose }) {
			checkMetadata(metadata);
			if (amount !== undefined && amount < 1)
				throw invalid("Invalid positive integer", "amount", "parameter_invalid_integer");
			return refund(books, chargeFor(books, whose), amount, {
				...(metadata && { metadata }),
				...(reason && { reason }),
			});
		},
	},
	"GET /v1/refunds": {
		takes: [...PAGED, "charge", "payment_intent"],
		run: ({ refunds }, params) => page("/v1/refunds", refunds, params),
	},
	"GET /v1/refunds/{refund}": {
		takes: [],
		run(books, _params, id) {
			const found = books.refunds.get(id);
			if (found === undefined) throw noSuch("refund", id, "refund");
			return found;
		},
	},
	"GET /v1/disputes": {
		takes: [...PAGED, "charge", "payment_intent"],
		run: ({ disputes }, params) => page("/v1/disputes", disputes, params),
	},
	"GET /v1/balance_transactions": {
		takes: [...PAGED, "source", "type", "currency"],
		run: ({ transactions }, params) => page("/v1/balance_transactions", transactions, params),
	},
};

function chargeFor(books: Books, { charge, payment_intent }: Params): Charge {
	if (charge !== undefined) {
		const found = books.charges.get(charge);
		if (found === undefined) throw noSuch("charge", charge, "charge");
		return found;
	}
	if (payment_intent === undefined) {
		const message = "One of the following params should be provided for this request: ";
		throw invalid(`${message}payment_intent or charge.`, "payment_intent", "parameter_missing");
	}
	const intent: Intent | undefined = books.intents.get(payment_intent);
	if (intent === undefined) throw noSuch("payment_intent", payment_intent, "payment_intent");
	return books.paidCharge(intent);
}

/** https://docs.stripe.com/metadata: 50 keys of 40 characters, values of 500. */
function checkMetadata(metadata: Record<string, string> = {}): void {
	const entries = Object.entries(metadata);
	if (entries.length > 50) throw invalid("Metadata can have up to 50 keys.", "metadata");
	for (const [key, value] of entries)
		if (key.length > 40 || value.length > 500)
			throw invalid(`Invalid metadata ${key}: it is too long.`, `metadata[${key}]`);
}

function page(url: string, objects: Map<string, StripeObject>, params: Params): object {
	const { limit = 10, starting_after, created, ...filter } = params;
	if (limit < 1 || limit > 100) {
		const message = `This value must be between 1 and 100 (it currently is '${limit}').`;
		throw invalid(message, "limit", "parameter_invalid_integer");
	}
	const newestFirst = [...objects.values()].reverse();
	const start = newestFirst.findIndex(({ id }) => id === starting_after) + 1;
	if (starting_after !== undefined && start === 0)
		throw noSuch(url.slice("/v1/".length, -1), starting_after, "starting_after", 400);
	const found = newestFirst.slice(start).filter(object => {
		const fields = object as unknown as Params;
		return (
			isWithin(object.created, created) &&
			Object.entries(filter).every(([name, value]) => fields[name] === value)
		);
	});
	return { object: "list", data: found.slice(0, limit), has_more: found.length > limit, url };
}

function isWithin(time: number, range: number | Record<string, number> | undefined): boolean {
	if (range === undefined) return true;
	if (typeof range === "number") return time === range;
	const { gt = -1, gte = 0, lt = Infinity, lte = Infinity } = range;
	return time > gt && time >= gte && time < lt && time <= lte;
}

/**
 * A copy of an answer in which what `paths` name (`latest_charge.balance_transaction`,
 * `data.latest_charge`) is an object where it was an id. https://docs.stripe.com/expand
 * @throws StripeRefusal for a property that Stripe does not expand
 */
export function expand(api: StripeApi, books: Books, answer: object, paths: string[]): object {
	const copy = structuredClone(answer);
	for (const path of paths) {
		const steps = path.split(".");
		if (steps.length > 4) throw cannotExpand(path, "more than four levels");
		expandOne(api, books, copy as Params, steps, path);
	}
	return copy;
}

function expandOne(
	api: StripeApi,
	books: Books,
	at: Params,
	[step = "", ...rest]: string[],
	path: string,
): void {
	if (at.object === "list") {
		if (step !== "data" || rest.length === 0) throw cannotExpand(path, step);
		for (const item of at.data) expandOne(api, books, item, rest, path);
		return;
	}
	if (!api.canExpand(at.object, step)) throw cannotExpand(path, step);
	if (at.object === "charge" && step === "refunds") at.refunds = refundsOf(books, at.id);
	if (typeof at[step] === "string") at[step] = structuredClone(books.find(at[step]) ?? at[step]);
	if (rest.length > 0 && typeof at[step] === "object" && at[step] !== null)
		expandOne(api, books, at[step], rest, path);
}

function refundsOf({ refunds }: Books, charge: string): object {
	return structuredClone(page(`/v1/charges/${charge}/refunds`, refunds, { charge }));
}

function cannotExpand(path: string, what: string): StripeRefusal {
	const message = `This property cannot be expanded (${what}) in ${path}.`;
	return new StripeRefusal(400, { type: "invalid_request_error", message });
}
