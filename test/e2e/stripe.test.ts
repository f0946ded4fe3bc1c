import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stripeEnv } from "../support/counters.ts";
import { eventually } from "../support/http.ts";
import { Market, openMeshMarket, outcomeOf, type Sale } from "../support/market.ts";
import { startNode } from "../support/node.ts";
import { freePort } from "../support/ports.ts";
import { needs } from "../support/servers.ts";
import {
	type FakeStripe,
	needsFakeStripe,
	startFakeStripe,
} from "../support/stripe/fake-stripe.ts";
import { sign } from "../support/stripe/webhooks.ts";

/** 2.9 % and 30 minor units, as the fake keeps. */
const fee = "fee 320";

/** A market before Stripe. */
interface Fair {
	market: Market;
	fake: FakeStripe;
	/** Stripe delivers what was not taken yet, to the gateways in turn. */
	deliver(): Promise<void>;
	/** Stripe cuts the connection on this request, and once more when the SDK repeats it. */
	loseAnswer(request: string): void;
	/** How often Stripe was asked for this, repeats under one key counted once. */
	asked(path: string): number;
}

function fairOf(market: Market, fake: FakeStripe): Fair {
	return {
		market,
		fake,
		async deliver() {
			const urls = market.gateways.map(gateway => `${gateway}/webhooks/stripe`);
			const answers = await fake.deliver(urls);
			assert.deepEqual(
				answers.filter(({ status }) => status !== 200),
				[],
			);
		},
		loseAnswer(on) {
			for (let times = 0; times < 2; times++) fake.next({ on, reset: true, applied: true });
		},
		asked(path) {
			const keys = fake.requests
				.filter(request => request.method === "POST" && request.path === path)
				.map(({ idempotencyKey }) => idempotencyKey);
			return new Set(keys).size;
		},
	};
}

/** That a sale was given back at 37 %, once everywhere. */
async function assertGivenBack({ market, fake }: Fair, sale: Sale): Promise<void> {
	await market.assertBalanced();
	const payment = await market.payment(sale);
	assert.deepEqual(
		[payment.status, payment.refundedAmount, payment.refunds?.map(refund => refund.status)],
		["partially_refunded", 62.99, ["succeeded"]],
	);
	assert.deepEqual(await market.seats(sale), ["dropped 37"]);
	assert.deepEqual(await market.booked(sale), ["capture 9999", fee, "refund 6299"]);
	const intents = [...fake.books.intents.values()].filter(
		({ metadata }) => metadata.payment_id === sale.paymentId,
	);
	const refunds = [...fake.books.refunds.values()].filter(
		refund => refund.payment_intent === sale.gatewayId,
	);
	assert.deepEqual(
		intents.map(({ id, amount_received }) => [id, amount_received]),
		[[sale.gatewayId, 9_999]],
	);
	assert.deepEqual(
		refunds.map(({ amount, status }) => [amount, status]),
		[[6_299, "succeeded"]],
	);
}

