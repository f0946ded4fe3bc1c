import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { type Posted, type Posting, post } from "../stripe/webhooks.ts";
import {
	authorizeLate,
	begin,
	decline,
	dispute,
	letGo,
	pay,
	refund,
	settleRefund,
} from "./account.ts";
import { Books, type Dispute, newId, type Payment, type Refund, type ToldEvent } from "./books.ts";
import { type Fault, type LoggedRequest, RazorpayServer } from "./server.ts";

/** A webhook as it is posted. */
export interface Delivery {
	event: ToldEvent;
	headers: Record<string, string>;
	body: string;
}

/** Signs an event: HMAC-SHA256, hex, over the body (https://razorpay.com/docs/webhooks/validate-test/). */
export function sign(event: ToldEvent, secret: string): Delivery {
	const body = JSON.stringify(event.event);
	return {
		event,
		headers: {
			"content-type": "application/json",
			"user-agent": "Razorpay-Webhook/v1",
			"x-razorpay-event-id": event.id,
			"x-razorpay-signature": createHmac("sha256", secret).update(body).digest("hex"),
		},
		body,
	};
}

/**
 * Starts a Razorpay of the test's own on loopback: the part of the v1 API that `routes` names, with state, webhooks and
 * faults, by Razorpay's documentation. A request it would refuse as wrong is listed in `violations` and fails the test.
 */
export async function startFakeRazorpay(t: Pick<TestContext, "after">): Promise<FakeRazorpay> {
	const books = new Books();
	const keyId = newId("rzp_test");
	const keySecret = randomBytes(12).toString("hex");
	const server = new RazorpayServer(books, keyId, keySecret);
	await server.start();
	t.after(async () => {
		await server.stop();
		assert.deepEqual(server.violations, [], "Razorpay would refuse this as a wrong request");
	});
	return new FakeRazorpay(server, books, { keyId, keySecret });
}

/** The levers of a Razorpay: what buyers, their banks, Razorpay's staff and the network do. Ids are orders'. */
export class FakeRazorpay {
	/** What `RAZORPAY_API_BASE` takes. */
	readonly url: string;
	readonly keyId: string;
	readonly keySecret: string;
	readonly webhookSecret = randomBytes(12).toString("hex");
	readonly books: Books;
	/** Every request since the start. */
	readonly requests: LoggedRequest[];
	/** What broke the documentation. A test that provokes one takes it out. */
	readonly violations: string[];
	readonly #server: RazorpayServer;
	readonly #acknowledged = new Set<string>();

	constructor(server: RazorpayServer, books: Books, keys: { keyId: string; keySecret: string }) {
		this.#server = server;
		this.url = server.url;
		this.books = books;
		this.requests = server.requests;
		this.violations = server.violations;
		this.keyId = keys.keyId;
		this.keySecret = keys.keySecret;
	}

	/** The buyer pays: what their bank approved is authorized, and captured too where the order says so. */
	pay(id: string): Payment {
		return pay(this.books, id);
	}

	/** What the checkout hands the buyer. */
	checkout(id: string): {
		razorpay_order_id: string;
		razorpay_payment_id: string;
		razorpay_signature: string;
	} {
		const payment = this.books.paymentsOf(id).find(each => each.status !== "failed");
		assert.ok(payment, `nobody paid ${id}`);
		const text = `${id}|${payment.id}`;
		return {
			razorpay_order_id: id,
			razorpay_payment_id: payment.id,
			razorpay_signature: createHmac("sha256", this.keySecret).update(text).digest("hex"),
		};
	}

	decline(id: string, reason = "card_declined"): Payment {
		return decline(this.books, id, reason);
	}

	/** The buyer goes to their bank's page. */
	begin(id: string): Payment {
		return begin(this.books, id);
	}

	/** A payment that was begun or had failed is approved after all, by its own id. */
	authorizeLate(paymentId: string): Payment {
		return authorizeLate(this.books, paymentId);
	}

	/** What is authorized and not captured goes back to the buyer. */
	letGo(id: string): void {
		letGo(this.books, id);
	}

	/** Captures fail at the gateway from now on, or work again. */
	failCaptures(fail = true): void {
		this.books.capturesFail = fail;
	}

	/** How refunds made from now on begin. */
	refundsBegin(status: Refund["status"]): void {
		this.books.refundsBegin = status;
	}

	settleRefund(id: string, status: "processed" | "failed"): Refund {
		return settleRefund(this.books, id, status);
	}

	/** A refund by hand, in Razorpay's dashboard. */
	refundByHand(id: string, amount: number): Refund {
		const taken = this.books.paymentsOf(id).find(each => each.captured);
		assert.ok(taken, `nothing of ${id} was captured`);
		return refund(this.books, taken.id, { amount });
	}

	/** The buyer's bank disputes a payment, or decides an open dispute. */
	dispute(id: string, given: Partial<Dispute> & Pick<Dispute, "status">): Dispute {
		return dispute(this.books, id, given);
	}

	forgetKeys(): void {
		this.#server.forgetKeys();
	}

	/** Plans a fault; each strikes once, in the order they were planned. */
	next(fault: Fault): void {
		this.#server.faults.push(fault);
	}

	/** All events so far as signed deliveries, in the order they happened. */
	get events(): Delivery[] {
		return this.books.events.map(event => sign(event, this.webhookSecret));
	}

	/**
	 * Posts the events that no delivery was answered 2xx yet, to one URL or several in turn.
	 * @returns the answers, in their order
	 */
	async deliver(url: string | string[], posting: Posting = {}): Promise<Posted[]> {
		const due = this.events.filter(({ event }) => !this.#acknowledged.has(event.id));
		const posted = await post(due, [url].flat(), posting);
		for (const { event, status = 0 } of posted)
			if (status >= 200 && status < 300) this.#acknowledged.add(event);
		return posted;
	}
}
