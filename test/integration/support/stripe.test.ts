import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import Stripe from "stripe";
import { needs, stripe as startMock } from "../../support/servers.ts";
import {
	type FakeStripe,
	needsFakeStripe,
	startFakeStripe,
} from "../../support/stripe/fake-stripe.ts";

const clientOf = (url: string, secretKey = "sk_test_123") =>
	new Stripe(secretKey, {
		host: new URL(url).hostname,
		port: new URL(url).port,
		protocol: "http",
		maxNetworkRetries: 0,
		timeout: 10_000,
	});

const price = {
	amount: 9_999,
	currency: "usd",
	automatic_payment_methods: { enabled: true },
	metadata: { payment_id: "pay_1" },
};

const mock = await needs("stripe");
if (mock) {
	test("stripe-mock takes the SDK's requests and refuses what Stripe does not know", async () => {
		const stripe = clientOf(mock.stripe.url);
		const made = await stripe.paymentIntents.create(price, { idempotencyKey: "pay_1" });
		assert.equal(made.amount, 9_999);
		const refund = await stripe.refunds.create({ payment_intent: made.id, amount: 1 });
		assert.equal(refund.object, "refund");
		for (const wrong of [
			{ ...price, colour: "red" },
			{ ...price, amount: "much" },
		])
			await assert.rejects(stripe.paymentIntents.create(wrong as typeof price), {
				statusCode: 400,
			});
	});

	test("STRIPE_MOCK_URL names the mock, and what is no mock is passed over", async t => {
		const before = process.env.STRIPE_MOCK_URL;
		t.after(() => {
			if (before === undefined) delete process.env.STRIPE_MOCK_URL;
			else process.env.STRIPE_MOCK_URL = before;
		});
		process.env.STRIPE_MOCK_URL = mock.stripe.url;
		assert.deepEqual(
			[(await startMock(t))?.url, (await startMock(t))?.pid],
			[mock.stripe.url, undefined],
		);
		const other = createServer((_request, response) => response.end("{}")).listen(0, "127.0.0.1");
		await once(other, "listening");
		t.after(() => other.close());
		process.env.STRIPE_MOCK_URL = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
		const own = await startMock(t);
		assert.ok(own?.pid);
	});
}

test("without stripe-mock a suite is skipped by name, and fails where CI is set", async t => {
	const home = await mkdtemp(path.join(tmpdir(), "zeolite-no-stripe-"));
	t.after(() => rm(home, { recursive: true }));
	const servers = new URL("../../support/servers.ts", import.meta.url);
	const suite = path.join(home, "suite.test.ts");
	await writeFile(suite, `await (await import(${JSON.stringify(servers)})).needs("stripe");`);
	const run = (CI: string) => {
		const env = { PATH: home, HOME: home, ...(CI && { CI }) };
		return spawnSync(process.execPath, ["--test", suite], { env, encoding: "utf8" });
	};
	const skipped = run("");
	assert.match(skipped.stdout, /needs stripe, which this brings: go install .*stripe-mock@v0/);
	assert.equal(skipped.status, 0);
	assert.equal(run("true").status, 1);
});