async function journeys(t: TestContext, fair: Fair): Promise<void> {
	const { market, fake, deliver, loseAnswer, asked } = fair;
	const isPaid = (sale: Sale) =>
		eventually(
			() => market.seats(sale),
			seats => seats.length === 1,
		);

	await t.test("declined, 3-D Secure, captured, 37 % seen, 62.99 given back", async () => {
		const sale = await market.order("stripe");
		const opened = await market.payment(sale);
		assert.match(opened.clientSecret ?? "", new RegExp(`^${sale.gatewayId}_secret_`));
		assert.equal(opened.sandbox, false);

		fake.decline(sale.gatewayId, "insufficient_funds");
		await deliver();
		const declined = await market.payment(sale);
		assert.deepEqual(
			[declined.status, declined.lastError?.code],
			["requires_action", "card_declined"],
		);
		fake.pay(sale.gatewayId, { threeDSecure: true });
		await deliver();
		const early = await market.verify(sale);
		assert.deepEqual([early.status, outcomeOf(early)], [409, "PAYMENT_NOT_COMPLETED"]);
		fake.authenticate(sale.gatewayId);
		await deliver();
		const { body } = await eventually(
			() => market.verify(sale, 1),
			({ status, body }) => status === 200 && body.enrollment !== null,
		);
		assert.deepEqual([body.payment.status, body.enrollment.courseId], ["captured", sale.courseId]);

		assert.equal(outcomeOf(await market.progress(sale, 37)), "ok");
		const quote = await market.get(`/api/payments/${sale.paymentId}/refund-quote`);
		assert.deepEqual([quote.body.refundable, quote.body.amount], [true, 62.99]);
		const refund = await market.refund(sale, 1, { reason: "Not for me" });
		assert.deepEqual([refund.status, refund.body.refundedAmount], [200, 62.99]);
		await deliver();
		await assertGivenBack(fair, sale);
		assert.deepEqual(await market.notices(sale), [
			"enrollment.activated",
			"payment.captured",
			"payment.failed",
			"payment.refunded",
		]);
		assert.equal(outcomeOf(await market.refund(sale)), "ALREADY_REFUNDED");
	});

	await t.test("webhooks that never come: the reconciler finds it all", async () => {
		const sale = await market.order("stripe");
		fake.pay(sale.gatewayId);
		await market.ask("payments.reconcile", { now: true });
		assert.equal((await market.payment(sale)).status, "captured");
		await isPaid(sale);
		await market.progress(sale, 37);
		fake.holdRefunds();
		const pending = await market.refund(sale);
		fake.passRefunds();
		assert.deepEqual([pending.status, pending.body.refund?.status], [202, "pending"]);
		assert.equal(outcomeOf(await market.progress(sale, 40)), "REFUND_PENDING");
		const [made] = [...fake.books.refunds.values()].slice(-1);
		fake.settleRefund(made?.id as string, "succeeded");
		await market.ask("payments.reconcile", { now: true });
		await assertGivenBack(fair, sale);
		await deliver();
		await assertGivenBack(fair, sale);
	});

	await t.test("answers that are lost: one payment and one refund at Stripe", async () => {
		const before = { made: asked("/v1/payment_intents"), back: asked("/v1/refunds") };
		const courseId = await market.course();
		const order = { courseId, paymentMethod: "stripe" };
		loseAnswer("POST /v1/payment_intents");
		const lost = await market.post("/api/payments", order);
		assert.deepEqual([lost.status, outcomeOf(lost)], [503, "SERVICE_UNAVAILABLE"]);
		const again = await market.post("/api/payments", order, undefined, 1);
		assert.equal(again.status, 200, JSON.stringify(again.body));
		const { id: paymentId, paymentGatewayId: gatewayId } = again.body;
		const sale = { buyer: market.buyer, courseId, paymentId, gatewayId };
		fake.pay(gatewayId);
		await deliver();
		await isPaid(sale);
		await market.progress(sale, 37);
		loseAnswer("POST /v1/refunds");
		const pending = await market.refund(sale);
		assert.deepEqual([pending.status, pending.body.refund?.status], [202, "pending"]);
		await market.ask("payments.reconcile", { now: true });
		await assertGivenBack(fair, sale);
		await deliver();
		await assertGivenBack(fair, sale);
		assert.deepEqual(
			[asked("/v1/payment_intents") - before.made, asked("/v1/refunds") - before.back],
			[1, 1],
		);
	});

	await t.test("a lost answer and a silent client: the reconciler opens it", async () => {
		const courseId = await market.course();
		loseAnswer("POST /v1/payment_intents");
		const lost = await market.post("/api/payments", { courseId, paymentMethod: "stripe" });
		assert.equal(outcomeOf(lost), "SERVICE_UNAVAILABLE");
		await market.ask("payments.reconcile", { now: true });
		const { body } = await market.get("/api/payments?pageSize=1");
		const [payment] = body.items;
		assert.deepEqual([payment.courseId, payment.status], [courseId, "requires_action"]);
		const made = [...fake.books.intents.values()].filter(
			({ metadata }) => metadata.payment_id === payment.id,
		);
		assert.deepEqual(
			made.map(({ id }) => id),
			[payment.paymentGatewayId],
		);
	});

	await t.test("an event of live mode against a test key is kept and ignored", async () => {
		const sale = await market.order("stripe");
		fake.pay(sale.gatewayId);
		const paid = fake.books.events.findLast(({ type }) => type === "payment_intent.succeeded");
		assert.ok(paid);
		const live = { ...structuredClone(paid), id: `${paid.id}live`, livemode: true };
		const { headers, body } = sign(live, { secret: fake.webhookSecret });
		const url = `${market.at(0)}/webhooks/stripe`;
		assert.equal((await fetch(url, { method: "POST", headers, body })).status, 200);
		assert.equal((await market.payment(sale)).status, "requires_action");
		const ignored = await market.get("/api/payment-events?state=ignored", market.admin);
		const kept = ignored.body.items.find(({ id }: { id: string }) => id === `stripe:${live.id}`);
		assert.deepEqual([kept?.type, kept?.tries], ["payment_intent.succeeded", 0]);
		await deliver();
		assert.equal((await market.payment(sale)).status, "captured");
		await market.assertBalanced();
	});
}

const hasStripe = needsFakeStripe();
if (hasStripe)
	test("a purchase and a refund with Stripe, embedded", async t => {
		const fake = await startFakeStripe(t);
		const port = await freePort();
		const node = await startNode(t, {
			env: {
				...stripeEnv(fake),
				PORT: String(port),
				DATA_DIR: mkdtempSync(join(tmpdir(), "zeolite-")),
				ADMIN_EMAIL: "admin@zeolite.example",
				ADMIN_PASSWORD: "admin-password",
			},
		});
		const market = await Market.open(node, [`http://127.0.0.1:${port}`]);
		await journeys(t, fairOf(market, fake));
	});

const servers = await needs("nats", "mongo");
if (servers && hasStripe)
	test("a purchase and a refund with Stripe, on the mesh", async t => {
		const fake = await startFakeStripe(t);
		const { market } = await openMeshMarket(t, servers, stripeEnv(fake));
		await journeys(t, fairOf(market, fake));
	});
