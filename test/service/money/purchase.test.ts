import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { shelf } from "./shelf.ts";
import { openShop, problemOf } from "./shop.ts";

const parallel = <T>(count: number, run: (n: number) => Promise<T>): Promise<T[]> =>
	Promise.all(Array.from({ length: count }, (_, n) => run(n)));

describe("a purchase", () => {
	test("opens, is paid, is captured once and leads to what was bought", async t => {
		const { buy, complete, post, get, buyer, base } = await openShop(t);
		const { status, body: payment } = await buy();
		assert.equal(status, 201);
		const { id, clientSecret, createdAt, expiresAt } = payment;
		assert.match(id, /^pay_[0-9a-f-]{36}$/);
		assert.match(payment.paymentGatewayId, /^pi_sandbox_/);
		assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 86_400_000);
		assert.deepEqual(payment, {
			id,
			payable: { kind: "widget", id: "w1" },
			userId: buyer.user.id,
			status: "requires_action",
			amount: 99.99,
			amountMinor: 9_999,
			currency: "USD",
			paymentMethod: "stripe",
			sandbox: true,
			paymentGatewayId: payment.paymentGatewayId,
			clientSecret,
			checkoutUrl: `${base}/sandbox/checkout/${id}?secret=${clientSecret}`,
			createdAt,
			expiresAt,
		});
		const unpaid = await post(`/api/payments/${id}/verify`, {});
		assert.deepEqual(
			[...problemOf(unpaid), unpaid.body.paymentStatus],
			[409, "PAYMENT_NOT_COMPLETED", "requires_action"],
		);

		const paid = await complete(id, "succeed");
		assert.deepEqual([paid.status, paid.body.status], [200, "captured"]);
		const verified = await post(`/api/payments/${id}/verify`, {
			paymentGatewayId: payment.paymentGatewayId,
			signature: "stripe signs nothing for the buyer",
		});
		assert.equal(verified.status, 200, JSON.stringify(verified.body));
		assert.deepEqual(verified.body.enrollment, { widget: "w1" });
		const shown = (await get(`/api/payments/${id}`)).body;
		assert.deepEqual(verified.body.payment, shown);
		assert.deepEqual([shown.clientSecret, shown.checkoutUrl], [undefined, undefined]);
		assert.deepEqual(shelf.captured, [
			{
				paymentId: id,
				userId: buyer.user.id,
				payable: { kind: "widget", id: "w1" },
				amountMinor: 9_999,
				currency: "USD",
				provider: "sandbox",
			},
		]);
		assert.deepEqual(problemOf(await buy()), [409, "ALREADY_ENROLLED"]);
	});

	test("says what is wrong with the request", async t => {
		const { post, buy } = await openShop(t);
		const pathOf = async (body: object) => {
			const answer = await post("/api/payments", { paymentMethod: "stripe", ...body });
			assert.deepEqual(problemOf(answer), [422, "VALIDATION_ERROR"]);
			return answer.body.errors[0].path;
		};
		assert.equal(await pathOf({}), "/courseId");
		assert.equal(await pathOf({ courseId: "c", payable: { kind: "widget", id: "w" } }), "/payable");
		assert.equal(await pathOf({ payable: { kind: "gadget", id: "w" } }), "/payable/kind");
		assert.equal(await pathOf({ payable: { kind: "widget" } }), "/payable/id");
		assert.equal(await pathOf({ courseId: "c", paymentMethod: "cash" }), "/paymentMethod");
		assert.equal(await pathOf({ courseId: "c", amount: "99.99" }), "/amount");
		for (const wrong of [{ amount: 1 }, { amount: 99.991 }, { amount: 99.99, currency: "EUR" }]) {
			const answer = await buy("w1", wrong);
			const { amount, amountMinor, currency } = answer.body;
			assert.deepEqual(problemOf(answer), [422, "AMOUNT_MISMATCH"]);
			assert.deepEqual([amount, amountMinor, currency], [99.99, 9_999, "USD"]);
		}
		assert.equal((await buy("w1", { amount: 99.99, currency: "USD" })).status, 201);
	});

	test("keeps to the price in a currency without decimals", async t => {
		const { buy } = await openShop(t);
		Object.assign(shelf, { priceMinor: 1_050, currency: "JPY" });
		const { body } = await buy("w1", { amount: 1050, currency: "JPY" });
		assert.deepEqual([body.amount, body.amountMinor], [1050, 1_050]);
	});

	test("is one payment of twenty at once", async t => {
		const { buy, get, stores } = await openShop(t);
		const answers = await parallel(20, () => buy());
		assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array(19).fill(200), 201]);
		assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
		assert.equal((await get("/api/payments")).body.total, 1);
		assert.equal(await stores.intents.count({}), 1);
	});

	test("taken up again under the same seed is the first answer", async t => {
		const { call, buyer, stores, complete } = await openShop(t);
		const params = { payable: { kind: "widget", id: "w1" }, paymentMethod: "stripe" } as const;
		const seeded = { headers: { token: buyer.token, seed: "key_1" } };
		const first = await call("payments.create", params, seeded);
		await complete(first.id, "succeed");
		const again = await call("payments.create", params, seeded);
		assert.deepEqual([again.id, again.status], [first.id, "captured"]);
		assert.equal(await stores.payments.count({}), 1);
	});

	test("is only the buyer's: others see none, admins see, nobody else completes", async t => {
		const { node, buy, get, post, complete } = await openShop(t);
		const { id } = (await buy()).body;
		const { token: other } = await signUp(node);
		const { token: admin } = await signUp(node, { role: "admin" });
		assert.deepEqual(problemOf(await get(`/api/payments/${id}`, other)), [
			404,
			"PAYMENT_NOT_FOUND",
		]);
		assert.equal((await get("/api/payments", other)).body.total, 0);
		for (const path of ["cancel", "verify"])
			assert.deepEqual(problemOf(await post(`/api/payments/${id}/${path}`, {}, other)), [
				404,
				"PAYMENT_NOT_FOUND",
			]);
		const completing = `/api/sandbox/payments/${id}/complete`;
		const outcome = { outcome: "succeed" };
		assert.deepEqual(problemOf(await post(completing, outcome, other)), [404, "PAYMENT_NOT_FOUND"]);
		assert.deepEqual(problemOf(await post(completing, outcome, admin)), [403, "FORBIDDEN"]);
		assert.deepEqual(problemOf(await post(completing, outcome, "")), [401, "UNAUTHENTICATED"]);
		assert.equal((await get(`/api/payments/${id}`, admin)).body.id, id);
		assert.equal((await complete(id, "succeed")).body.status, "captured");
	});
});

