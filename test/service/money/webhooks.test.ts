import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { derivedId } from "../../../kernel/ids.ts";
import { signWebhook } from "../../../services/money/signatures.ts";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { as } from "../learning/school.ts";
import { shelf } from "./shelf.ts";
import { openShop, problemOf } from "./shop.ts";

describe("a webhook", () => {
	test("is applied once of twenty at once, and again changes nothing", async t => {
		const { node, buy, call, clock, complete, event, get, stores } = await openShop(t);
		const admin = await signUp(node, { role: "admin" });
		const { id, paymentGatewayId } = (await buy()).body;
		await complete(id, "timeout");
		const paid = { id: "evt_1", type: "payment.paid", data: { id: paymentGatewayId, key: id } };
		const answers = await Promise.all(Array.from({ length: 20 }, () => event(paid)));
		for (const { status, body } of [...answers, await event(paid)])
			assert.deepEqual([status, body], [200, { received: true }]);
		assert.equal((await get(`/api/payments/${id}`)).body.status, "captured");
		assert.deepEqual(
			(await stores.events.find({})).map(({ id, state }) => [id, state]),
			[["sandbox:evt_1", "done"]],
		);
		await eventually(
			async () => shelf.handedOut.size,
			count => count === 1,
		);
		assert.equal(shelf.captured.length, 1);

		clock.aheadMs += 91 * 86_400_000;
		await call("payments.endEventContent");
		clock.aheadMs -= 91 * 86_400_000;
		const kept = await stores.events.get("sandbox:evt_1");
		assert.deepEqual([kept?.state, kept?.body, kept?.event], ["done", undefined, undefined]);
		assert.equal((await event(paid)).status, 200);
		assert.deepEqual(await stores.events.get("sandbox:evt_1"), kept);
		assert.equal(shelf.captured.length, 1);
		assert.deepEqual(await call("payments.replayEvent", { id: "sandbox:evt_1" }, as(admin)), {
			state: "done",
		});
		const { items } = await call("payments.events", {}, as(admin));
		assert.deepEqual(
			items.map(({ paymentId, isPastRetention }) => [paymentId, isPastRetention]),
			[[id, true]],
		);
		const { entries } = (await get(`/api/payments/${id}/explain`)).body;
		const [told, ...more] = entries.filter((e: { source: string }) => e.source === "webhook");
		assert.match(told.text, /: applied; what it said was removed, past its retention$/);
		assert.equal(more.length, 0);
	});

	test("that is forged, altered, stale or from the future is refused and not stored", async t => {
		const { buy, complete, event, get, clock, stores } = await openShop(t);
		const { id, paymentGatewayId } = (await buy()).body;
		await complete(id, "timeout");
		const paid = { id: "evt_1", type: "payment.paid", data: { id: paymentGatewayId, key: id } };
		const now = clock.now();
		for (const change of [
			{ secret: "another secret" },
			{ body: `${JSON.stringify(paid)} ` },
			{ header: "" },
			{ header: `t=${Math.floor(now / 1_000)},v1=${"0".repeat(64)}` },
			{ header: signWebhook("", Buffer.from(JSON.stringify(paid)), now) },
			{ at: now - 302_000 },
			{ at: now + 302_000 },
			{ at: now + 86_400_000 },
		])
			assert.deepEqual(problemOf(await event(paid, change)), [400, "SIGNATURE_INVALID"]);
		assert.equal(await stores.events.count({}), 0);
		assert.equal((await get(`/api/payments/${id}`)).body.status, "requires_action");
		for (const at of [now - 290_000, now + 290_000])
			assert.equal((await event(paid, { at })).status, 200);
	});

	test("may come before its payment, and is applied once that is there", async t => {
		const { buyer, call, event, clock, stores } = await openShop(t);
		const seed = "key_1";
		const id = derivedId("pay", seed, "1");
		const paid = { id: "evt_1", type: "payment.paid", data: { key: id } };
		assert.equal((await event(paid)).status, 200);
		assert.equal((await stores.events.get("sandbox:evt_1"))?.state, "received");
		const payment = await call(
			"payments.create",
			{ payable: { kind: "widget", id: "w1" }, paymentMethod: "stripe" },
			{ headers: { token: buyer.token, seed } },
		);
		assert.equal(payment.id, id);
		await call("sandbox.complete", { id, outcome: "timeout" }, { headers: { token: buyer.token } });
		clock.aheadMs = 10_000;
		await eventually(
			() => call("payments.applyEvents"),
			() => true,
		);
		assert.equal((await call("payments.describe", { id })).status, "captured");
		assert.equal((await stores.events.get("sandbox:evt_1"))?.state, "done");
	});

	test("that claims what the provider does not say captures nothing", async t => {
		const { buy, event, get, stores } = await openShop(t);
		const { id, paymentGatewayId } = (await buy()).body;
		const data = { id: paymentGatewayId, key: id };
		assert.equal((await event({ id: "evt_1", type: "payment.paid", data })).status, 200);
		assert.equal((await get(`/api/payments/${id}`)).body.status, "requires_action");
		assert.equal((await stores.events.get("sandbox:evt_1"))?.state, "received");
	});

	test("of a type nobody handles, or of no provider that is set up, does no harm", async t => {
		const { event, post, stores } = await openShop(t);
		assert.equal((await event({ id: "evt_1", type: "dispute.opened", data: {} })).status, 200);
		assert.equal((await event({ id: "evt_2", type: "constructor" })).status, 200);
		assert.deepEqual(
			(await stores.events.find({})).map(({ state }) => state),
			["ignored", "ignored"],
		);
		for (const provider of ["stripe", "razorpay", "constructor"])
			assert.equal((await post(`/webhooks/${provider}`, {})).status, 404);
	});

	test("is signed and checked on a deployment without a secret of its own", async t => {
		const { buy, complete, event } = await openShop(t, { SERVICE_SECRET_KEY: "" });
		const { id } = (await buy()).body;
		assert.equal((await complete(id, "succeed")).body.status, "captured");
		assert.equal((await event({ id: "evt_1", type: "x" }, { secret: "x" })).status, 400);
	});
});
