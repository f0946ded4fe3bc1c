import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codeOf } from "../../../kernel/errors.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { askAgainMs } from "../../../services/money/payments/reconciler.ts";
import { refundStep } from "../../../services/money/payments/refund-steps.ts";
import type { RefundOrder, Refunds } from "../../../services/money/payments/refunds.ts";
import { Process, type World, world } from "./support.ts";

const hour = 3_600_000;
const share: RefundOrder = { id: "rfd_1", amount: "share", endsAccess: true, holds: true };

/** A world with one captured payment of 99.99 USD, 63 % of it unused. */
async function paid(): Promise<World & { payment(): Promise<PaymentDoc> }> {
	const w = await world();
	const { payment } = await w.till.create(w.wanted());
	w.bank.pay(payment.gatewayId ?? "");
	await w.till.settle(payment.id);
	return { ...w, payment: () => w.till.get("pay_1") };
}

const refund = async (refunds: Refunds, payment: PaymentDoc, order = share): Promise<PaymentDoc> =>
	refunds.proceed(await refunds.begin(payment, order), order.id);

const told = async (w: World) => (await w.facts()).map(({ name }) => name.replace("payment.", ""));

/** What must hold of the payment at any time: the bank has what it says, and no more. */
async function assertSound(w: World): Promise<void> {
	const payment = await w.till.get("pay_1");
	const atBank = w.bank.intents.get("pi_pay_1")?.refunds ?? [];
	assert.ok(new Set(atBank.map(({ key }) => key)).size === atBank.length, "one refund made twice");
	const back = atBank.filter(({ status }) => status === "succeeded");
	const known = Object.values(payment.refunds).filter(({ status }) => status === "succeeded");
	assert.ok(known.length <= back.length, "it says more than the bank");
	assert.ok((payment.refundableMinor ?? 0) <= w.bank.left("pi_pay_1"));
	const facts = await told(w);
	assert.equal(facts.filter(name => name === "refunded").length, known.length);
}

