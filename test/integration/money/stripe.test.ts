import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../kernel/clock.ts";
import { newId } from "../../../kernel/ids.ts";
import type { PaymentProvider, Snapshot } from "../../../services/money/payments/providers/port.ts";
import { stripeProvider } from "../../../services/money/payments/providers/stripe.ts";
import { eventually } from "../../support/http.ts";
import { needs } from "../../support/servers.ts";
import { needsFakeStripe, startFakeStripe } from "../../support/stripe/fake-stripe.ts";
import type { Fault } from "../../support/stripe/server.ts";
import { type StripeBench, stripeBench } from "./benches.ts";

const intentOf = (change: object = {}) => ({
	key: newId("pay"),
	method: "stripe" as const,
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

async function buy({ provider, pay }: StripeBench, change?: object): Promise<Snapshot> {
	const id = await open(provider, change);
	await pay(id);
	return provider.fetch(id);
}

const codeOf = (answer: object) => (answer as { refused?: { code: string } }).refused?.code;

/** Faults after which nobody knows what happened, and how many requests show that nothing was tried again here. */
const faults: readonly { what: string; fault: Fault; twice?: true }[] = [
	{ what: "a 500 before anything happened", fault: { status: 500, stored: false } },
	{ what: "a 500 after it happened", fault: { status: 500, applied: true } },
	{ what: "a 503", fault: { status: 503 } },
	{ what: "a 503 after it happened", fault: { status: 503, applied: true } },
	{ what: "too many requests", fault: { status: 429 } },
	{ what: "a conflict", fault: { status: 409 } },
	{ what: "a key that does not hold", fault: { status: 401 } },
	{ what: "a key that may not", fault: { status: 403 } },
	{ what: "a slow answer", fault: { applied: true, hangMs: 1_500 } },
	{ what: "no answer", fault: { hangMs: 1_500 } },
	{ what: "a reset", fault: { reset: true }, twice: true },
	{ what: "a reset after it happened", fault: { reset: true, applied: true }, twice: true },
];

function conversations(): void {
	describe("what Stripe is sent", () => {
		test("of a payment and a refund: amount, metadata and key, and nothing of the buyer", async t => {
			const bench = await stripeBench(t);
			const { fake, provider } = bench;
			const intent = intentOf({ title: "x".repeat(1_200) });
			const answer = await provider.create(intent);
			assert.ok("opened" in answer);
			await bench.pay(answer.opened.id);
			const order = orderOf(await provider.fetch(answer.opened.id), 6_299);
			await provider.refund(order);
			const writes = fake.requests.filter(({ method }) => method === "POST");
			assert.deepEqual(
				writes.map(({ path, params, idempotencyKey }) => ({ path, params, idempotencyKey })),
				[
					{
						path: "/v1/payment_intents",
						params: {
							amount: 9_999,
							currency: "usd",
							automatic_payment_methods: { enabled: true },
							description: "x".repeat(1_000),
							metadata: { payment_id: intent.key },
						},
						idempotencyKey: intent.key,
					},
					{
						path: "/v1/refunds",
						params: {
							payment_intent: order.id,
							amount: 6_299,
							metadata: { refund_id: order.key },
						},
						idempotencyKey: order.key,
					},
				],
			);
			assert.deepEqual(new Set(fake.requests.map(({ version }) => version)).size, 1);
		});

		for (const [currency, amountMinor, sent] of [
			["USD", 9_999, 9_999],
			["JPY", 500, 500],
			["KWD", 5_120, 5_120],
			["ISK", 5, 500],
			["MGA", 50_000, 500],
		] as const)
			test(`${sent} for ${amountMinor} minor units of ${currency}, in a refund too`, async t => {
				const bench = await stripeBench(t);
				const paid = await buy(bench, { currency, amountMinor });
				await bench.provider.refund(orderOf(paid, amountMinor));
				const amounts = bench.fake.requests
					.filter(({ method }) => method === "POST")
					.map(({ params }) => params.amount);
				assert.deepEqual(amounts, [sent, sent]);
			});

		test("never an amount it does not take", async t => {
			const { fake, provider } = await stripeBench(t);
			for (const [currency, amountMinor] of [
				["KWD", 5_124],
				["MGA", 50_020],
				["UGX", 50_000],
				["IQD", 5_000],
				["XXX", 100],
			] as const) {
				assert.equal(
					codeOf(await provider.create(intentOf({ currency, amountMinor }))),
					"amount_not_supported",
				);
				const order = { key: "rfd_1", id: "pi_1", chargeId: "ch_1", amountMinor, currency };
				assert.equal(codeOf(await provider.refund(order)), "amount_not_supported");
			}
			assert.deepEqual(fake.requests, []);
			assert.equal(codeOf(await provider.create(intentOf({ amountMinor: 1 }))), "amount_too_small");
		});
	});

	describe("3-D Secure", () => {
		test("stays open while it is asked for, then paid, or declined without a charge", async t => {
			const { fake, provider } = await stripeBench(t);
			const id = await open(provider);
			fake.pay(id, { threeDSecure: true });
			assert.equal((await provider.fetch(id)).status, "open");
			fake.authenticate(id, false);
			const { status, failure } = await provider.fetch(id);
			assert.deepEqual([status, failure?.code], ["open", "payment_intent_authentication_failure"]);
			assert.match(failure?.id ?? "", /^[A-Za-z0-9_-]+$/);
			assert.deepEqual((await provider.fetch(id)).failure, failure);
			fake.pay(id, { threeDSecure: true });
			fake.authenticate(id);
			assert.equal((await provider.fetch(id)).status, "paid");
		});
	});

	describe("whatever goes wrong while a payment is made", () => {
		for (const { what, fault, twice } of faults)
			test(`${what}: unknown, asked once, and the same key makes the one payment`, async t => {
				const { fake, provider, hurried } = await stripeBench(t);
				await provider.statement();
				const intent = intentOf();
				const on = "POST /v1/payment_intents";
				for (let i = 0; i < (twice ? 2 : 1); i++) fake.next({ on, ...fault });
				await assert.rejects(hurried.create(intent));
				const tries = fake.requests.filter(({ method }) => method === "POST");
				assert.equal(tries.length, twice ? 2 : 1);
				assert.deepEqual(new Set(tries.map(each => each.idempotencyKey)), new Set([intent.key]));
				const answer = await eventually(
					() => provider.create(intent).catch(() => null),
					found => found !== null,
				);
				assert.ok(answer && "opened" in answer, JSON.stringify(answer));
				assert.ok(answer.opened.clientSecret);
				assert.equal(fake.books.intents.size, 1);
			});

		test("one reset is healed under the same key", async t => {
			const { fake, provider } = await stripeBench(t);
			fake.next({ on: "POST /v1/payment_intents", applied: true, reset: true });
			await open(provider);
			assert.equal(fake.books.intents.size, 1);
		});

		test("a failure that Stripe keeps under the key is a refusal: nobody can pay it", async t => {
			const { fake, provider } = await stripeBench(t);
			const intent = intentOf();
			fake.next({ on: "POST /v1/payment_intents", status: 500 });
			await assert.rejects(provider.create(intent));
			for (const _ of [1, 2]) assert.equal(codeOf(await provider.create(intent)), "api_error");
			assert.equal(fake.books.intents.size, 0);
		});
	});

	describe("whatever goes wrong while money is given back", () => {
		for (const { what, fault, twice } of faults)
			test(`${what}: unknown, asked once, and the same key gives it back once`, async t => {
				const bench = await stripeBench(t);
				const { fake, provider, hurried } = bench;
				const paid = await buy(bench);
				const order = orderOf(paid, 5_000);
				await provider.refund(orderOf(paid, 100));
				const before = fake.requests.length;
				const on = "POST /v1/refunds";
				for (let i = 0; i < (twice ? 2 : 1); i++) fake.next({ on, ...fault });
				await assert.rejects(hurried.refund(order));
				const tries = fake.requests.slice(before).filter(({ method }) => method === "POST");
				assert.equal(tries.length, twice ? 2 : 1);
				const answer = await eventually(
					() => provider.refund(order).catch(() => null),
					found => found !== null,
				);
				assert.ok(answer && "refund" in answer, JSON.stringify(answer));
				const { refunds } = await provider.fetch(paid.id);
				assert.deepEqual(refunds.map(({ key, amountMinor }) => [key, amountMinor])[0], [
					order.key,
					5_000,
				]);
				assert.equal(refunds.length, 2);
			});

		test("a failure that Stripe keeps under the key stays unknown until it forgets it", async t => {
			const bench = await stripeBench(t);
			const { fake, provider } = bench;
			const paid = await buy(bench);
			const order = orderOf(paid, 5_000);
			fake.next({ on: "POST /v1/refunds", status: 500 });
			for (const _ of [1, 2, 3]) await assert.rejects(provider.refund(order));
			fake.forgetKeys();
			assert.ok("refund" in (await provider.refund(order)));
			fake.forgetKeys();
			assert.ok("refund" in (await provider.refund(order)));
			assert.equal((await provider.fetch(paid.id)).refunds.length, 1);
		});
	});

	test("whatever goes wrong while it is asked or closed: unknown, and the next time is right", async t => {
		const { fake, provider } = await stripeBench(t);
		const id = await open(provider);
		for (const fault of [{ status: 500 }, { status: 429 }, { status: 401 }]) {
			fake.next({ on: "GET", ...fault });
			await assert.rejects(provider.fetch(id));
			fake.next({ on: "POST", ...fault });
			await assert.rejects(provider.cancel(id));
		}
		fake.next({ on: "POST", status: 500, applied: true });
		await assert.rejects(provider.cancel(id));
		assert.equal((await provider.cancel(id)).status, "canceled");
	});

	test("a list of refunds or disputes that does not come is no empty list", async t => {
		const bench = await stripeBench(t);
		const { id } = await buy(bench);
		for (const on of ["GET /v1/refunds", "GET /v1/disputes"]) {
			bench.fake.next({ on, status: 503 });
			await assert.rejects(bench.provider.fetch(id));
		}
	});

	test("a slow answer is given up before the till's 5 s", async t => {
		const fake = await startFakeStripe(t);
		const provider = stripeProvider({
			secretKey: fake.secretKey,
			webhookSecrets: [],
			apiBase: fake.url,
			clock: systemClock,
		});
		await provider.statement();
		fake.next({ hangMs: 8_000, applied: true });
		const before = performance.now();
		const stated = provider.statement().then(
			() => "answered",
			() => "given up",
		);
		assert.equal(
			await Promise.race([stated, sleep(5_000, "the till waits no longer")]),
			"given up",
		);
		assert.ok(performance.now() - before > 4_000);
	});

	test("more refunds than one page are all there", async t => {
		const bench = await stripeBench(t);
		const { id } = await buy(bench);
		for (let i = 0; i < 103; i++) bench.fake.refundByHand(id, 50);
		const { refunds } = await bench.provider.fetch(id);
		assert.equal(new Set(refunds.map(refund => refund.id)).size, 103);
	});

	test("the fee is told once it is known, in what it is settled in", async t => {
		const bench = await stripeBench(t);
		const { fake, provider } = bench;
		assert.deepEqual((await buy(bench)).fee, { amountMinor: 320, currency: "USD" });
		fake.settleIn("eur", 0.5);
		fake.withholdFees();
		const { id, fee } = await buy(bench);
		assert.equal(fee, undefined);
		fake.tellFees();
		const { headers, body } = await bench.webhook("charge.updated");
		const event = await provider.readWebhook(headers, body);
		assert.deepEqual([event?.kind, event?.gatewayId], ["refund", id]);
		assert.deepEqual((await provider.fetch(id)).fee, { amountMinor: 160, currency: "EUR" });
	});

	test("an inquiry holds no money until it becomes a dispute", async t => {
		const bench = await stripeBench(t);
		const { fake, provider } = bench;
		const { id } = await buy(bench);
		fake.dispute(id, { status: "warning_needs_response" });
		assert.deepEqual((await provider.fetch(id)).disputes, []);
		fake.dispute(id, { status: "needs_response" });
		assert.deepEqual(
			(await provider.fetch(id)).disputes.map(({ status }) => status),
			["open"],
		);
	});

	test("each event that Stripe sends is read, and leads to its payment", async t => {
		const bench = await stripeBench(t);
		const { fake, provider } = bench;
		const id = await open(provider);
		await bench.decline(id);
		await bench.process(id);
		await bench.endProcessing(id, "succeeded");
		const { id: refundId } = fake.refundByHand(id, 100);
		await bench.settleRefund(id, refundId, "failed");
		await bench.dispute(id, "open");
		await bench.dispute(id, "won");
		await provider.cancel(await open(provider));
		const kinds = new Map<string, string | undefined>();
		for (const { event, headers, body } of fake.events) {
			const read = await provider.readWebhook(headers, Buffer.from(body));
			kinds.set(event.type, read?.kind);
			if (read && read.kind !== "other" && event.type !== "payment_intent.canceled")
				assert.equal(read.gatewayId, id, event.type);
		}
		assert.deepEqual(Object.fromEntries([...kinds].sort()), {
			"charge.dispute.closed": "dispute",
			"charge.dispute.created": "dispute",
			"charge.dispute.funds_reinstated": "dispute",
			"charge.dispute.funds_withdrawn": "dispute",
			"charge.dispute.updated": "dispute",
			"charge.failed": "other",
			"charge.pending": "other",
			"charge.refund.updated": "refund",
			"charge.refunded": "refund",
			"charge.succeeded": "other",
			"payment_intent.canceled": "canceled",
			"payment_intent.created": "other",
			"payment_intent.payment_failed": "failed",
			"payment_intent.processing": "failed",
			"payment_intent.succeeded": "paid",
			"refund.created": "refund",
			"refund.failed": "refund",
			"refund.updated": "refund",
		});
	});

	test("an event of the other mode is another, whichever the key's is", async t => {
		for (const livemode of [false, true]) {
			const fake = await startFakeStripe(t, { livemode });
			const { secretKey, webhookSecret, url } = fake;
			const kindFor = async (key: string) => {
				const provider = stripeProvider({
					secretKey: key,
					webhookSecrets: [webhookSecret],
					apiBase: url,
					clock: systemClock,
				});
				const { headers, body } = fake.events.at(-1) as (typeof fake.events)[number];
				return (await provider.readWebhook(headers, Buffer.from(body)))?.kind;
			};
			const settings = { webhookSecrets: [], apiBase: url, clock: systemClock };
			fake.pay(await open(stripeProvider({ secretKey, ...settings })));
			const mode = livemode ? "live" : "test";
			const other = livemode ? "test" : "live";
			for (const kind of ["sk", "rk"]) {
				assert.equal(await kindFor(`${kind}_${mode}_1`), "paid");
				assert.equal(await kindFor(`${kind}_${other}_1`), "other");
			}
		}
	});

	test("the statement leaves out what another product was paid", async t => {
		const bench = await stripeBench(t);
		const ours = await buy(bench);
		const { id } = bench.fake.books.intents.get(await open(bench.provider)) as { id: string };
		const other = bench.fake.books.intents.get(id);
		if (other) other.metadata = { order: "1" };
		await bench.pay(id);
		const { items, next } = await bench.provider.statement();
		assert.deepEqual([items.map(line => line.id), next], [[ours.id], undefined]);
	});
}

if (needsFakeStripe()) conversations();

/** stripe-mock, whose payments are all paid: so that each request there is comes to it. */
async function paidThere(t: TestContext, url: string): Promise<string> {
	const server = createServer(async (request, response) => {
		const body = Buffer.concat(await request.toArray());
		const { authorization = "", "content-type": type = "" } = request.headers;
		const answer = await fetch(new URL(request.url ?? "", url), {
			method: request.method ?? "GET",
			headers: { authorization, "content-type": type },
			...(body.length > 0 && { body }),
		});
		const text = await answer.text();
		response.writeHead(answer.status, { "content-type": "application/json" });
		response.end(text.replace(/("status":\s*)"requires_payment_method"/g, '$1"succeeded"'));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	t.after(() => server.closeAllConnections());
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const servers = await needs("stripe");
if (servers)
	test("stripe-mock takes each request, whose shape it holds against Stripe's OpenAPI", async t => {
		const asked: string[] = [];
		for (const apiBase of [servers.stripe.url, await paidThere(t, servers.stripe.url)]) {
			const provider = stripeProvider({
				secretKey: "sk_test_123",
				webhookSecrets: [],
				apiBase,
				clock: systemClock,
			});
			for (const [currency, amountMinor] of [
				["USD", 9_999],
				["ISK", 5],
				["KWD", 5_120],
			] as const) {
				const id = await open(provider, { currency, amountMinor });
				asked.push((await provider.fetch(id)).status);
				const order = { key: newId("rfd"), id, chargeId: "ch_1", amountMinor, currency };
				assert.ok("refund" in (await provider.refund(order)));
				assert.equal((await provider.cancel(id)).id.startsWith("pi_"), true);
			}
			const { next } = await provider.statement();
			await provider.statement(next ?? "pi_1");
		}
		assert.deepEqual(asked, ["open", "open", "open", "paid", "paid", "paid"]);
	});