describe("another create", () => {
	test("with another price or method cancels the open one first, at the sandbox too", async t => {
		const { buy, get, complete, stores } = await openShop(t);
		const first = (await buy()).body;
		shelf.priceMinor = 7_900;
		const second = await buy();
		assert.deepEqual([second.status, second.body.amount], [201, 79]);
		const third = await buy("w1", { paymentMethod: "razorpay" });
		assert.equal(third.status, 201);
		assert.match(third.body.paymentGatewayId, /^order_sandbox_/);
		for (const old of [first, second.body]) {
			assert.equal((await get(`/api/payments/${old.id}`)).body.status, "canceled");
			assert.equal((await stores.intents.get(old.paymentGatewayId))?.status, "canceled");
			assert.equal((await complete(old.id, "succeed")).body.status, "canceled");
		}
		assert.equal((await complete(third.body.id, "succeed")).body.status, "captured");
		assert.equal(shelf.captured.length, 1);
	});

	test("finds that the open one was paid, settles it and answers with it", async t => {
		const { buy, complete } = await openShop(t);
		const first = (await buy()).body;
		await complete(first.id, "timeout");
		const { status, body } = await buy("w1", { paymentMethod: "razorpay" });
		assert.deepEqual([status, body.id, body.status], [200, first.id, "captured"]);
	});

	test("answers with what is paid and not handed out yet", async t => {
		const { buy, complete, stores } = await openShop(t);
		shelf.closed = true;
		const first = (await buy()).body;
		await complete(first.id, "succeed");
		const { status, body } = await buy();
		assert.deepEqual([status, body.id, body.status], [200, first.id, "captured"]);
		assert.equal(await stores.payments.count({}), 1);
	});
});

