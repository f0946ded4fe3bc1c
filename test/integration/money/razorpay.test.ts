import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
	validatePaymentVerification,
	validateWebhookSignature,
} from "razorpay/dist/utils/razorpay-utils.js";
import { systemClock } from "../../../kernel/clock.ts";
import { newId } from "../../../kernel/ids.ts";
import type { PaymentProvider, Snapshot } from "../../../services/money/payments/providers/port.ts";
import { razorpayProvider } from "../../../services/money/payments/providers/razorpay.ts";
import { razorpayClient } from "../../../services/money/payments/providers/razorpay-client.ts";
import { signPaid } from "../../../services/money/signatures.ts";
import { startFakeRazorpay } from "../../support/razorpay/fake-razorpay.ts";
import type { Fault } from "../../support/razorpay/server.ts";
import { type RazorpayBench, razorpayBench } from "./benches.ts";

const intentOf = (change: object = {}) => ({
	key: newId("pay"),
	method: "razorpay" as const,
	amountMinor: 9_999,
	currency: "USD",
	title: "Glass blowing & other crafts",
	...change,
});

const orderOf = ({ id, chargeId = "", currency }: Snapshot, amountMinor: number) => ({
	key: newId("rfd"),
	id,
	chargeId,
	amountMinor,
	currency,
});

async function open(provider: PaymentProvider, change?: object): Promise<string> {
	const answer = await provider.create(intentOf(change));
	assert.ok("opened" in answer, JSON.stringify(answer));
	return answer.opened.id;
}

async function buy({ provider, pay }: RazorpayBench, change?: object): Promise<Snapshot> {
	const id = await open(provider, change);
	await pay(id);
	return provider.fetch(id);
}

const codeOf = (answer: object) => (answer as { refused?: { code: string } }).refused?.code;

/** Faults after which nobody knows what happened. */
const faults: readonly { what: string; fault: Fault }[] = [
	{ what: "a 500", fault: { status: 500 } },
	{ what: "a 500 after it happened", fault: { status: 500, applied: true } },
	{ what: "a 502 of the bank's gateway", fault: { status: 502 } },
	{ what: "a 502 after it happened", fault: { status: 502, applied: true } },
	{ what: "too many requests", fault: { status: 429 } },
	{ what: "a conflict", fault: { status: 409 } },
	{
		what: "a 400 that says that another one is in progress",
		fault: { status: 400, applied: true },
	},
	{ what: "a key that does not hold", fault: { status: 401 } },
	{ what: "a slow answer", fault: { applied: true, hangMs: 1_500 } },
	{ what: "no answer", fault: { hangMs: 1_500 } },
	{ what: "a reset", fault: { reset: true } },
	{ what: "a reset after it happened", fault: { reset: true, applied: true } },
	{ what: "a page of some proxy's", fault: { text: "<html>", applied: true } },
	{ what: "an answer that is no object", fault: { text: "null" } },
];

describe("what Razorpay is sent", () => {
	test("of a payment and a refund: amount, capture by hand, notes and key, and nothing of the buyer", async t => {
		const bench = await razorpayBench(t);
		const { fake, provider } = bench;
		const intent = intentOf({ title: "x".repeat(1_200) });
		const answer = await provider.create(intent);
		assert.ok("opened" in answer);
		await bench.pay(answer.opened.id);
		const paid = await provider.fetch(answer.opened.id);
		const order = orderOf(paid, 6_299);
		await provider.refund(order);
		const writes = fake.requests.filter(({ method }) => method === "POST");
		assert.deepEqual(
			writes.map(({ path, params, key }) => ({ path, params, key })),
			[
				{
					path: "/v1/orders",
					params: {
						amount: 9_999,
						currency: "USD",
						receipt: intent.key,
						payment: {
							capture: "manual",
							capture_options: { manual_expiry_period: 2_880, refund_speed: "normal" },
						},
						notes: { payment_id: intent.key, title: "x".repeat(250) },
					},
					key: undefined,
				},
				{
					path: `/v1/payments/${paid.chargeId}/capture`,
					params: { amount: 9_999, currency: "USD" },
					key: undefined,
				},
				{
					path: `/v1/payments/${paid.chargeId}/refund`,
					params: {
						amount: 6_299,
						speed: "normal",
						notes: { refund_id: order.key },
						receipt: order.key,
					},
					key: order.key,
				},
			],
		);
	});

	test("never an amount it does not take", async t => {
		const { fake, provider } = await razorpayBench(t);
		for (const [currency, amountMinor] of [
			["KWD", 5_124],
			["XXX", 100],
			["ARS", 100],
			["inr", 100],
		] as const) {
			const intent = intentOf({ currency, amountMinor });
			assert.equal(codeOf(await provider.create(intent)), "amount_not_supported");
			const order = { key: newId("rfd"), id: "order_1", chargeId: "pay_1", amountMinor, currency };
			assert.equal(codeOf(await provider.refund(order)), "amount_not_supported");
		}
		assert.deepEqual(fake.requests, []);
		const small = intentOf({ currency: "INR", amountMinor: 1 });
		assert.equal(codeOf(await provider.create(small)), "amount_too_small");
	});
});

