import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Broker } from "../../../kernel/contract.ts";
import { findServices } from "../../../kernel/load.ts";
import type {
	DisputeSnapshot,
	Intent,
	PaymentProvider,
} from "../../../services/money/payments/providers/port.ts";
import { razorpayProvider } from "../../../services/money/payments/providers/razorpay.ts";
import { razorpayClient } from "../../../services/money/payments/providers/razorpay-client.ts";
import { sandboxProvider } from "../../../services/money/payments/providers/sandbox.ts";
import { stripeProvider } from "../../../services/money/payments/providers/stripe.ts";
import { signWebhook } from "../../../services/money/signatures.ts";
import { eventually } from "../../support/http.ts";
import { folderOf, root, startNode } from "../../support/node.ts";
import {
	type FakeRazorpay,
	sign,
	startFakeRazorpay,
} from "../../support/razorpay/fake-razorpay.ts";
import { type FakeStripe, startFakeStripe } from "../../support/stripe/fake-stripe.ts";
import { neighbour, posted } from "./neighbour.contract.ts";

export interface Signing {
	/** `second`: the older one, during a rotation; `forged`: nobody's. */
	secret?: "first" | "second" | "forged";
	/** How far the signed time is from the provider's, seconds. */
	secondsOff?: number;
	/** Changes the body after it was signed. */
	alter?: (body: string) => string;
	/** Changes the event before it is signed; one without an id is none. */
	change?: (event: Record<string, unknown>) => void;
}

/** A provider beside what moves the outside system behind it. Levers take the provider's ids. */
export interface Bench {
	provider: PaymentProvider;
	pay(id: string): Promise<unknown>;
	decline(id: string): Promise<unknown>;
	/** The buyer pays by slow means. */
	process(id: string): Promise<unknown>;
	/** What was under way comes, or does not. */
	endProcessing(id: string, end: "succeeded" | "failed"): Promise<unknown>;
	/** How the payment's next refunds go. */
	refundsGo(id: string, how: "succeed" | "pending" | "fail"): Promise<unknown>;
	settleRefund(id: string, refundId: string, status: "succeeded" | "failed"): Promise<unknown>;
	refundByHand(id: string, amountMinor: number): Promise<unknown>;
	/** The next refund is made and its answer does not come. */
	loseRefundAnswer(id: string): Promise<unknown>;
	dispute(id: string, status: DisputeSnapshot["status"], amountMinor?: number): Promise<unknown>;
	/** The newest webhook of this type, as it comes, or as somebody makes it. */
	webhook(
		type: string,
		signing?: Signing,
	): Promise<{ headers: Record<string, unknown>; body: Buffer }>;
	/** The provider's own names of events. */
	types: Record<"paid" | "failed" | "refunded" | "disputed", string>;
	/** How far the time of an event may be off, seconds. */
	window: { past: number; future: number };
	/** Whether it takes a secret to pay, or the id alone. */
	paysBySecret: boolean;
	/** Whether its events always tell the key of their payment. */
	tellsKey: boolean;
}

/** Of providers that sign the time of a delivery. */
const signedTime = { window: { past: 300, future: 300 }, paysBySecret: true, tellsKey: true };