if (needsFakeStripe()) {
	const begin = async (t: TestContext, options?: Parameters<typeof startFakeStripe>[1]) => {
		const fake = await startFakeStripe(t, options);
		const stripe = clientOf(fake.url, fake.secretKey);
		const make = (more = {}) => stripe.paymentIntents.create({ ...price, ...more });
		const paid = async (more = {}) => fake.pay((await make(more)).id).id;
		return { fake, stripe, make, paid };
	};
	const typesOf = (fake: FakeStripe) => fake.events.map(({ event }) => event.type);
	const statusOf = async (stripe: Stripe, id: string) =>
		(await stripe.paymentIntents.retrieve(id)).status;

	test("a purchase, with its charge, its fee and its events", async t => {
		const { fake, stripe } = await begin(t);
		const made = await stripe.paymentIntents.create(price);
		assert.equal(made.status, "requires_payment_method");
		assert.match(made.client_secret ?? "", new RegExp(`^${made.id}_secret_`));
		fake.pay(made.id);
		const intent = await stripe.paymentIntents.retrieve(made.id, {
			expand: ["latest_charge.balance_transaction", "latest_charge.refunds"],
		});
		assert.equal(intent.status, "succeeded");
		assert.equal(intent.amount_received, 9_999);
		assert.deepEqual(intent.metadata, { payment_id: "pay_1" });
		const charge = intent.latest_charge as Stripe.Charge;
		assert.equal(charge.paid, true);
		const line = charge.balance_transaction as Stripe.BalanceTransaction;
		assert.deepEqual([line.amount, line.fee, line.net], [9_999, 320, 9_679]);
		assert.deepEqual(charge.refunds?.data, []);
		const { data } = await stripe.balanceTransactions.list({ source: charge.id });
		assert.deepEqual(data, [line]);
		assert.deepEqual(typesOf(fake), [
			"payment_intent.created",
			"charge.succeeded",
			"payment_intent.succeeded",
		]);
		assert.deepEqual(
			[fake.events[0]?.event.request?.idempotency_key, fake.events[1]?.event.request],
			[fake.requests[0]?.idempotencyKey, { id: null, idempotency_key: null }],
		);
	});

	test("3-D Secure is passed, or not and then by another card", async t => {
		const { fake, stripe, make } = await begin(t);
		const [one, other] = [await make(), await make()];
		for (const { id } of [one, other]) {
			fake.pay(id, { threeDSecure: true });
			const asked = await stripe.paymentIntents.retrieve(id);
			assert.deepEqual(
				[asked.status, asked.next_action?.type],
				["requires_action", "redirect_to_url"],
			);
		}
		fake.authenticate(one.id);
		assert.equal(await statusOf(stripe, one.id), "succeeded");
		fake.authenticate(other.id, false);
		const refused = await stripe.paymentIntents.retrieve(other.id);
		assert.equal(refused.status, "requires_payment_method");
		assert.equal(refused.last_payment_error?.code, "payment_intent_authentication_failure");
		assert.equal(refused.last_payment_error?.payment_method?.object, "payment_method");
		fake.pay(other.id);
		const later = await stripe.paymentIntents.retrieve(other.id);
		assert.deepEqual([later.status, later.last_payment_error], ["succeeded", null]);
	});

	test("a declined card leaves a failed charge and an open payment", async t => {
		const { fake, stripe, make } = await begin(t);
		const { id } = await make();
		fake.decline(id, "insufficient_funds");
		const {
			status,
			last_payment_error: error,
			latest_charge,
		} = await stripe.paymentIntents.retrieve(id, { expand: ["latest_charge"] });
		const charge = latest_charge as Stripe.Charge;
		assert.equal(status, "requires_payment_method");
		assert.deepEqual(
			[error?.type, error?.code, error?.decline_code, error?.charge],
			["card_error", "card_declined", "insufficient_funds", charge.id],
		);
		assert.deepEqual(
			[charge.status, charge.paid, charge.failure_code],
			["failed", false, "card_declined"],
		);
		fake.decline(id, "expired_card");
		assert.equal(
			(await stripe.paymentIntents.retrieve(id)).last_payment_error?.code,
			"expired_card",
		);
		fake.pay(id);
		const told = fake.events.flatMap(({ event: { type, data } }) =>
			type.startsWith("payment_intent.")
				? [`${type} ${(data.object as { status: string }).status}`]
				: [],
		);
		assert.deepEqual(told, [
			"payment_intent.created requires_payment_method",
			"payment_intent.payment_failed requires_payment_method",
			"payment_intent.payment_failed requires_payment_method",
			"payment_intent.succeeded succeeded",
		]);
		const open = await make();
		await assert.rejects(stripe.refunds.create({ payment_intent: open.id }), {
			code: "payment_intent_unexpected_state",
		});
	});

	test("a slow method processes, then succeeds or fails, and cannot be canceled meanwhile", async t => {
		const { fake, stripe, make } = await begin(t);
		const [one, other] = [await make(), await make()];
		for (const { id } of [one, other]) {
			fake.pay(id, { processing: true });
			assert.equal(await statusOf(stripe, id), "processing");
			await assert.rejects(stripe.paymentIntents.cancel(id), {
				statusCode: 400,
				code: "payment_intent_unexpected_state",
			});
		}
		fake.process(one.id, "succeeded");
		fake.process(other.id, "failed");
		assert.equal(await statusOf(stripe, one.id), "succeeded");
		assert.equal(await statusOf(stripe, other.id), "requires_payment_method");
		assert.throws(() => fake.process(one.id, "failed"), /is succeeded/);
	});

	test("what is not paid can be canceled, and is then nobody's to pay", async t => {
		const { fake, stripe, make, paid } = await begin(t);
		const { id } = await make();
		fake.pay(id, { threeDSecure: true });
		const canceled = await stripe.paymentIntents.cancel(id, { cancellation_reason: "abandoned" });
		assert.deepEqual([canceled.status, canceled.cancellation_reason], ["canceled", "abandoned"]);
		assert.equal(typesOf(fake).at(-1), "payment_intent.canceled");
		assert.throws(() => fake.authenticate(id), /is canceled/);
		for (const no of [id, await paid()]) {
			const refusal = stripe.paymentIntents.cancel(no);
			await assert.rejects(refusal, { code: "payment_intent_unexpected_state" });
		}
	});

	test("Stripe's test cards confirm a payment from the server", async t => {
		const { stripe, make } = await begin(t);
		const visa = await make({ confirm: true, payment_method: "pm_card_visa" });
		assert.equal(visa.status, "succeeded");
		const { id } = await make();
		await assert.rejects(
			stripe.paymentIntents.confirm(id, { payment_method: "pm_card_chargeDeclined" }),
			{ type: "StripeCardError", statusCode: 402, code: "card_declined" },
		);
		const asked = await stripe.paymentIntents.confirm(id, {
			payment_method: "pm_card_authenticationRequired",
		});
		assert.equal(asked.status, "requires_action");
	});

	test("refunds end where the money ends", async t => {
		const { fake, stripe, paid } = await begin(t);
		const id = await paid();
		const first = await stripe.refunds.create({ payment_intent: id, amount: 6_000 });
		assert.deepEqual([first.status, first.amount], ["succeeded", 6_000]);
		await assert.rejects(stripe.refunds.create({ payment_intent: id, amount: 4_000 }), {
			statusCode: 400,
			rawType: "invalid_request_error",
			message: /greater than unrefunded amount/,
		});
		fake.refundByHand(id);
		await assert.rejects(stripe.refunds.create({ payment_intent: id, amount: 1 }), {
			code: "charge_already_refunded",
		});
		const { data } = await stripe.refunds.list({ payment_intent: id });
		assert.deepEqual(
			data.map(({ amount }) => amount),
			[3_999, 6_000],
		);
		const { latest_charge } = await stripe.paymentIntents.retrieve(id, {
			expand: ["latest_charge"],
		});
		const { refunded, amount_refunded } = latest_charge as Stripe.Charge;
		assert.deepEqual([refunded, amount_refunded], [true, 9_999]);
	});

	test("a refund pends, succeeds and fails after all, and the money is there again", async t => {
		const { fake, stripe, paid } = await begin(t);
		const id = await paid();
		fake.holdRefunds();
		const refund = await stripe.refunds.create({
			payment_intent: id,
			metadata: { refund_id: "ref_1" },
		});
		assert.equal(refund.status, "pending");
		fake.settleRefund(refund.id, "succeeded");
		assert.equal((await stripe.refunds.retrieve(refund.id)).status, "succeeded");
		fake.settleRefund(refund.id, "failed", "lost_or_stolen_card");
		const failed = await stripe.refunds.retrieve(refund.id);
		assert.deepEqual([failed.status, failed.failure_reason], ["failed", "lost_or_stolen_card"]);
		assert.throws(() => fake.settleRefund(refund.id, "succeeded"), /failed for good/);
		fake.failRefundsAs("expired_or_canceled_card");
		const again = await stripe.refunds.create({ payment_intent: id });
		assert.deepEqual([again.status, again.amount], ["failed", 9_999]);
		fake.passRefunds();
		assert.equal((await stripe.refunds.create({ payment_intent: id })).status, "succeeded");
		const lines = await stripe.balanceTransactions.list();
		assert.equal(
			lines.data.reduce((sum, { amount }) => sum + amount, 0),
			0,
		);
		assert.deepEqual(typesOf(fake).slice(3, 10), [
			...["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"],
			...["refund.updated", "charge.refund.updated", "refund.failed"],
		]);
	});

	test("a dispute withdraws the money and stands in the way of a refund until it is won", async t => {
		const { fake, stripe, paid } = await begin(t);
		const [won, lost, asked] = [await paid(), await paid(), await paid()];
		const opened = fake.dispute(won, { amount: 5_000 });
		assert.equal(opened.amount, 5_000);
		fake.dispute(lost, { status: "lost" });
		for (const id of [won, lost])
			await assert.rejects(stripe.refunds.create({ payment_intent: id }), {
				code: "charge_disputed",
			});
		assert.equal(fake.dispute(won, { status: "won" }).id, opened.id);
		await stripe.refunds.create({ payment_intent: won, amount: 1 });
		fake.dispute(asked, { status: "warning_needs_response" });
		await stripe.refunds.create({ payment_intent: asked, amount: 1 });
		const { data } = await stripe.disputes.list({ payment_intent: lost });
		assert.deepEqual(
			data.map(({ status, balance_transactions: [line] }) => [status, line?.amount, line?.fee]),
			[["lost", -9_999, 1_500]],
		);
		const disputes = typesOf(fake).filter(type => type.startsWith("charge.dispute."));
		const begins = ["charge.dispute.created", "charge.dispute.funds_withdrawn"];
		assert.deepEqual(disputes, [
			...[...begins, ...begins, "charge.dispute.updated", "charge.dispute.closed"],
			...["charge.dispute.updated", "charge.dispute.funds_reinstated", "charge.dispute.closed"],
			"charge.dispute.created",
		]);
	});

	test("fees may come later than the money, in another currency", async t => {
		const { fake, stripe, paid } = await begin(t);
		fake.settleIn("eur", 0.5);
		fake.withholdFees();
		const id = await paid();
		const feeOf = async () => {
			const expand = ["latest_charge.balance_transaction"];
			const { latest_charge } = await stripe.paymentIntents.retrieve(id, { expand });
			return (latest_charge as Stripe.Charge)
				.balance_transaction as Stripe.BalanceTransaction | null;
		};
		assert.equal(await feeOf(), null);
		fake.tellFees();
		const line = await feeOf();
		assert.deepEqual([line?.currency, line?.fee, line?.exchange_rate], ["eur", 160, 0.5]);
		assert.equal(typesOf(fake).at(-1), "charge.updated");
	});

	test("lists give each object once, newest first, page by page", async t => {
		const { fake, stripe, make } = await begin(t);
		const made: string[] = [];
		for (let index = 0; index < 7; index++) made.push((await make()).id);
		fake.pay(made[0] as string);
		const listed: Stripe.PaymentIntent[] = [];
		for await (const intent of stripe.paymentIntents.list({
			limit: 3,
			expand: ["data.latest_charge"],
		}))
			listed.push(intent);
		assert.deepEqual(
			listed.map(({ id }) => id),
			made.toReversed(),
		);
		const expanded = listed.map(
			({ latest_charge: charge }) => typeof charge === "object" && charge?.paid,
		);
		assert.equal(expanded.at(-1), true);
		const pages = fake.requests.filter(({ method }) => method === "GET");
		assert.equal(pages.length, 3);
		const future = Math.floor(Date.now() / 1000) + 60;
		assert.equal((await stripe.paymentIntents.list({ created: { gte: future } })).data.length, 0);
		await assert.rejects(stripe.paymentIntents.list({ limit: 101 }), { statusCode: 400 });
		await assert.rejects(stripe.paymentIntents.list({ starting_after: "pi_none" }), {
			code: "resource_missing",
		});
	});

	test("what Stripe does not have or take is refused as Stripe does", async t => {
		const { fake, stripe, make } = await begin(t);
		await assert.rejects(stripe.paymentIntents.retrieve("pi_none"), {
			statusCode: 404,
			code: "resource_missing",
		});
		await assert.rejects(stripe.rawRequest("GET", "/v1/wishes"), { statusCode: 404 });
		await assert.rejects(clientOf(fake.url, "sk_test_other").paymentIntents.list(), {
			type: "StripeAuthenticationError",
		});
		const { id } = await make();
		await assert.rejects(stripe.paymentIntents.retrieve(id, { expand: ["amount"] }), {
			message: /cannot be expanded/,
		});
		for (const [amount, currency, code] of [
			[0, "usd", "parameter_invalid_integer"],
			[49, "usd", "amount_too_small"],
			[100_000_000, "usd", "amount_too_large"],
			[99_991, "kwd", "invalid_charge_amount"],
			[550, "isk", "invalid_charge_amount"],
		])
			await assert.rejects(make({ amount, currency }), { statusCode: 400, code });
		await assert.rejects(make({ currency: "xyz" }), { param: "currency" });
		await assert.rejects(make({ metadata: { long: "x".repeat(501) } }), { statusCode: 400 });
		for (const [amount, currency] of [
			[99_990, "kwd"],
			[500, "isk"],
			[100, "jpy"],
		])
			assert.equal((await make({ amount, currency })).amount, amount);
	});

	test("an idempotency key stands for one request and its answer", async t => {
		const { fake, stripe, make, paid } = await begin(t);
		const under = { idempotencyKey: "pay_1" };
		const first = await stripe.paymentIntents.create(price, under);
		fake.pay(first.id);
		const second = await stripe.paymentIntents.create(price, under);
		assert.deepEqual([second.id, second.status], [first.id, "requires_payment_method"]);
		assert.equal(second.lastResponse.headers["idempotent-replayed"], "true");
		assert.equal(first.lastResponse.headers["idempotent-replayed"], undefined);
		for (let tries = 0; tries < 2; tries++)
			await assert.rejects(stripe.paymentIntents.create({ ...price, amount: 5_000 }, under), {
				type: "StripeIdempotencyError",
				statusCode: 400,
			});
		await assert.rejects(stripe.refunds.create({ payment_intent: first.id }, under), {
			type: "StripeIdempotencyError",
		});
		assert.equal((await stripe.paymentIntents.create(price, under)).id, first.id);
		const [one, other] = [await make(), await make()];
		await stripe.paymentIntents.cancel(one.id, {}, { idempotencyKey: "cancel" });
		await assert.rejects(stripe.paymentIntents.cancel(other.id, {}, { idempotencyKey: "cancel" }), {
			type: "StripeIdempotencyError",
		});

		const id = await paid();
		const refusedUnder = { idempotencyKey: "ref_1" };
		const much = () => stripe.refunds.create({ payment_intent: id, amount: 10_000 }, refusedUnder);
		await assert.rejects(much(), { statusCode: 400 });
		await assert.rejects(much(), ({ headers }) => headers["idempotent-replayed"] === "true");
		const small = { ...price, amount: 1 };
		await assert.rejects(stripe.paymentIntents.create(small, { idempotencyKey: "pay_2" }), {
			code: "amount_too_small",
		});
		await stripe.paymentIntents.create(price, { idempotencyKey: "pay_2" });

		fake.forgetKeys();
		assert.notEqual((await stripe.paymentIntents.create(price, under)).id, first.id);
	});

	test("a failure of Stripe's is kept under its key, whether or not it did the work", async t => {
		const { fake, stripe } = await begin(t);
		for (const applied of [true, false]) {
			const under = { idempotencyKey: `pay_${applied}` };
			fake.next({ status: 500, applied });
			const ask = () => stripe.paymentIntents.create(price, under);
			await assert.rejects(ask(), { type: "StripeAPIError", statusCode: 500 });
			await assert.rejects(ask(), ({ headers }) => headers["idempotent-replayed"] === "true");
		}
		assert.equal(fake.books.intents.size, 1);
	});

	test("what never reached an endpoint, or came from before it, leaves the key free", async t => {
		const { fake, stripe } = await begin(t);
		const ask = (idempotencyKey: string) => stripe.paymentIntents.create(price, { idempotencyKey });
		for (const [status, type] of [
			[429, "StripeRateLimitError"],
			[401, "StripeAuthenticationError"],
			[503, "StripeAPIError"],
		] as const) {
			const key = `pay_${status}`;
			fake.next({ status });
			await assert.rejects(ask(key), { type });
			assert.equal((await ask(key)).object, "payment_intent");
		}
		fake.next({ status: 502, applied: true });
		await assert.rejects(ask("pay_502"), { statusCode: 502 });
		const found = await ask("pay_502");
		assert.equal(found.lastResponse.headers["idempotent-replayed"], "true");
		assert.equal(fake.books.intents.size, 4);
	});

	test("a slow answer holds its key, and a cut connection tells nothing", async t => {
		const { fake, stripe } = await begin(t);
		const ask = (idempotencyKey: string, timeout = 10_000) =>
			stripe.paymentIntents.create(price, { idempotencyKey, timeout });
		const inUse = { statusCode: 409, code: "idempotency_key_in_use" };
		const connection = { type: "StripeConnectionError" };
		const oneId = async (key: string): Promise<string> => {
			const answer = await ask(key).catch(error => error);
			if (answer.code !== inUse.code) return answer.id;
			await sleep(50);
			return oneId(key);
		};
		fake.next({ hangMs: 2_500, applied: true });
		await assert.rejects(ask("slow", 200), connection);
		await assert.rejects(ask("slow"), inUse);
		assert.deepEqual([await oneId("slow")], [...fake.books.intents.keys()]);

		fake.next({ hangMs: 2_500, applied: false });
		await assert.rejects(ask("lost", 200), connection);
		await assert.rejects(ask("lost"), inUse);
		assert.equal(fake.books.intents.size, 1);
		assert.ok(fake.books.intents.has(await oneId("lost")));
		assert.equal(fake.books.intents.size, 2);

		for (const applied of [true, false]) {
			const count: number = fake.books.intents.size;
			const key = `cut ${applied}`;
			// The SDK asks once more when a connection is closed under it.
			fake.next({ on: "POST /v1/payment_intents", reset: true, applied });
			fake.next({ on: "POST /v1/payment_intents", reset: true, applied });
			await assert.rejects(ask(key), connection);
			assert.equal(fake.books.intents.size, count + Number(applied));
			await ask(key);
			assert.equal(fake.books.intents.size, count + 1);
		}
	});

	test("a fault strikes the request it is meant for, once", async t => {
		const { fake, stripe, paid } = await begin(t);
		const id = await paid();
		fake.next({ on: "POST /v1/refunds", status: 500 });
		assert.equal(await statusOf(stripe, id), "succeeded");
		await assert.rejects(stripe.refunds.create({ payment_intent: id }), { statusCode: 500 });
		await stripe.refunds.create({ payment_intent: id });
		assert.deepEqual(
			fake.requests.map(({ method, path, status }) => `${method} ${path} ${status}`),
			[
				"POST /v1/payment_intents 200",
				`GET /v1/payment_intents/${id} 200`,
				...["POST /v1/refunds 500", "POST /v1/refunds 200"],
			],
		);
	});

	test("webhooks hold by the SDK's own check, and what is wrong with them shows", async t => {
		const { fake, stripe, paid } = await begin(t, { livemode: true, webhookSecret: "whsec_new" });
		await paid();
		const check = ({ body, headers }: (typeof fake.events)[number]) =>
			stripe.webhooks.constructEvent(body, headers["stripe-signature"] ?? "", "whsec_new");
		assert.match(fake.secretKey, /^sk_live_/);
		for (const delivery of fake.events) {
			const event = check(delivery);
			assert.equal(event.livemode, true);
			assert.equal(event.id, delivery.event.id);
		}
		for (const delivery of fake.deliveries({ secret: ["whsec_old", "whsec_new"] })) check(delivery);
		for (const wrong of [
			{ secret: "whsec_other" },
			{ secondsOff: -301 },
			{ alter: (body: string) => `${body} ` },
		])
			for (const delivery of fake.deliveries(wrong))
				assert.throws(() => check(delivery), { type: "StripeSignatureVerificationError" });
		const [future] = fake.deliveries({ secondsOff: 3_600 });
		const time = Number(/^t=(\d+)/.exec(future?.headers["stripe-signature"] ?? "")?.[1]);
		assert.ok(Math.abs(time - Date.now() / 1000 - 3_600) < 5);
	});

	test("webhooks are posted until one answer is 2xx, doubled and shuffled as asked", async t => {
		const { fake, paid } = await begin(t);
		for (let index = 0; index < 4; index++) await paid();
		const ids = fake.events.map(({ event }) => event.id);
		const seen: string[] = [];
		let status = 500;
		const receiver = createServer(async (request, response) => {
			const body = (await request.setEncoding("utf8").toArray()).join("");
			seen.push(JSON.parse(body).id);
			response.writeHead(status).end();
		}).listen(0, "127.0.0.1");
		await once(receiver, "listening");
		t.after(() => receiver.close());
		const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;

		const refused = await fake.deliver(url);
		assert.deepEqual(seen, ids);
		assert.deepEqual(
			refused,
			ids.map(event => ({ event, status: 500 })),
		);
		status = 200;
		seen.length = 0;
		await fake.deliver([url, `${url}other`], { times: 3, shuffle: 7 });
		assert.deepEqual(seen.toSorted(), [...ids, ...ids, ...ids].toSorted());
		assert.notDeepEqual(seen.slice(0, ids.length), ids);
		assert.deepEqual(await fake.deliver(url), []);
		await paid();
		assert.equal((await fake.deliver(url, { parallel: 2 })).length, 3);
		receiver.close();
		receiver.closeAllConnections();
		await paid();
		assert.deepEqual(
			await fake.deliver(url),
			fake.events.slice(-3).map(({ event }) => ({ event: event.id })),
		);
	});

	test("the fake breaks with Stripe's OpenAPI in no silence", async t => {
		const { fake, stripe, make } = await begin(t);
		const failing = async (wrong: () => Promise<unknown>, ...problems: RegExp[]) => {
			await assert.rejects(wrong(), { statusCode: 500, message: /OpenAPI does not hold/ });
			const found = fake.violations.splice(0);
			assert.equal(found.length, problems.length, found.join("\n"));
			for (const [index, problem] of problems.entries()) assert.match(found[index] ?? "", problem);
		};
		await failing(() => make({ colour: "red" }), /body: \/ has no colour/);
		await failing(() => make({ amount: "9.99" }), /body: \/amount must be integer/);
		await failing(
			() => make({ automatic_payment_methods: { enabled: true, on: 1 } }),
			/automatic_payment_methods has no on/,
		);
		await failing(
			() => stripe.refunds.create({ reason: "bored" as "duplicate" }),
			/\/reason is not one of its values/,
		);
		await failing(() => stripe.rawRequest("GET", "/v1/refunds?paid=yes"), /query: \/ has no paid/);
		await failing(() => make({ customer: "cus_1" }), /the fake does not know customer/);
		await failing(() => stripe.customers.create(), /the fake does not speak POST \/v1\/customers/);
		assert.equal(fake.books.intents.size, 0);

		const { id } = await make();
		const fetch = () => stripe.paymentIntents.retrieve(id);
		for (const [planted, problem] of [
			[{ amount: "9999" }, /answer: \/amount must be integer/],
			[{ status: "paid" }, /answer: \/status is not one of its values/],
			[{ id: undefined }, /answer: \/ must have required property 'id'/],
			[{ colour: "red" }, /answer: \/ has no colour/],
			[{ last_payment_error: { type: "bad_luck" } }, /\/last_payment_error\/type is not one/],
		] as const) {
			fake.next({ alter: body => ({ ...body, ...planted }) });
			await failing(fetch, problem);
		}
		fake.next({ alter: () => ({ error: { type: "bad_luck" } }) });
		await failing(
			() => stripe.paymentIntents.retrieve("pi_none"),
			/error: \/error\/type is not one/,
		);
		assert.equal((await fetch()).id, id);

		Object.assign(fake.books.intent(id), { metadata: { paid: 1 } });
		fake.pay(id);
		assert.match(fake.violations.join(), /payment_intent: \/metadata\/paid must be string/);
		fake.violations.length = 0;
	});

	test("a violation fails the test it happens in", async () => {
		const after: Array<() => unknown> = [];
		const t = { after: (undo: () => unknown) => after.push(undo) } as unknown as TestContext;
		const { make } = await begin(t);
		await assert.rejects(make({ colour: "red" }));
		assert.equal(after.length, 1);
		await assert.rejects(async () => after[0]?.(), /Stripe's OpenAPI does not hold/);
	});

	test("the SDK speaks a newer version than the document", async t => {
		const { fake, make } = await begin(t);
		await make();
		assert.deepEqual(
			[fake.version, fake.requests[0]?.version],
			["2026-08-26.dahlia", Stripe.API_VERSION],
		);
	});
}