describe("whatever goes wrong while an order is made", () => {
	for (const { what, fault } of faults)
		test(`${what}: unknown, asked once, and the same key makes the one order`, async t => {
			const { fake, provider, hurried } = await razorpayBench(t);
			const intent = intentOf();
			fake.next({ on: /^POST \/v1\/orders$/, ...fault });
			await assert.rejects(hurried.create(intent));
			assert.equal(fake.requests.filter(({ method }) => method === "POST").length, 1);
			const answer = await provider.create(intent);
			assert.ok("opened" in answer, JSON.stringify(answer));
			assert.deepEqual([...fake.books.orders.keys()], [answer.opened.id]);
		});

	test("a list of orders that does not come is no empty list", async t => {
		const { fake, provider } = await razorpayBench(t);
		fake.next({ on: /^GET/, status: 500 });
		await assert.rejects(provider.create(intentOf()));
		assert.equal(fake.books.orders.size, 0);
	});

	test("of two orders that two nodes made under one key all are told the first", async t => {
		const bench = await razorpayBench(t);
		const { fake, provider, hurried } = bench;
		const intent = intentOf();
		await Promise.all([provider.create(intent), hurried.create(intent)]);
		assert.equal(fake.books.orders.size, 2, "neither saw the other's");
		const answers = await Promise.all([1, 2, 3].map(() => provider.create(intent)));
		assert.deepEqual(new Set(answers.map(answer => JSON.stringify(answer))).size, 1);
	});
});

describe("whatever goes wrong while money is given back", () => {
	for (const { what, fault } of faults)
		test(`${what}: unknown, asked once, and the same key gives it back once`, async t => {
			const bench = await razorpayBench(t);
			const { fake, provider, hurried } = bench;
			const paid = await buy(bench);
			const order = orderOf(paid, 3_000);
			await provider.refund(orderOf(paid, 100));
			const before = fake.requests.length;
			fake.next({ on: /refund$/, ...fault });
			await assert.rejects(hurried.refund(order));
			const tries = fake.requests.slice(before).filter(({ method }) => method === "POST");
			assert.equal(tries.length, 1);
			fake.forgetKeys();
			const answer = await provider.refund(order);
			assert.ok("refund" in answer, JSON.stringify(answer));
			const { refunds } = await provider.fetch(paid.id);
			assert.deepEqual(
				refunds.map(({ key, amountMinor }) => [key, amountMinor]),
				[
					[order.key, 3_000],
					[refunds[1]?.key, 100],
				],
			);
		});

	test("more refunds than one page are all there", async t => {
		const bench = await razorpayBench(t);
		const { id } = await buy(bench, { amountMinor: 20_000 });
		for (let i = 0; i < 103; i++) bench.fake.refundByHand(id, 100);
		const { refunds } = await bench.provider.fetch(id);
		assert.equal(new Set(refunds.map(refund => refund.id)).size, 103);
	});
});

describe("what is authorized", () => {
	test("is captured by whoever asks first, once; and told as under way while that does not work", async t => {
		const { fake, provider } = await razorpayBench(t);
		const id = await open(provider);
		const { id: chargeId } = fake.pay(id);
		for (const fault of [{ status: 502 }, { status: 500 }, { reset: true }]) {
			fake.next({ on: /capture$/, ...fault });
			const { status, chargeId: told } = await provider.fetch(id);
			assert.deepEqual([status, told], ["processing", chargeId]);
		}
		const all = await Promise.all(Array.from({ length: 5 }, () => provider.fetch(id)));
		assert.deepEqual(new Set(all.map(({ status }) => status)), new Set(["paid"]));
		const captures = fake.requests.filter(
			({ path, status }) => /capture$/.test(path) && status === 200,
		);
		assert.equal(captures.length, 1);
	});

	test("whose capture is not answered is found captured", async t => {
		const { fake, provider } = await razorpayBench(t);
		for (const fault of [{ status: 500 }, { reset: true }, { status: 400 }]) {
			const id = await open(provider);
			fake.pay(id);
			fake.next({ on: /capture$/, applied: true, ...fault });
			assert.equal((await provider.fetch(id)).status, "paid");
		}
	});

	test("after it had failed is paid all the same", async t => {
		const { fake, provider } = await razorpayBench(t);
		const id = await open(provider);
		const { id: chargeId } = fake.decline(id);
		assert.equal((await provider.fetch(id)).failure?.id, chargeId);
		fake.authorizeLate(chargeId);
		const paid = await provider.fetch(id);
		assert.deepEqual([paid.status, paid.chargeId, paid.failure], ["paid", chargeId, undefined]);
	});

	test("and let go by Razorpay leaves the order open", async t => {
		const { fake, provider } = await razorpayBench(t);
		const id = await open(provider);
		fake.failCaptures();
		fake.pay(id);
		assert.equal((await provider.fetch(id)).status, "processing");
		fake.letGo(id);
		const { status, failure } = await provider.fetch(id);
		assert.deepEqual([status, failure?.code], ["open", "not_captured"]);
	});
});