const seconds = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** The sandbox's own service, with the rest of the product left out. */
export async function sandboxBench(t: TestContext): Promise<Bench> {
	posted.length = 0;
	const clock = { now: () => Date.now() };
	const folders = await findServices(root);
	const node = await startNode(t, {
		env: { SERVICE_SECRET_KEY: `${"new".repeat(12)},${"old".repeat(12)}` },
		folders: [
			...folders.filter(({ name }) => name === "sandbox"),
			folderOf(neighbour, `${import.meta.dirname}/neighbour.service.ts`),
		],
		clock,
	});
	const { call } = node.broker as unknown as Broker;
	const mesh: Broker["call"] = call.bind(node.broker);
	const provider = sandboxProvider({ call: mesh } as Broker, clock);
	const secrets = new Map<string, string>();
	const opened = async (intent: Intent) => {
		const answer = await provider.create(intent);
		if ("opened" in answer) secrets.set(answer.opened.id, answer.opened.clientSecret as string);
		return answer;
	};
	const play = async (id: string, outcome: "succeed" | "decline") => {
		const { key } = await provider.fetch(id);
		return mesh("sandbox.pay", { id: key, secret: secrets.get(id) as string, outcome });
	};
	return {
		...signedTime,
		provider: { ...provider, create: opened },
		pay: id => play(id, "succeed"),
		decline: id => play(id, "decline"),
		process: id => mesh("sandbox.process", { id }),
		endProcessing: (id, end) => play(id, end === "succeeded" ? "succeed" : "decline"),
		refundsGo: (id, refunds) => mesh("sandbox.behave", { id, refunds }),
		settleRefund: (id, refundId, status) => mesh("sandbox.settleRefund", { id, refundId, status }),
		refundByHand: (id, amountMinor) => mesh("sandbox.refundByHand", { id, amountMinor }),
		loseRefundAnswer: id => mesh("sandbox.behave", { id, refunds: "timeout" }),
		dispute: (id, status, amountMinor) =>
			mesh("sandbox.dispute", { id, status, ...(amountMinor && { amountMinor }) }),
		async webhook(
			type,
			{ secret = "first", secondsOff = 0, alter = (text: string) => text, change } = {},
		) {
			const of = ({ body }: { body: string }) =>
				JSON.parse(Buffer.from(body, "base64").toString()) as Record<string, unknown>;
			const event = await eventually(
				async () => posted.map(of).findLast(each => each.type === type),
				found => found !== undefined,
			);
			change?.(event as Record<string, unknown>);
			const text = JSON.stringify(event);
			const known = (await mesh("sandbox.secrets")).secrets;
			const key = { first: known[0], second: known[1], forged: "forged" }[secret] as string;
			const at = seconds(Date.now()) + secondsOff * 1_000;
			clock.now = () => at - secondsOff * 1_000;
			return {
				headers: { "sandbox-signature": signWebhook(key, Buffer.from(text), at) },
				body: Buffer.from(alter(text)),
			};
		},
		types: {
			paid: "payment.paid",
			failed: "payment.failed",
			refunded: "refund.succeeded",
			disputed: "dispute.open",
		},
	};
}

/** How long a hurried provider waits, ms. */
const hurryMs = 1_000;

export interface StripeBench extends Bench {
	fake: FakeStripe;
	/** The same provider, which gives up after 1 s. */
	hurried: PaymentProvider;
}

/** Stripe's provider on a Stripe of the test's own. */
export async function stripeBench(t: TestContext): Promise<StripeBench> {
	const fake = await startFakeStripe(t);
	const clock = { now: () => Date.now() };
	const older = "whsec_older";
	const providerOf = (timeoutMs: number) =>
		stripeProvider({
			secretKey: fake.secretKey,
			webhookSecrets: [fake.webhookSecret, older],
			apiBase: fake.url,
			clock,
			timeoutMs,
		});
	const [patient, hurried] = [providerOf(30_000), providerOf(hurryMs)];
	let isHurried = false;
	const provider: PaymentProvider = {
		...patient,
		refund(order) {
			const { refund } = isHurried ? hurried : patient;
			isHurried = false;
			return refund(order);
		},
	};
	return {
		...signedTime,
		fake,
		hurried,
		provider,
		pay: async id => fake.pay(id),
		decline: async id => fake.decline(id),
		process: async id => fake.pay(id, { processing: true }),
		endProcessing: async (id, end) => fake.process(id, end),
		async refundsGo(_id, how) {
			if (how === "pending") fake.holdRefunds();
			else if (how === "fail") fake.failRefundsAs("declined");
			else fake.passRefunds();
		},
		settleRefund: async (_id, refundId, status) => fake.settleRefund(refundId, status),
		refundByHand: async (id, amountMinor) => fake.refundByHand(id, amountMinor),
		async loseRefundAnswer() {
			fake.next({ on: "POST /v1/refunds", applied: true, hangMs: 2 * hurryMs });
			isHurried = true;
		},
		dispute: async (id, status, amount) =>
			fake.dispute(id, {
				status: status === "open" ? "needs_response" : status,
				...(amount && { amount }),
			}),
		async webhook(
			type,
			{ secret = "first", secondsOff = 0, alter = (text: string) => text, change } = {},
		) {
			const event = fake.events.findLast(({ event }) => event.type === type)?.event;
			assert.ok(event, `Stripe told of no ${type}`);
			const made = structuredClone(event) as unknown as Record<string, unknown>;
			change?.(made);
			const text = JSON.stringify(made);
			const key = { first: fake.webhookSecret, second: older, forged: "whsec_forged" }[secret];
			const at = seconds(Date.now()) + secondsOff * 1_000;
			clock.now = () => at - secondsOff * 1_000;
			return {
				headers: { "stripe-signature": signWebhook(key, Buffer.from(text), at) },
				body: Buffer.from(alter(text)),
			};
		},
		types: {
			paid: "payment_intent.succeeded",
			failed: "payment_intent.payment_failed",
			refunded: "refund.created",
			disputed: "charge.dispute.created",
		},
	};
}

