import Stripe from "stripe";
import type { Clock } from "../../../../kernel/clock.ts";
import { isSignedWebhook } from "../../signatures.ts";
import type { Failure, PaymentProvider, RefundOrder, Snapshot } from "./port.ts";
import { stripeStep, toStripeAmount } from "./stripe-amounts.ts";
import { stripeEvent } from "./stripe-events.ts";
import { lineOf, refundOf, snapshotOf } from "./stripe-snapshots.ts";

export interface StripeSettings {
	secretKey: string;
	/** The first is the newest; all verify. */
	webhookSecrets: readonly string[];
	/** Scheme, host and port of another Stripe than the real one. */
	apiBase?: string | undefined;
	clock: Clock;
	/** Longest wait for one answer, ms; less than the till waits. */
	timeoutMs?: number;
}

const defaultTimeoutMs = 4_500;
const perPage = 100;
/** How many of the newest payments are looked through for one that Stripe made and did not answer with. */
const newest = 1_000;
/** More refunds or disputes than one payment can have. */
const everything = { limit: 10_000 };
const titleLength = 1_000;

const clientOf = ({ secretKey, apiBase, timeoutMs }: StripeSettings): Stripe => {
	const base = apiBase ? new URL(apiBase) : undefined;
	return new Stripe(secretKey, {
		maxNetworkRetries: 0,
		timeout: timeoutMs ?? defaultTimeoutMs,
		telemetry: false,
		...(base && {
			protocol: base.protocol === "http:" ? "http" : "https",
			host: base.hostname,
			port: base.port || (base.protocol === "http:" ? 80 : 443),
		}),
	});
};

const definite: ReadonlySet<string | undefined> = new Set([
	"invalid_request_error",
	"card_error",
	"idempotency_error",
]);

/**
 * Why Stripe refused for good; undefined for what says nothing of the outcome: keys, limits, a key that is in use,
 * Stripe's own failures, the network (https://docs.stripe.com/error-low-level).
 */
function refusalOf(error: unknown): Failure | undefined {
	if (!(error instanceof Stripe.errors.StripeError)) return undefined;
	const { statusCode = 0, rawType, code, message, requestId } = error;
	if (![400, 402, 404].includes(statusCode) || !definite.has(rawType)) return undefined;
	if (code === "rate_limit" || code === "lock_timeout") return undefined;
	const stable = rawType === "idempotency_error" ? rawType : (code ?? rawType);
	return { id: requestId ?? "refused", code: stable as string, message };
}

const refuse = (code: string, message: string) => ({ refused: { id: "refused", code, message } });

const amountRefused = (amountMinor: number, currency: string) =>
	refuse("amount_not_supported", `Stripe takes no ${amountMinor} minor units of ${currency}`);

const keyReused = () =>
	refuse("idempotency_error", "This key was used for a refund of another amount");

/** What `ask` gives, or Stripe's refusal where that is final. */
async function orRefused<T>(ask: () => Promise<T>): Promise<T | { refused: Failure }> {
	try {
		return await ask();
	} catch (error) {
		const refused = refusalOf(error);
		if (!refused) throw error;
		return { refused };
	}
}

/** Whether Stripe failed, and gives that failure again for as long as it keeps the key, without trying again. */
const isKeptFailure = (error: unknown): boolean =>
	error instanceof Stripe.errors.StripeError &&
	(error.statusCode ?? 0) >= 500 &&
	error.headers?.["idempotent-replayed"] === "true";

const opened = ({ id, client_secret: clientSecret }: Stripe.PaymentIntent) => ({
	opened: { id, ...(clientSecret && { clientSecret }) },
});

/**
 * Stripe by its SDK, as PaymentIntents. Nothing is tried again here, except that the SDK repeats a request on a
 * connection that was closed under it, once and under the same key.
 */
export function stripeProvider(settings: StripeSettings): PaymentProvider {
	const { secretKey, webhookSecrets, clock } = settings;
	const stripe = clientOf(settings);
	const live = /^[sr]k_live_/.test(secretKey);

	const refundsOf = (id: string) =>
		stripe.refunds.list({ payment_intent: id, limit: perPage }).autoPagingToArray(everything);
	const disputesOf = (id: string) =>
		stripe.disputes.list({ payment_intent: id, limit: perPage }).autoPagingToArray(everything);

	/** Of a payment whose making Stripe only ever answers with its failure: the payment, or that nobody can pay it. */
	async function afterFailure(key: string) {
		let looked = 0;
		for await (const intent of stripe.paymentIntents.list({ limit: perPage })) {
			if (intent.metadata.payment_id === key) return opened(intent);
			if (++looked === newest) break;
		}
		return refuse("api_error", "Stripe failed, and nobody was given what it takes to pay");
	}

	async function fetch(id: string): Promise<Snapshot> {
		const expand = ["latest_charge.balance_transaction"];
		const intent = await stripe.paymentIntents.retrieve(id, { expand });
		if (intent.status !== "succeeded") return snapshotOf(intent);
		const [refunds, disputes] = await Promise.all([refundsOf(id), disputesOf(id)]);
		return snapshotOf(intent, refunds, disputes);
	}

	return {
		name: "stripe",

		step: stripeStep,

		async create({ key, amountMinor, currency, title }) {
			const amount = toStripeAmount(amountMinor, currency);
			if (amount === undefined) return amountRefused(amountMinor, currency);
			return orRefused(async () => {
				const making = stripe.paymentIntents.create(
					{
						amount,
						currency: currency.toLowerCase(),
						automatic_payment_methods: { enabled: true },
						description: title.slice(0, titleLength),
						metadata: { payment_id: key },
					},
					{ idempotencyKey: key },
				);
				return making.then(opened, error => {
					if (isKeptFailure(error)) return afterFailure(key);
					throw error;
				});
			});
		},

		fetch,

		async cancel(id) {
			try {
				return snapshotOf(await stripe.paymentIntents.cancel(id));
			} catch (error) {
				if (refusalOf(error)?.code !== "payment_intent_unexpected_state") throw error;
				return fetch(id);
			}
		},

		/** Stripe forgets an idempotency key after a day; the refund's own metadata is found for ever. */
		async refund({ key, id, amountMinor, currency }: RefundOrder) {
			const amount = toStripeAmount(amountMinor, currency);
			if (amount === undefined) return amountRefused(amountMinor, currency);
			return orRefused(async () => {
				const made = (await refundsOf(id)).find(({ metadata }) => metadata?.refund_id === key);
				if (made && made.amount !== amount) return keyReused();
				if (made) return { refund: refundOf(made) };
				const refund = await stripe.refunds.create(
					{ payment_intent: id, amount, metadata: { refund_id: key } },
					{ idempotencyKey: key },
				);
				return { refund: refundOf(refund) };
			});
		},

		async readWebhook(headers, body) {
			const signature = headers["stripe-signature"];
			if (!isSignedWebhook(signature, body, webhookSecrets, clock.now())) return null;
			return stripeEvent(body, live);
		},

		async checkSignature() {
			return true;
		},

		async statement(after) {
			const page = await stripe.paymentIntents.list({
				limit: perPage,
				expand: ["data.latest_charge"],
				...(after && { starting_after: after }),
			});
			const last = page.data.at(-1);
			return {
				items: page.data.flatMap(intent => lineOf(intent) ?? []),
				...(page.has_more && last && { next: last.id }),
			};
		},
	};
}