describe("an order that is closed", () => {
	const captured = (bench: RazorpayBench) =>
		[...bench.fake.books.payments.values()].filter(payment => payment.captured).length;

	test("is captured no more, even of an attempt that was begun before", async t => {
		const bench = await razorpayBench(t);
		const { fake, provider } = bench;
		const id = await open(provider);
		const begun = fake.begin(id);
		assert.equal((await provider.fetch(id)).status, "open");
		assert.equal((await provider.cancel(id)).status, "canceled");
		fake.authorizeLate(begun.id);
		fake.pay(id);
		for (const _ of [1, 2]) assert.equal((await provider.fetch(id)).status, "canceled");
		assert.equal((await provider.cancel(id)).status, "canceled");
		assert.equal(captured(bench), 0);
	});

	test("is paid where somebody captured it all the same", async t => {
		const bench = await razorpayBench(t);
		const { fake, provider } = bench;
		const id = await open(provider);
		await provider.cancel(id);
		fake.books.manual.delete(id);
		fake.pay(id);
		assert.equal((await provider.fetch(id)).status, "paid");
		assert.equal((await provider.cancel(id)).status, "paid");
	});

	for (const { what, nth, applied, status } of [
		{ what: "before it is marked", nth: 1, applied: false, status: "paid" },
		{ what: "marked, before anybody knows of it", nth: 1, applied: true, status: "processing" },
		{ what: "before it is closed", nth: 2, applied: false, status: "processing" },
		{ what: "closed, before anybody knows of it", nth: 2, applied: true, status: "canceled" },
	] as const)
		test(`and the closing cut off ${what}: ${status}, and the next cancel says how it ends`, async t => {
			const bench = await razorpayBench(t);
			const { fake, provider } = bench;
			const id = await open(provider);
			if (nth === 2) fake.next({ on: /^PATCH/, applied: true });
			fake.next({ on: /^PATCH/, reset: true, applied });
			await assert.rejects(provider.cancel(id));
			assert.equal((await provider.fetch(id)).status, status === "canceled" ? status : "open");
			fake.pay(id);
			assert.equal((await provider.fetch(id)).status, status);
			const end = status === "canceled" ? "canceled" : "paid";
			assert.equal((await provider.cancel(id)).status, end);
			assert.equal((await provider.fetch(id)).status, end);
			assert.equal(captured(bench), end === "paid" ? 1 : 0);
		});
});

describe("disputes", () => {
	test("that only ask hold no money, until they are lost", async t => {
		const bench = await razorpayBench(t);
		const { fake, provider } = bench;
		const { id } = await buy(bench);
		fake.dispute(id, { status: "open", phase: "retrieval" });
		assert.deepEqual((await provider.fetch(id)).disputes, []);
		fake.dispute(id, { status: "under_review", phase: "chargeback" });
		assert.deepEqual(
			(await provider.fetch(id)).disputes.map(({ status }) => status),
			["open"],
		);
	});

	test("of other payments are theirs, and a list that does not come is no empty one", async t => {
		const bench = await razorpayBench(t);
		const { fake, provider } = bench;
		const [one, other] = [await buy(bench), await buy(bench)];
		fake.dispute(other.id, { status: "open" });
		assert.deepEqual((await provider.fetch(one.id)).disputes, []);
		for (const on of [/disputes$/, /refunds$/]) {
			fake.next({ on, status: 502 });
			await assert.rejects(provider.fetch(one.id));
		}
		fake.next({ on: /disputes$/, status: 502 });
		await assert.rejects(provider.refund(orderOf(one, 100)));
	});
});

test("the fee is what is kept, in the currency it is settled in", async t => {
	const bench = await razorpayBench(t);
	const fee = Math.round(9_999 * 71 * 0.0236);
	assert.deepEqual((await buy(bench)).fee, { amountMinor: fee, currency: "INR" });
	const { fee: domestic } = await buy(bench, { currency: "INR" });
	assert.deepEqual(domestic, { amountMinor: 236, currency: "INR" });
});

