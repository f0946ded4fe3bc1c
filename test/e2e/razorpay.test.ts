import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { razorpayEnv } from "../support/counters.ts";
import { eventually } from "../support/http.ts";
import { Market, openMeshMarket, outcomeOf, type Sale, tally } from "../support/market.ts";
import { startNode } from "../support/node.ts";
import { freePort } from "../support/ports.ts";
import { type FakeRazorpay, sign, startFakeRazorpay } from "../support/razorpay/fake-razorpay.ts";
import { needs } from "../support/servers.ts";

/** What the fake keeps of 99.99 USD, in paise. */
const fee = `fee ${Math.round(9_999 * 71 * 0.0236)}`;

/** That a sale was given back at 37 %, once everywhere. */
async function assertGivenBack(market: Market, fake: FakeRazorpay, sale: Sale): Promise<void> {
	await market.assertBalanced();
	const payment = await market.payment(sale);
	assert.deepEqual(
		[payment.status, payment.refundedAmount, payment.refunds?.map(refund => refund.status)],
		["partially_refunded", 62.99, ["succeeded"]],
	);
	assert.deepEqual(await market.seats(sale), ["dropped 37"]);
	assert.deepEqual(await market.booked(sale), ["capture 9999", fee, "refund 6299"].sort());
	const taken = fake.books.paymentsOf(sale.gatewayId).filter(({ captured }) => captured);
	assert.deepEqual(
		taken.map(each => [each.amount, each.amount_refunded]),
		[[9_999, 6_299]],
	);
	const orders = [...fake.books.orders.values()].filter(each => each.receipt === sale.paymentId);
	assert.deepEqual(
		orders.map(({ id }) => id),
		[sale.gatewayId],
	);
}

