import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { reportMissing } from "../servers.ts";
import { Books } from "./books.ts";
import { dispute } from "./disputes.ts";
import type { Dispute, DisputeStatus, Intent, Refund, RefundStatus } from "./objects.ts";
import { findDocument, STRIPE_MOCK_COMMAND, StripeApi } from "./openapi.ts";
import { authenticate, decline, type Paying, pay, process } from "./payments.ts";
import { refund, settleRefund } from "./refunds.ts";
import { routes } from "./routes.ts";
import { type Fault, type LoggedRequest, StripeServer } from "./server.ts";
import { type Delivery, type Posted, type Posting, post, type Signing, sign } from "./webhooks.ts";

export interface FakeStripeOptions {
	/** Signs the webhooks; made where unset. */
	webhookSecret?: string;
	/** Live mode instead of test mode. */
	livemode?: boolean;
}

/**
 * Whether there can be a fake Stripe: like `needs` of the servers, for the top of a test file.
 * Where not, a test that is skipped (failing where `CI` is set) says what brings it.
 */
export function needsFakeStripe(): boolean {
	const here = findDocument() !== undefined;
	if (!here) reportMissing("Stripe's OpenAPI document", STRIPE_MOCK_COMMAND);
	return here;
}

let shared: StripeApi | undefined;

/**
 * Starts a Stripe of the test's own on loopback: the part of the v1 API that `routes` names, with
 * state, webhooks and faults. Each request, answer and event is validated against Stripe's OpenAPI;
 * what does not hold is answered 500, listed in `violations`, and fails the test.
 * @throws when Stripe's OpenAPI document is missing; the message names the command that brings it.
 */
export async function startFakeStripe(
	t: Pick<TestContext, "after">,
	options: FakeStripeOptions = {},
): Promise<FakeStripe> {
	shared ??= new StripeApi(Object.keys(routes));
	const api = shared;
	const secret = randomBytes(16).toString("hex");
	const { livemode = false, webhookSecret = `whsec_${secret}` } = options;
	const secretKey = `sk_${livemode ? "live" : "test"}_${secret}`;
	const books = new Books(api.version, livemode, event => {
		const { object } = event.data;
		server.violations.push(...api.check("event", event), ...api.check(object.object, object));
	});
	const server = new StripeServer(api, books, secretKey);
	await server.start();
	t.after(async () => {
		await server.stop();
		assert.deepEqual(server.violations, [], "Stripe's OpenAPI does not hold");
	});
	return new FakeStripe(server, books, { version: api.version, secretKey, webhookSecret });
}

/** The levers of a Stripe: what buyers, their banks, Stripe's staff and the network do. */
export class FakeStripe {
	/** What `STRIPE_API_BASE` takes. */
	readonly url: string;
	readonly secretKey: string;
	readonly webhookSecret: string;
	/** The API version of Stripe's OpenAPI document. */
	readonly version: string;
	/** What Stripe has on record. */
	readonly books: Books;
	/** Every request since the start. */
	readonly requests: LoggedRequest[];
	/** What broke Stripe's OpenAPI. A test that provokes one takes it out. */
	readonly violations: string[];
	readonly #server: StripeServer;
	readonly #acknowledged = new Set<string>();

	constructor(
		server: StripeServer,
		books: Books,
		given: { version: string; secretKey: string; webhookSecret: string },
	) {
		this.#server = server;
		this.url = server.url;
		this.requests = server.requests;
		this.violations = server.violations;
		this.books = books;
		this.version = given.version;
		this.secretKey = given.secretKey;
		this.webhookSecret = given.webhookSecret;
	}

	/** The buyer pays: at once, or until 3-D Secure asks, or with a method that takes its time. */
	pay(id: string, by: Paying = {}): Intent {
		return pay(this.books, id, by);
	}

	/** The buyer passes 3-D Secure; does not where `passes` is false. */
	authenticate(id: string, passes = true): Intent {
		return authenticate(this.books, id, passes);
	}

	/** The buyer's card is declined, by an error code or a decline code of Stripe's. */
	decline(id: string, code = "generic_decline"): Intent {
		return decline(this.books, id, code);
	}

	/** A payment that is processing ends. */
	process(id: string, end: "succeeded" | "failed"): Intent {
		return process(this.books, id, end);
	}

	/** A refund moves on; `failed` may come after `succeeded`. */
	settleRefund(id: string, status: RefundStatus, failure?: string): Refund {
		return settleRefund(this.books, id, status, failure);
	}

	/** Refunds made from now on are pending until `settleRefund`. */
	holdRefunds(): void {
		this.books.refundsBegin = { status: "pending" };
	}

	/** Refunds made from now on fail at once, with this `failure_reason` of Stripe's. */
	failRefundsAs(failure: string): void {
		this.books.refundsBegin = { status: "failed", failure };
	}

	/** Refunds made from now on succeed at once, as at the start. */
	passRefunds(): void {
		this.books.refundsBegin = { status: "succeeded" };
	}

	/** A refund by hand, in Stripe's dashboard. */
	refundByHand(id: string, amount?: number): Refund {
		return refund(this.books, this.books.paidCharge(this.books.intent(id)), amount);
	}

	/** The buyer's bank disputes a payment, or decides an open dispute; `amount` all where unset. */
	dispute(
		id: string,
		{ status = "needs_response", amount }: { status?: DisputeStatus; amount?: number } = {},
	): Dispute {
		return dispute(this.books, id, status, amount);
	}

	/** Payments from now on have no balance transaction, and so no fee, until `tellFees`. */
	withholdFees(): void {
		this.books.feesWithheld = true;
	}

	/** The withheld fees become known. */
	tellFees(): void {
		this.books.feesWithheld = false;
		for (const charge of this.books.charges.values())
			if (charge.paid && charge.balance_transaction === null) {
				this.books.settle(charge);
				this.books.tell("charge.updated", charge);
			}
	}

	/** The balance is kept in this currency, at so much of it for one minor unit of a payment's. */
	settleIn(currency: string, rate: number): void {
		this.books.settlement = { currency, rate };
	}

	/** Forgets all idempotency keys, as Stripe may after 24 hours. */
	forgetKeys(): void {
		this.#server.keys.forget();
	}

	/** Plans a fault; each strikes once, in the order they were planned. */
	next(fault: Fault): void {
		this.#server.faults.push(fault);
	}

	/** All events so far as signed deliveries, in the order they happened. */
	get events(): Delivery[] {
		return this.deliveries();
	}

	/** As `events`, signed otherwise, or altered after. */
	deliveries(signing: Signing = {}): Delivery[] {
		return this.books.events.map(event => sign(event, { secret: this.webhookSecret, ...signing }));
	}

	/**
	 * Posts the events that no delivery was answered 2xx yet, to one URL or several in turn.
	 * @returns the answers, in their order
	 */
	async deliver(url: string | string[], posting: Posting = {}): Promise<Posted[]> {
		const due = this.deliveries(posting).filter(({ event }) => !this.#acknowledged.has(event.id));
		const posted = await post(due, [url].flat(), posting);
		for (const { event, status = 0 } of posted)
			if (status >= 200 && status < 300) this.#acknowledged.add(event);
		return posted;
	}
}