export interface RazorpayBench extends Bench {
	fake: FakeRazorpay;
	/** The same provider, which gives up after 1 s. */
	hurried: PaymentProvider;
	/** What the provider takes for now. */
	clock: { now: () => number };
}

/** Razorpay's provider on a Razorpay of the test's own. */
export async function razorpayBench(t: TestContext): Promise<RazorpayBench> {
	const fake = await startFakeRazorpay(t);
	const clock = { now: () => Date.now() };
	const older = "the older secret";
	const { keyId, keySecret } = fake;
	const providerOf = (timeoutMs: number) =>
		razorpayProvider({
			client: razorpayClient({ keyId, keySecret, apiBase: fake.url, timeoutMs }),
			keySecret,
			webhookSecrets: [fake.webhookSecret, older],
			clock,
		});
	const [patient, hurried] = [providerOf(30_000), providerOf(hurryMs)];
	let isHurried = false;
	const provider: PaymentProvider = {
		...patient,
		refund(order) {
			const { refund } = isHurried ? hurried : patient;
			isHurried = false;
			return refund(order);
		},
	};
	return {
		fake,
		hurried,
		clock,
		provider,
		/** What the bank approved is captured when Razorpay is asked how the order stands. */
		async pay(id) {
			fake.pay(id);
			await provider.fetch(id);
		},
		decline: async id => fake.decline(id),
		async process(id) {
			fake.failCaptures();
			fake.pay(id);
		},
		async endProcessing(id, end) {
			if (end === "failed") fake.letGo(id);
			fake.failCaptures(false);
		},
		refundsGo: async (_id, how) =>
			fake.refundsBegin(
				({ succeed: "processed", pending: "pending", fail: "failed" } as const)[how],
			),
		settleRefund: async (_id, refundId, status) =>
			fake.settleRefund(refundId, status === "succeeded" ? "processed" : "failed"),
		refundByHand: async (id, amountMinor) => fake.refundByHand(id, amountMinor),
		async loseRefundAnswer() {
			fake.next({ on: /refund$/, applied: true, hangMs: 2 * hurryMs });
			isHurried = true;
		},
		dispute: async (id, status, amount) => fake.dispute(id, { status, ...(amount && { amount }) }),
		async webhook(
			type,
			{ secret = "first", secondsOff = 0, alter = (text: string) => text, change } = {},
		) {
			const told = fake.books.events.findLast(({ event }) => event.event === type);
			assert.ok(told, `Razorpay told of no ${type}`);
			const { id, event } = structuredClone(told);
			const shown: Record<string, unknown> = { id, type };
			change?.(shown);
			const made = { ...event, event: "id" in shown ? String(shown.type) : (undefined as never) };
			const key = { first: fake.webhookSecret, second: older, forged: "forged" }[secret];
			const at = seconds(Date.now());
			made.created_at = at / 1_000 + secondsOff;
			clock.now = () => at;
			const { headers, body } = sign({ id, event: made }, key);
			return { headers, body: Buffer.from(alter(body)) };
		},
		types: {
			paid: "payment.captured",
			failed: "payment.failed",
			refunded: "refund.created",
			disputed: "payment.dispute.created",
		},
		window: { past: 48 * 3_600, future: 300 },
		paysBySecret: false,
		tellsKey: false,
	};
}