describe("a refund", () => {
	test("is frozen, taken from the headroom and asked for under its id", async () => {
		const w = await paid();
		const after = await refund(w.refunds, await w.payment());
		assert.deepEqual(
			[after.status, after.refundedMinor, after.refundableMinor, after.openRefund],
			["partially_refunded", 6_299, 3_700, undefined],
		);
		assert.equal(w.thing.heldBy, "rfd_1", "whoever hears of the refund ends what was held");
		assert.deepEqual(
			w.bank.intents.get("pi_pay_1")?.refunds.map(({ key, amountMinor }) => [key, amountMinor]),
			[["rfd_1", 6_299]],
		);
		assert.deepEqual(await told(w), ["captured", "refunded"]);
	});

	test("that an older copy of the database does not know has its own id again", async () => {
		const w = await paid();
		const payment = await w.payment();
		const answer = {
			id: "re_1",
			status: "succeeded",
			amountMinor: 9_999,
			currency: "USD",
		} as const;
		const idFor = (key?: string) =>
			Object.keys(
				refundStep(payment, { ...answer, ...(key && { key }) }, w.clock)?.change.$set ?? {},
			).find(path => path.startsWith("refunds."));
		const byHand = idFor();
		assert.equal(idFor("rfd_1"), "refunds.rfd_1");
		assert.match(byHand ?? "", /^refunds\.rfd_./);
		assert.equal(idFor("made.by.another"), byHand);
	});

	test("is written down before it is asked for", async () => {
		const w = await paid();
		w.bank.next = ["is down"];
		const { refunds, openRefund, status } = await refund(w.refunds, await w.payment());
		assert.deepEqual([openRefund, status], ["rfd_1", "refund_pending"]);
		const { attempt, amountMinor } = refunds.rfd_1 ?? {};
		assert.deepEqual([attempt?.key, attempt?.outcome, amountMinor], ["rfd_1", "unknown", 6_299]);
	});

	test("that comes to nothing is withdrawn, and what was frozen thawed", async () => {
		const w = await paid();
		w.thing.part = 0;
		await assert.rejects(refund(w.refunds, await w.payment()), { type: "NOTHING_REFUNDABLE" });
		const { refunds, openRefund } = await w.payment();
		const { status, failure } = refunds.rfd_1 ?? {};
		assert.deepEqual([status, failure?.code], ["failed", "withdrawn"]);
		assert.deepEqual([openRefund, w.thing.heldBy], [undefined, undefined]);
		w.thing.part = 63;
		const again = await refund(w.refunds, await w.payment());
		assert.equal(again.refunds.rfd_1?.status, "failed", "it never begins again");
		assert.equal(w.thing.heldBy, undefined);
		assert.ok(!w.bank.calls.includes("refund"));
	});

	test("whose owner is away goes on later, with what is unused then", async () => {
		const w = await paid();
		w.thing.isAway = true;
		await assert.rejects(refund(w.refunds, await w.payment()), { type: "SERVICE_UNAVAILABLE" });
		assert.equal((await w.payment()).openRefund, "rfd_1");
		w.thing.isAway = false;
		w.thing.part = 50;
		w.clock.ms += 60_000;
		await w.reconciler.reconcile(false);
		assert.equal((await w.payment()).refundedMinor, 4_999);
	});

	test("is not asked for under its key once providers have forgotten keys", async () => {
		const w = await paid();
		w.bank.next = ["is down"];
		await refund(w.refunds, await w.payment());
		w.clock.ms += 24 * hour;
		await w.reconciler.reconcile(false);
		const { refunds, refundableMinor } = await w.payment();
		assert.deepEqual(
			[refunds.rfd_1?.status, refunds.rfd_1?.failure?.code, refundableMinor],
			["failed", "never_arrived", 9_999],
		);
		assert.equal(w.bank.calls.filter(call => call === "refund").length, 1);
		assert.deepEqual(await told(w), ["captured", "refund_failed"]);
	});

	test("that was given up and turns up all the same is another one, and counts", async () => {
		const w = await paid();
		w.bank.next = ["is down"];
		await refund(w.refunds, await w.payment());
		w.clock.ms += 24 * hour;
		await w.reconciler.reconcile(false);
		const late = { key: "rfd_1", id: "pi_pay_1", chargeId: "ch_pi_pay_1" };
		await w.bank.refund({ ...late, amountMinor: 6_299, currency: "USD" });
		const { refundedMinor, refundableMinor } = await w.till.settle("pay_1", { again: true });
		assert.deepEqual([refundedMinor, refundableMinor], [6_299, 3_700]);
	});

	test("that could not be given back by itself is for a person to look at", async () => {
		const w = await paid();
		w.bank.refuses = true;
		const order: RefundOrder = { id: "rfd_1", amount: "all", endsAccess: false, holds: false };
		const { review, refundableMinor } = await refund(w.refunds, await w.payment(), order);
		assert.match(review ?? "", /could not be given back/);
		assert.equal(refundableMinor, 9_999);
	});

	test("of twenty at once is one, and no more goes back than was paid", async () => {
		const w = await paid();
		const orders = Array.from(
			{ length: 20 },
			(_, i): RefundOrder => ({
				...share,
				id: `rfd_${i}`,
				amount: i % 2 ? "share" : 6_000,
			}),
		);
		const codes = await Promise.all(
			orders.map(async order =>
				refund(w.refunds, await w.payment(), order).then(() => "ok", codeOf),
			),
		);
		assert.equal(codes.filter(code => code === "ok").length, 1, String(codes));
		await assertSound(w);
		assert.ok(w.bank.left("pi_pay_1") >= 0);
	});
});