describe("cancel", () => {
	test("closes at the sandbox too, once", async t => {
		const { buy, post, stores, complete } = await openShop(t);
		const payment = (await buy()).body;
		const canceled = await post(`/api/payments/${payment.id}/cancel`);
		assert.deepEqual([canceled.status, canceled.body.status], [200, "canceled"]);
		assert.equal((await stores.intents.get(payment.paymentGatewayId))?.status, "canceled");
		const again = await post(`/api/payments/${payment.id}/cancel`);
		assert.deepEqual(
			[...problemOf(again), again.body.paymentStatus],
			[409, "PAYMENT_NOT_OPEN", "canceled"],
		);
		const verified = await post(`/api/payments/${payment.id}/verify`, {});
		assert.deepEqual(
			[verified.status, verified.body.payment.status, verified.body.enrollment],
			[200, "canceled", null],
		);
		assert.equal((await complete(payment.id, "succeed")).body.status, "canceled");
		assert.equal((await buy()).status, 201);
		assert.deepEqual(shelf.captured, []);
	});

	test("settles what turns out to be paid, and says so", async t => {
		const { buy, post, complete } = await openShop(t);
		const { id } = (await buy()).body;
		await complete(id, "timeout");
		const answer = await post(`/api/payments/${id}/cancel`);
		assert.deepEqual(
			[...problemOf(answer), answer.body.paymentStatus],
			[409, "PAYMENT_NOT_OPEN", "captured"],
		);
		await eventually(
			async () => shelf.captured.length,
			count => count === 1,
		);
	});

	test("taken up again under the same seed is the first answer", async t => {
		const { buy, call, buyer } = await openShop(t);
		const { id } = (await buy()).body;
		const seeded = { headers: { token: buyer.token, seed: "key_1" } };
		const first = await call("payments.cancel", { id }, seeded);
		assert.deepEqual(await call("payments.cancel", { id }, seeded), first);
		await assert.rejects(
			call("payments.cancel", { id }, { headers: { ...seeded.headers, seed: "key_2" } }),
			{ type: "PAYMENT_NOT_OPEN" },
		);
	});

	test("or expiry, and then the money comes: it is captured all the same", async t => {
		const { buy, call, clock, post, event, stores, get } = await openShop(t);
		const { id, paymentGatewayId } = (await buy()).body;
		clock.aheadMs = 86_400_000;
		assert.deepEqual(await call("payments.expire"), { expired: 1 });
		assert.equal((await call("payments.describe", { id })).status, "expired");
		assert.equal((await stores.intents.get(paymentGatewayId))?.status, "canceled");
		await stores.intents.advance(
			{ id: paymentGatewayId },
			{ $set: { status: "paid", chargeId: "ch_late" } },
		);
		const data = { id: paymentGatewayId, key: id };
		assert.equal((await event({ id: "evt_late", type: "payment.paid", data })).status, 200);
		clock.aheadMs = 0;
		assert.equal((await get(`/api/payments/${id}`)).body.status, "captured");
		const verified = await post(`/api/payments/${id}/verify`, {});
		assert.deepEqual(verified.body.enrollment, { widget: "w1" });
		assert.equal(shelf.captured.length, 1);
	});
});

describe("verify", () => {
	test("takes the provider's id and signature only if they are of this payment", async t => {
		const { buy, post, complete, get } = await openShop(t);
		const { id, paymentGatewayId } = (await buy("w1", { paymentMethod: "razorpay" })).body;
		const verify = (body: object) => post(`/api/payments/${id}/verify`, body);
		const paid = await complete(id, "timeout");
		assert.match(paid.body.signature, /^[0-9a-f]{64}$/);
		const other = (await buy("w2", { paymentMethod: "razorpay" })).body;
		const { signature: others } = (await complete(other.id, "succeed")).body;
		for (const wrong of [
			{ paymentGatewayId: other.paymentGatewayId },
			{ paymentGatewayId, signature: "0".repeat(64) },
			{ paymentGatewayId, signature: others },
			{ paymentGatewayId, signature: "" },
		])
			assert.deepEqual(problemOf(await verify(wrong)), [422, "PAYMENT_MISMATCH"]);
		assert.equal((await get(`/api/payments/${id}`)).body.status, "requires_action");
		const { signature } = paid.body;
		for (let repeat = 0; repeat < 2; repeat++)
			assert.equal((await verify({ paymentGatewayId, signature })).status, 200);
		assert.deepEqual(problemOf(await verify({ signature: others })), [422, "PAYMENT_MISMATCH"]);
	});

	test("captures once of twenty at once", async t => {
		const { buy, post, complete } = await openShop(t);
		const { id } = (await buy()).body;
		assert.equal((await complete(id, "timeout")).body.status, "requires_action");
		const answers = await parallel(20, () =>
			eventually(
				() => post(`/api/payments/${id}/verify`, {}),
				({ status, body }) => status === 200 && body.enrollment !== null,
			),
		);
		for (const { status, body } of answers)
			assert.deepEqual(
				[status, body.payment?.status, body.enrollment],
				[200, "captured", { widget: "w1" }],
			);
		assert.equal(shelf.captured.length, 1);
	});

	test("waits 2 s for what was bought, and is right without it", async t => {
		const { buy, post, complete } = await openShop(t);
		shelf.closed = true;
		const { id } = (await buy()).body;
		await complete(id, "succeed");
		const start = performance.now();
		const { status, body } = await post(`/api/payments/${id}/verify`, {});
		const took = performance.now() - start;
		assert.deepEqual([status, body.payment.status, body.enrollment], [200, "captured", null]);
		assert.ok(took >= 2_000, `${took} ms`);
	});

	test("does not capture another amount than was asked for", async t => {
		const { buy, post, complete, get, stores } = await openShop(t);
		const { id, paymentGatewayId } = (await buy()).body;
		await stores.intents.advance({ id: paymentGatewayId }, { $set: { amountMinor: 1 } });
		await complete(id, "succeed");
		assert.deepEqual(problemOf(await post(`/api/payments/${id}/verify`, {})), [
			422,
			"PAYMENT_MISMATCH",
		]);
		const { status, review } = (await get(`/api/payments/${id}`)).body;
		assert.deepEqual([status, review], ["requires_action", "amount differs"]);
		assert.deepEqual(shelf.captured, []);
	});
});

