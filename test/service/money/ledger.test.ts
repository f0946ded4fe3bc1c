import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { iso } from "../../../kernel/clock.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { shelf } from "./shelf.ts";
import { openShop, problemOf, type Shop } from "./shop.ts";

async function sold(shop: Shop, id: string): Promise<string> {
	const { body } = await shop.buy(id);
	await shop.complete(body.id, "succeed");
	return body.id;
}

const posted = (shop: Shop, count: number) =>
	eventually(
		() => shop.stores.transfers.count({}),
		total => total === count,
	);

describe("the ledger", () => {
	test("books each capture once; balances and audit follow from the journal", async t => {
		const shop = await openShop(t);
		const { token } = await signUp(shop.node, { role: "admin" });
		const first = await sold(shop, "w1");
		Object.assign(shelf, { priceMinor: 1_050, currency: "JPY" });
		await sold(shop, "w2");
		await posted(shop, 2);

		const { body: accounts } = await shop.get("/api/ledger/accounts", token);
		assert.deepEqual(
			accounts.items.map((a: Record<string, unknown>) => [
				a.account,
				a.currency,
				a.debitMinor,
				a.creditMinor,
				a.balance,
				a.balanceMinor,
			]),
			[
				["platform:revenue", "JPY", 0, 1_050, -1_050, -1_050],
				["platform:revenue", "USD", 0, 9_999, -99.99, -9_999],
				["provider:sandbox:clearing", "JPY", 1_050, 0, 1_050, 1_050],
				["provider:sandbox:clearing", "USD", 9_999, 0, 99.99, 9_999],
			],
		);
		const paged = await shop.get("/api/ledger/accounts?pageSize=3&page=2", token);
		assert.deepEqual([paged.body.items.length, paged.body.total], [1, 4]);

		const { body: transfers } = await shop.get(`/api/ledger/transfers?subjectId=${first}`, token);
		assert.equal(transfers.total, 1);
		assert.match(transfers.items[0].id, /^ldg_/);
		assert.deepEqual(transfers.items[0].legs, [
			{
				account: "provider:sandbox:clearing",
				direction: "debit",
				amount: 99.99,
				amountMinor: 9_999,
				currency: "USD",
			},
			{
				account: "platform:revenue",
				direction: "credit",
				amount: 99.99,
				amountMinor: 9_999,
				currency: "USD",
			},
		]);
		assert.equal((await shop.get("/api/ledger/transfers", token)).body.total, 2);
		const audit = await shop.post("/api/ledger/audit", undefined, token);
		assert.deepEqual(
			[audit.status, audit.body],
			[200, { ok: true, accounts: 4, transfers: 2, differences: [] }],
		);
		for (const path of ["accounts", "transfers"])
			assert.deepEqual(problemOf(await shop.get(`/api/ledger/${path}`)), [403, "FORBIDDEN"]);
		assert.deepEqual(problemOf(await shop.post("/api/ledger/audit")), [403, "FORBIDDEN"]);
	});

	test("books once however often and at once the fact is delivered", async t => {
		const shop = await openShop(t);
		const id = await sold(shop, "w1");
		await posted(shop, 1);
		const [booked] = await shop.stores.transfers.find({});
		const { pipe } = platformOf(shop.node.broker);
		const { items } = await shop.call("payments.movements", { ids: [id] });
		const { paymentId, provider, amountMinor, currency, at } = items[0] as (typeof items)[number];
		const payable = { kind: "widget", id: "w1" };
		const data = { paymentId, provider, amountMinor, currency, userId: "usr_1", payable };
		for (let n = 0; n < 20; n++)
			await pipe.publish(
				{
					id: `fct_again_${n}`,
					name: "payment.captured",
					v: 1,
					subjectId: id,
					at,
					data,
				},
				`again ${n}`,
			);
		await eventually(
			() => shop.call("ledger.facts.receipts" as never, { ids: ["fct_again_19"] } as never),
			(states: Record<string, string>) => states.fct_again_19 === "done",
		);
		assert.deepEqual(await shop.stores.transfers.find({}), [booked]);
	});

	test("does not take another booking under the same key: it is parked for a person", async t => {
		const shop = await openShop(t);
		const id = await sold(shop, "w1");
		await posted(shop, 1);
		const data = {
			paymentId: id,
			userId: "usr_1",
			payable: { kind: "widget", id: "w1" },
			amountMinor: 1,
			currency: "USD",
			provider: "sandbox",
		};
		const fact = { id: "fct_other", name: "payment.captured", v: 1, subjectId: id, at: "", data };
		await platformOf(shop.node.broker).pipe.publish(fact, "other");
		await eventually(
			() => shop.call("ledger.facts.receipts" as never, { ids: ["fct_other"] } as never),
			(states: Record<string, string>) => states.fct_other === "trying",
		);
		const [booked] = await shop.stores.transfers.find({});
		assert.equal(booked?.legs[0]?.amountMinor, 9_999);
	});

	test("the audit finds what was tampered with", async t => {
		const shop = await openShop(t);
		const { token } = await signUp(shop.node, { role: "admin" });
		const codes = async () =>
			(await shop.post("/api/ledger/audit", undefined, token)).body.differences.map(
				(d: { code: string; subjectId: string }) => [d.code, d.subjectId],
			);
		const [lost, changed] = [await sold(shop, "w1"), await sold(shop, "w2")];
		await posted(shop, 2);
		const [transfer] = await shop.stores.transfers.find({ subjectId: changed });
		await shop.stores.transfers.advance(
			{ id: transfer?.id ?? "" },
			{ $set: { legs: transfer?.legs.map(leg => ({ ...leg, amountMinor: 1 })) } },
		);
		assert.deepEqual(await codes(), [["TRANSFER_DIFFERS", changed]]);
		await shop.stores.transfers.remove({ subjectId: lost });
		assert.deepEqual(await codes(), [["TRANSFER_DIFFERS", changed]], "may still be on its way");
		await shop.stores.payments.advance(
			{ id: lost },
			{ $set: { capturedAt: iso(shop.clock.now() - 60_000) } },
		);
		assert.deepEqual(await codes(), [
			["TRANSFER_DIFFERS", changed],
			["MOVEMENT_NOT_POSTED", lost],
		]);
	});
});