describe("a node that dies anywhere in a refund", () => {
	for (const behaviour of ["answers", "loses its answer"] as const)
		test(`where the bank ${behaviour}: after one sweep it is made once, or was never asked for`, async () => {
			let crashes = 0;
			for (let calls = 0; ; calls++) {
				let crashed = false;
				for (const dies of ["before", "after"] as const) {
					const w = await paid();
					w.bank.next = [behaviour];
					const process = new Process(calls, dies);
					const payment = await w.payment();
					await refund(w.doomedRefunds(process), payment).catch(() => {});
					crashed ||= process.dead;
					w.bank.next = [];
					await w.reconciler.reconcile(true);
					await assertSound(w);
					const after = await w.payment();
					const asked = after.refunds.rfd_1;
					assert.deepEqual([after.openRefund, after.askAt], [undefined, undefined]);
					if (asked) assert.deepEqual([asked.status, after.refundedMinor], ["succeeded", 6_299]);
					else assert.deepEqual([w.bank.left("pi_pay_1"), w.thing.heldBy], [9_999, undefined]);
					await refund(w.refunds, after).catch(() => {});
					assert.equal((await w.payment()).refundedMinor, 6_299);
					await assertSound(w);
				}
				if (!crashed) break;
				crashes++;
			}
			assert.ok(crashes >= 4, `only ${crashes} calls`);
		});
});

describe("the reconciler", () => {
	test("asks about what has no known end, ever less often, and leaves the rest alone", async () => {
		const w = await paid();
		assert.deepEqual(await w.reconciler.reconcile(true), { asked: 0, open: 0 });
		w.bank.refunds = "pending";
		await refund(w.refunds, await w.payment());
		assert.deepEqual(await w.reconciler.reconcile(false), { asked: 0, open: 1 }, "not yet");
		for (const wait of [0, 0, 1, 2, 3].map(askAgainMs)) {
			w.clock.ms += wait - 1;
			assert.equal((await w.reconciler.reconcile(false)).asked, 0, `before ${wait} ms`);
			w.clock.ms += 1;
			assert.equal((await w.reconciler.reconcile(false)).asked, 1, `after ${wait} ms`);
		}
		assert.deepEqual([askAgainMs(20), askAgainMs(1)], [hour, 60_000]);
		w.bank.endRefund("pi_pay_1", "rfd_1", "succeeded");
		assert.deepEqual(await w.reconciler.reconcile(true), { asked: 1, open: 0 });
		assert.equal((await w.payment()).refundedMinor, 6_299);
	});

	test("finds money that no webhook told of, and closes what was closed here alone", async () => {
		const w = await world();
		const { payment } = await w.till.create(w.wanted());
		w.bank.pay(payment.gatewayId ?? "");
		await w.reconciler.reconcile(true);
		assert.equal((await w.till.get(payment.id)).status, "captured");
		w.bank.next = ["loses its answer", "is down"];
		const other = { payable: { kind: "course", id: "crs_2" } };
		await w.till.create(w.wanted(other)).catch(() => {});
		const closed = await w.till.close(await w.till.get("pay_2"), "canceled");
		assert.equal(closed.status, "canceled");
		assert.equal(w.bank.intents.get("pi_pay_2")?.status, "open");
		await w.reconciler.reconcile(true);
		assert.equal(w.bank.intents.get("pi_pay_2")?.status, "canceled");
		assert.deepEqual(await w.reconciler.reconcile(true), { asked: 0, open: 0 });
	});

	test("watches for money where the provider cannot close, for a week", async () => {
		const w = await world();
		w.bank.cancels = false;
		const { payment } = await w.till.create(w.wanted());
		await w.till.close(payment, "canceled");
		w.clock.ms += 48 * hour;
		w.bank.pay("pi_pay_1");
		await w.reconciler.reconcile(false);
		assert.equal((await w.till.get("pay_1")).status, "captured");
		const again = await w.till.create(w.wanted({ payable: { kind: "course", id: "crs_2" } }));
		await w.till.close(again.payment, "canceled");
		w.clock.ms += 8 * 24 * hour;
		await w.reconciler.reconcile(false);
		assert.deepEqual(await w.reconciler.reconcile(true), { asked: 0, open: 0 });
	});
});