async function journeys(t: TestContext, market: Market, fake: FakeRazorpay): Promise<void> {
	const urls = market.gateways.map(gateway => `${gateway}/webhooks/razorpay`);
	const deliver = async (posting = {}) => {
		const statuses = (await fake.deliver(urls, posting)).map(({ status }) => String(status));
		assert.deepEqual(Object.keys(tally(statuses)), statuses.length > 0 ? ["200"] : []);
	};
	const isPaid = (sale: Sale) =>
		eventually(
			() => market.seats(sale),
			seats => seats.length === 1,
		);
	const verify = ({ paymentId }: Sale, body: object) =>
		market.post(`/api/payments/${paymentId}/verify`, body);

	await t.test(
		"declined, paid, verified by the checkout's signature, 37 % seen, 62.99 given back",
		async () => {
			const sale = await market.order("razorpay");
			const opened = await market.payment(sale);
			assert.deepEqual([opened.sandbox, opened.clientSecret], [false, undefined]);
			fake.decline(sale.gatewayId, "insufficient_funds");
			await deliver();
			const declined = await market.payment(sale);
			assert.deepEqual(
				[declined.status, declined.lastError?.code],
				["requires_action", "insufficient_funds"],
			);
			const early = await verify(sale, {});
			assert.deepEqual([early.status, outcomeOf(early)], [409, "PAYMENT_NOT_COMPLETED"]);

			const cheap = await market.order("razorpay");
			fake.pay(cheap.gatewayId);
			const { razorpay_signature: another } = fake.checkout(cheap.gatewayId);
			fake.pay(sale.gatewayId);
			const { razorpay_order_id: paymentGatewayId, razorpay_signature: signature } = fake.checkout(
				sale.gatewayId,
			);
			for (const wrong of [
				{ paymentGatewayId, signature: another },
				{ paymentGatewayId: cheap.gatewayId, signature: another },
				{ paymentGatewayId, signature: "0".repeat(64) },
				{ signature: "" },
			])
				assert.equal(outcomeOf(await verify(sale, wrong)), "PAYMENT_MISMATCH");
			const { body } = await eventually(
				() => verify(sale, { paymentGatewayId, signature }),
				({ status, body }) => status === 200 && body.enrollment !== null,
			);
			assert.deepEqual(
				[body.payment.status, body.enrollment.courseId],
				["captured", sale.courseId],
			);

			assert.equal(outcomeOf(await market.progress(sale, 37)), "ok");
			const refund = await market.refund(sale, 1, { reason: "Not for me" });
			assert.deepEqual([refund.status, refund.body.refundedAmount], [200, 62.99]);
			await deliver({ times: 3, shuffle: 7, parallel: 8 });
			await assertGivenBack(market, fake, sale);
			assert.equal(outcomeOf(await market.refund(sale)), "ALREADY_REFUNDED");
			assert.deepEqual(await market.notices(sale), [
				"enrollment.activated",
				"payment.captured",
				"payment.failed",
				"payment.refunded",
			]);
		},
	);

	await t.test(
		"webhooks that are forged, and none that come: the reconciler finds it all",
		async () => {
			const sale = await market.order("razorpay");
			fake.pay(sale.gatewayId);
			const told = fake.books.events.at(-1);
			assert.ok(told);
			const good = sign(told, fake.webhookSecret);
			for (const { headers, body } of [
				sign(told, "nobody's"),
				{ ...good, body: `${good.body} ` },
				{ ...good, headers: { ...good.headers, "x-razorpay-signature": "" } },
			]) {
				const answer = await fetch(urls[0] as string, { method: "POST", headers, body });
				assert.equal(answer.status, 400);
				assert.equal(((await answer.json()) as { code: string }).code, "SIGNATURE_INVALID");
			}
			assert.equal((await market.payment(sale)).status, "requires_action");
			await market.ask("payments.reconcile", { now: true });
			assert.equal((await market.payment(sale)).status, "captured");
			await isPaid(sale);
			await market.progress(sale, 37);
			fake.refundsBegin("pending");
			const pending = await market.refund(sale);
			fake.refundsBegin("processed");
			assert.deepEqual([pending.status, pending.body.refund?.status], [202, "pending"]);
			const [made] = [...fake.books.refunds.values()].slice(-1);
			fake.settleRefund(made?.id as string, "processed");
			await market.ask("payments.reconcile", { now: true });
			await assertGivenBack(market, fake, sale);
			await deliver({ shuffle: 3 });
			await assertGivenBack(market, fake, sale);
		},
	);

	await t.test(
		"answers that are lost and webhooks before the order is known: one of each at Razorpay",
		async () => {
			const courseId = await market.course();
			const order = { courseId, paymentMethod: "razorpay" };
			fake.next({ on: /^POST \/v1\/orders$/, reset: true, applied: true });
			const lost = await market.post("/api/payments", order);
			assert.deepEqual([lost.status, outcomeOf(lost)], [503, "SERVICE_UNAVAILABLE"]);
			const [made] = [...fake.books.orders.values()].slice(-1);
			assert.ok(made);
			const { id: gatewayId } = made;
			fake.pay(gatewayId);
			await deliver({ times: 2 });
			const again = await market.post("/api/payments", order, undefined, 1);
			assert.equal(again.status, 200, JSON.stringify(again.body));
			const { id: paymentId } = again.body;
			assert.equal(again.body.paymentGatewayId, gatewayId);
			const sale = { buyer: market.buyer, courseId, paymentId, gatewayId };
			fake.next({ on: /capture$/, reset: true, applied: true });
			await eventually(
				async () => {
					await market.ask("payments.applyEvents", {});
					return market.payment(sale);
				},
				({ status }) => status === "captured",
			);
			await isPaid(sale);
			await market.progress(sale, 37);
			fake.next({ on: /refund$/, reset: true, applied: true });
			const pending = await market.refund(sale);
			assert.deepEqual([pending.status, pending.body.refund?.status], [202, "pending"]);
			fake.forgetKeys();
			await market.ask("payments.reconcile", { now: true });
			await assertGivenBack(market, fake, sale);
			await deliver();
			await assertGivenBack(market, fake, sale);
		},
	);

	await t.test(
		"a payment that is canceled is not captured, whatever the buyer does in another tab",
		async () => {
			const sale = await market.order("razorpay");
			const canceled = await market.post(`/api/payments/${sale.paymentId}/cancel`);
			assert.deepEqual([canceled.status, canceled.body.status], [200, "canceled"]);
			fake.pay(sale.gatewayId);
			await deliver();
			await market.ask("payments.reconcile", { now: true });
			assert.equal((await market.payment(sale)).status, "canceled");
			const again = await market.post("/api/payments", {
				courseId: sale.courseId,
				paymentMethod: "razorpay",
			});
			assert.deepEqual([again.status, again.body.status], [201, "requires_action"]);
			const [only] = fake.books.paymentsOf(sale.gatewayId);
			assert.equal(only?.captured, false);
			fake.letGo(sale.gatewayId);
			await market.assertBalanced();
		},
	);

	await t.test("a chargeback takes the money, and the books say so", async () => {
		const sale = await market.sell("razorpay", async ({ gatewayId }) => fake.pay(gatewayId));
		fake.dispute(sale.gatewayId, { status: "open" });
		await deliver();
		assert.equal((await market.payment(sale)).status, "disputed");
		assert.equal(outcomeOf(await market.refund(sale)), "NOTHING_REFUNDABLE");
		fake.dispute(sale.gatewayId, { status: "lost" });
		await deliver({ times: 2 });
		await market.assertBalanced();
		assert.deepEqual(await market.booked(sale), ["capture 9999", "dispute 9999", fee].sort());
	});
}

test("a purchase and a refund with Razorpay, embedded", async t => {
	const fake = await startFakeRazorpay(t);
	const port = await freePort();
	const node = await startNode(t, {
		env: {
			...razorpayEnv(fake),
			PORT: String(port),
			DATA_DIR: mkdtempSync(join(tmpdir(), "zeolite-")),
			ADMIN_EMAIL: "admin@zeolite.example",
			ADMIN_PASSWORD: "admin-password",
		},
	});
	await journeys(t, await Market.open(node, [`http://127.0.0.1:${port}`]), fake);
});

const servers = await needs("nats", "mongo");
if (servers)
	test("a purchase and a refund with Razorpay, on the mesh", async t => {
		const fake = await startFakeRazorpay(t);
		const { market } = await openMeshMarket(t, servers, razorpayEnv(fake));
		await journeys(t, market, fake);
	});