describe("the sandbox", () => {
	test("decline leaves it open and tells the buyer once for each attempt", async t => {
		const { buy, complete, event, call, post } = await openShop(t);
		const { id } = (await buy()).body;
		for (const attempt of [1, 2]) {
			const { status, body } = await complete(id, "decline");
			assert.deepEqual(
				[status, body.status, body.lastError.code],
				[200, "requires_action", "card_declined"],
			);
			const told = await eventually(
				async () => shelf.failed,
				failed => failed.length >= attempt,
			);
			assert.equal(told.length, attempt);
		}
		await call("payments.settle", { id });
		await event({ id: "evt_x", type: "payment.failed", data: { key: id } });
		assert.deepEqual(shelf.failed[0], {
			paymentId: id,
			userId: shelf.failed[0]?.userId,
			payable: { kind: "widget", id: "w1" },
			reason: "card_declined",
		});
		assert.deepEqual(problemOf(await post(`/api/payments/${id}/verify`, {})), [
			409,
			"PAYMENT_NOT_COMPLETED",
		]);
		const paid = (await complete(id, "succeed")).body;
		assert.deepEqual([paid.status, paid.lastError], ["captured", undefined]);
		assert.equal((await complete(id, "decline")).body.status, "captured");
		assert.equal(shelf.failed.length, 2);
	});

	test("timeout: silence until a succeed, which sends what was withheld", async t => {
		const { buy, complete, call, clock, get } = await openShop(t);
		const { id } = (await buy()).body;
		assert.equal((await complete(id, "timeout")).body.status, "requires_action");
		clock.aheadMs = 600_000;
		await call("sandbox.deliver");
		clock.aheadMs = 0;
		for (const outcome of ["timeout", "late", "decline"])
			assert.equal((await complete(id, outcome)).body.status, "requires_action");
		assert.equal((await get(`/api/payments/${id}`)).body.status, "requires_action");
		assert.equal((await complete(id, "succeed")).body.status, "captured");
	});

	test("late: by itself after 5 s", async t => {
		const { buy, complete, get } = await openShop(t);
		const { id } = (await buy()).body;
		const start = Date.now();
		assert.equal((await complete(id, "late")).body.status, "requires_action");
		await eventually(
			() => get(`/api/payments/${id}`),
			({ body }) => body.status === "captured",
		);
		const took = Date.now() - start;
		assert.ok(took >= 5_000, `${took} ms`);
		assert.equal(shelf.captured.length, 1);
	});

	test("each repeated succeed sends the webhook again, and changes nothing", async t => {
		const { buy, complete, stores } = await openShop(t);
		const { id } = (await buy()).body;
		const answers = await parallel(20, () => complete(id, "succeed"));
		const again = await complete(id, "succeed");
		for (const { status, body } of [...answers, again])
			assert.deepEqual([status, body.status], [200, "captured"]);
		assert.equal(await stores.events.count({}), 1);
		assert.equal(shelf.captured.length, 1);
	});

	test("keeps its record and its webhooks over a restart of everything", async t => {
		const dir = await mkdtemp(join(tmpdir(), "zeolite-money-"));
		t.after(() => rm(dir, { recursive: true, force: true }));
		const before = await openShop(t, { DATA_DIR: dir });
		const late = (await before.buy("w1")).body;
		const withheld = (await before.buy("w2")).body;
		const open = (await before.buy("w3")).body;
		await before.complete(late.id, "late");
		await before.complete(withheld.id, "timeout");
		await before.node.stop();

		const after = await openShop(t, { DATA_DIR: dir });
		const statusOf = async (id: string) => (await after.call("payments.describe", { id })).status;
		after.clock.aheadMs = 5_000;
		await after.call("sandbox.deliver");
		assert.equal(await statusOf(late.id), "captured");
		assert.equal(await statusOf(withheld.id), "requires_action");
		after.clock.aheadMs = 0;
		const play = async ({ id, clientSecret: secret }: { id: string; clientSecret: string }) =>
			(await after.post(`/sandbox/checkout/${id}`, { secret, outcome: "succeed" })).body.status;
		assert.equal(await play(withheld), "captured");
		assert.equal(await play(open), "captured");
	});

	test("has a checkout page that its secret alone opens", async t => {
		const { base, buy, get } = await openShop(t);
		const { id, checkoutUrl, clientSecret: secret } = (await buy()).body;
		const page = await fetch(checkoutUrl);
		assert.equal(page.status, 200);
		assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
		const html = await page.text();
		assert.match(html, /Widget &lt;w1&gt;/);
		for (const [, path] of html.matchAll(/<(?:link|script)[^>]* (?:href|src)="([^"]+)"/g)) {
			const file = await fetch(`${base}${path}`);
			assert.equal(file.status, 200, path);
			assert.match(file.headers.get("content-type") ?? "", /^text\/(?:css|javascript)/);
			assert.ok((await file.text()).length > 100);
		}
		const press = (body: object) =>
			fetch(`${base}/sandbox/checkout/${id}`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify(body),
			});
		for (const wrong of ["", secret.slice(1), `${secret}0`]) {
			assert.equal((await fetch(`${base}/sandbox/checkout/${id}?secret=${wrong}`)).status, 404);
			assert.equal((await press({ secret: wrong, outcome: "succeed" })).status, 404);
		}
		assert.equal((await get(`/sandbox/checkout/${id}`)).status, 404);
		assert.equal((await press({ secret, outcome: "steal" })).status, 422);
		assert.equal((await press({ secret, outcome: "succeed" })).status, 200);
		assert.equal((await get(`/api/payments/${id}`)).body.status, "captured");
		assert.match(await (await fetch(checkoutUrl)).text(), /Paid\./);
	});

	test("is nowhere where it is off: no route, page, action or method", async t => {
		const { node, base, buy, post } = await openShop(t, { SANDBOX: "off" });
		assert.deepEqual(problemOf(await buy()), [422, "PAYMENT_METHOD_UNAVAILABLE"]);
		for (const path of [
			"/sandbox/checkout/pay_1?secret=x",
			"/sandbox/checkout.js",
			"/sandbox/checkout.css",
		])
			assert.equal((await fetch(`${base}${path}`)).status, 404, path);
		for (const path of [
			"/api/sandbox/payments/pay_1/complete",
			"/sandbox/checkout/pay_1",
			"/webhooks/sandbox",
		])
			assert.equal((await post(path, { outcome: "succeed", secret: "x" })).status, 404, path);
		const actions = node.broker.registry.getActionList({}).map(action => action.name);
		assert.deepEqual(
			actions.filter(name => name.startsWith("sandbox.")),
			[],
		);
	});

	test("does not serve a method that has keys of its own", async t => {
		const { buy } = await openShop(t, { RAZORPAY_KEY_ID: "rzp_test_1" });
		const razorpay = { paymentMethod: "razorpay" };
		assert.deepEqual(problemOf(await buy("w1", razorpay)), [422, "PAYMENT_METHOD_UNAVAILABLE"]);
		assert.equal((await buy()).status, 201);
	});
});

describe("other systems' servers", () => {
	test("create for a user and look; a user's token opens nothing there", async t => {
		const { call, buyer, post, get } = await openShop(t);
		const service = { headers: { service: "payment-service" } };
		const { id } = await call(
			"payments.create",
			{
				payable: { kind: "widget", id: "w1" },
				paymentMethod: "stripe",
			},
			{ headers: { token: buyer.token } },
		);
		assert.equal((await call("payments.describe", { id }, service)).userId, buyer.user.id);
		const params = { userId: buyer.user.id, courseId: "crs_1", paymentMethod: "stripe" } as const;
		await assert.rejects(
			call("payments.createFor", params, { headers: { service: "file-service" } }),
			{
				type: "FORBIDDEN",
			},
		);
		await assert.rejects(call("payments.createFor", params), { type: "UNAUTHENTICATED" });
		assert.equal((await post("/api/payments/internal/create", params)).status >= 401, true);
		assert.equal((await get(`/api/payments/internal/${id}`)).status >= 401, true);
	});
});