test("slow answers are given up before the till's 5 s, however many they are", async t => {
	const fake = await startFakeRazorpay(t);
	const { url: apiBase, keyId, keySecret } = fake;
	const provider = razorpayProvider({
		client: razorpayClient({ keyId, keySecret, apiBase }),
		keySecret,
		webhookSecrets: [],
		clock: systemClock,
	});
	const id = await open(provider);
	for (let i = 0; i < 2; i++) fake.next({ on: /^GET/, hangMs: 3_000, applied: true });
	const before = performance.now();
	const fetched = provider.fetch(id).then(
		() => "answered",
		() => "given up",
	);
	assert.equal(await Promise.race([fetched, sleep(5_000, "the till waits no longer")]), "given up");
	assert.ok(performance.now() - before > 4_000);
});

test("each event that Razorpay sends is read, and leads to its order", async t => {
	const bench = await razorpayBench(t);
	const { fake, provider } = bench;
	const id = await open(provider);
	await bench.decline(id);
	await bench.pay(id);
	const { id: refundId } = fake.refundByHand(id, 100);
	await bench.settleRefund(id, refundId, "failed");
	for (const status of ["under_review", "won", "lost", "closed"] as const)
		fake.dispute(id, { status });
	const kinds = new Map<string, string | undefined>();
	for (const { event, headers, body } of fake.events) {
		const read = await provider.readWebhook(headers, Buffer.from(body));
		kinds.set(event.event.event, read?.kind);
		assert.equal(read?.gatewayId, id, event.event.event);
		assert.equal(read.id.split("-")[0], event.id);
	}
	assert.deepEqual(Object.fromEntries([...kinds].sort()), {
		"order.paid": "paid",
		"payment.authorized": "failed",
		"payment.captured": "paid",
		"payment.dispute.closed": "dispute",
		"payment.dispute.created": "dispute",
		"payment.dispute.lost": "dispute",
		"payment.dispute.under_review": "dispute",
		"payment.dispute.won": "dispute",
		"payment.failed": "failed",
		"refund.created": "refund",
		"refund.failed": "refund",
		"refund.processed": "refund",
	});
});

test("an event under another's id is another one: that header is not signed", async t => {
	const bench = await razorpayBench(t);
	const { fake, provider } = bench;
	await buy(bench);
	const [first, second] = fake.events as [(typeof fake.events)[0], (typeof fake.events)[0]];
	const read = (eventId: unknown, { headers, body }: typeof first) =>
		provider.readWebhook({ ...headers, "x-razorpay-event-id": eventId }, Buffer.from(body));
	const ids = new Set<string | undefined>();
	for (const letter of [first, second])
		for (const _ of [1, 2]) ids.add((await read(first.event.id, letter))?.id);
	assert.equal(ids.size, 2);
	for (const odd of [undefined, "", "a b", "x".repeat(300), ["x"]])
		assert.match((await read(odd, first))?.id ?? "", /^evt-[0-9a-f]{16}$/);
});

test("the official SDK takes our signatures, and signs as we check", async t => {
	const bench = await razorpayBench(t);
	const { fake, provider } = bench;
	const { id, chargeId = "" } = await buy(bench);
	for (const { headers, body } of fake.events) {
		const signature = headers["x-razorpay-signature"] as string;
		assert.ok(validateWebhookSignature(body, signature, fake.webhookSecret));
		assert.ok(await provider.readWebhook(headers, Buffer.from(body)));
	}
	const signature = signPaid(fake.keySecret, id, chargeId);
	assert.equal(fake.checkout(id).razorpay_signature, signature);
	const params = { order_id: id, payment_id: chargeId };
	assert.ok(validatePaymentVerification(params, signature, fake.keySecret));
	const check = (orderId: string, payment: string | undefined, given: string) =>
		provider.checkSignature({ id: orderId, chargeId: payment, method: "razorpay" }, given);
	assert.equal(await check(id, chargeId, signature), true);
	const cheap = await buy(bench, { amountMinor: 100 });
	const theirs = fake.checkout(cheap.id).razorpay_signature;
	assert.equal(await check(id, chargeId, theirs), false, "a pair of a cheap order");
	assert.equal(await check(id, undefined, signature), false);
	assert.equal(await check(id, chargeId, ""), false);
});

test("the statement leaves out what another product was paid", async t => {
	const bench = await razorpayBench(t);
	const ours = await buy(bench);
	const other = await buy(bench);
	bench.fake.books.order(other.id).notes = [];
	const { items, next } = await bench.provider.statement();
	assert.deepEqual([items.map(line => line.id), next], [[ours.id], undefined]);
});
