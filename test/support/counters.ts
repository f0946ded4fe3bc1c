import assert from "node:assert/strict";
import { codeOf } from "../../kernel/errors.ts";
import { type Answer, admitted, send } from "./http.ts";
import type { Market, Sale } from "./market.ts";
import type { FakeRazorpay } from "./razorpay/fake-razorpay.ts";
import type { FakeStripe } from "./stripe/fake-stripe.ts";

/** A provider beside what moves it from outside. */
export interface Counter {
	name: "sandbox" | "stripe";
	/** Its payment method in a market that has both. */
	method: "razorpay" | "stripe";
	/** The buyer pays, and no webhook tells. */
	pay(sale: Sale): Promise<unknown>;
	/** All that its webhooks have to tell of a sale, told once more, through the i-th gateway. */
	tell(sale: Sale, i: number): Promise<unknown>;
	/** The buyer's bank claims back what is left. */
	dispute(sale: Sale): Promise<unknown>;
	/** The sale's next refund is made and its answer does not come. */
	loseRefundAnswer(sale: Sale): Promise<unknown>;
	/** What it gave back, refund by refund, minor units. */
	refunded(sale: Sale): Promise<number[]>;
}

const taken = ({ status, body }: Answer) => assert.equal(status, 200, JSON.stringify(body));

/** The sandbox; it delivers webhooks inside the mesh, as its deployment does. */
export function sandboxCounter(market: Market): Counter {
	const { ask } = market;
	const complete = async ({ paymentId, buyer }: Sale, outcome: string, i = 0) =>
		taken(
			await send(market.at(i), "POST", `/api/sandbox/payments/${paymentId}/complete`, {
				token: buyer.token,
				body: { outcome },
			}),
		);
	const refundsOf = async ({ gatewayId }: Sale) =>
		(await ask("sandbox.find", { id: gatewayId })).refunds as {
			id: string;
			status: "succeeded" | "failed";
			amountMinor: number;
		}[];
	return {
		name: "sandbox",
		method: "razorpay",
		pay: sale => complete(sale, "timeout"),
		async tell(sale, i) {
			await complete(sale, "succeed", i);
			for (const { id: refundId, status } of await refundsOf(sale))
				await ask("sandbox.settleRefund", { id: sale.paymentId, refundId, status });
		},
		dispute({ paymentId: id }) {
			const dispute = () => ask("sandbox.dispute", { id, status: "open" });
			return dispute().catch(error => {
				// A refund was quicker, so that less is left than it read.
				if (codeOf(error) === "NOT_POSSIBLE") return dispute();
				throw error;
			});
		},
		loseRefundAnswer: ({ paymentId: id }) => ask("sandbox.behave", { id, refunds: "timeout" }),
		refunded: async sale => (await refundsOf(sale)).map(({ amountMinor }) => amountMinor),
	};
}

/** The Stripe that a test plays; its webhooks come over HTTP. */
export function stripeCounter(market: Market, fake: FakeStripe): Counter {
	const isAbout = (object: object, id: string) =>
		Object.entries(object).some(([key, of]) => /^(id|payment_intent)$/.test(key) && of === id);
	return {
		name: "stripe",
		method: "stripe",
		pay: async ({ gatewayId }) => fake.pay(gatewayId),
		async tell({ gatewayId }, i) {
			const url = `${market.at(i)}/webhooks/stripe`;
			for (const { event, headers, body } of fake.events) {
				if (!isAbout(event.data.object, gatewayId)) continue;
				const answer = await admitted(() => fetch(url, { method: "POST", headers, body }));
				assert.equal(answer.status, 200, await answer.text());
			}
		},
		async dispute(sale) {
			fake.dispute(sale.gatewayId);
			await this.tell(sale, 0);
		},
		async loseRefundAnswer() {
			// The SDK asks once more on a connection that was closed under it.
			for (let times = 0; times < 2; times++)
				fake.next({ on: "POST /v1/refunds", reset: true, applied: true });
		},
		refunded: async ({ gatewayId }) =>
			[...fake.books.refunds.values()]
				.filter(refund => refund.payment_intent === gatewayId)
				.map(({ amount }) => amount),
	};
}

/** Variables of a deployment whose Stripe is this one. @param webhookSecrets more than the fake's own, during a rotation. */
export const stripeEnv = (
	{ url, secretKey, webhookSecret }: FakeStripe,
	webhookSecrets: readonly string[] = [],
): Record<string, string> => ({
	STRIPE_SECRET_KEY: secretKey,
	STRIPE_API_BASE: url,
	STRIPE_WEBHOOK_SECRET: [...webhookSecrets, webhookSecret].join(","),
});

/** Variables of a deployment whose Razorpay is this one. */
export const razorpayEnv = ({
	url,
	keyId,
	keySecret,
	webhookSecret,
}: FakeRazorpay): Record<string, string> => ({
	RAZORPAY_KEY_ID: keyId,
	RAZORPAY_KEY_SECRET: keySecret,
	RAZORPAY_WEBHOOK_SECRET: webhookSecret,
	RAZORPAY_API_BASE: url,
});
