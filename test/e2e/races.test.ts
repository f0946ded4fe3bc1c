import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Counter, sandboxCounter, stripeCounter, stripeEnv } from "../support/counters.ts";
import { type Market, openMeshMarket, outcomeOf, type Sale, tally } from "../support/market.ts";
import { needs } from "../support/servers.ts";
import { needsFakeStripe, startFakeStripe } from "../support/stripe/fake-stripe.ts";

/** By how much a refund is ahead of what it races, ms: so that each is first at times. */
const headStarts = [0, 10, 20, 40, 80];

const atOnce = <T>(times: number, ask: (i: number) => Promise<T>): Promise<T[]> =>
	Promise.all(Array.from({ length: times }, (_, i) => ask(i)));

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Connections that are open already let twenty requests arrive together. */
const warmUp = (market: Market) => atOnce(20, i => market.get("/api/courses", undefined, i));

/** That what is booked of a sale is this and the provider's fee, and that all books say the same. */
async function assertBooked(market: Market, sale: Sale, expected: string[]): Promise<void> {
	await market.assertBalanced();
	const booked = await market.booked(sale);
	assert.deepEqual(
		booked.filter(entry => !entry.startsWith("fee ")),
		expected,
	);
}

/** That this is what went back of a sale, refund by refund, as both sides have it. */
async function assertRefunded(
	market: Market,
	counter: Counter,
	sale: Sale,
	expected: readonly number[],
): Promise<void> {
	const { refunds = [], refundedAmountMinor = 0, status } = await market.payment(sale);
	const ours = refunds.map(refund => `${refund.amountMinor} ${refund.status}`);
	const theirs = (await counter.refunded(sale)).map(amount => `${amount} succeeded`);
	const all = expected.map(amount => `${amount} succeeded`).sort();
	assert.deepEqual([ours.sort(), theirs.sort()], [all, all]);
	assert.equal(refundedAmountMinor, sum(expected));
	assert.notEqual(status, "refund_pending");
}

async function race(t: TestContext, market: Market, counter: Counter): Promise<void> {
	const { admin } = market;
	const sell = () => market.sell(counter.method, sale => counter.pay(sale));

	await t.test("twenty refunds by the buyer: one", async () => {
		const sale = await sell();
		await market.progress(sale, 60);
		await warmUp(market);
		const answers = await atOnce(20, i => market.refund(sale, i));
		assert.deepEqual(tally(answers.map(outcomeOf)), { ok: 1, ALREADY_REFUNDED: 19 });
		await assertRefunded(market, counter, sale, [3_999]);
		await assertBooked(market, sale, ["capture 9999", "refund 3999"]);
		assert.deepEqual(await market.seats(sale), ["dropped 60"]);
		assert.deepEqual(await market.notices(sale), [
			"enrollment.activated",
			"payment.captured",
			"payment.refunded",
		]);
	});

	await t.test("twenty refunds by admins and the buyer: no more than was paid", async () => {
		const sale = await sell();
		await warmUp(market);
		const answers = await atOnce(20, i =>
			i % 2 ? market.refund(sale, i) : market.refund(sale, i, { amount: 30 }, admin),
		);
		const outcomes = tally(answers.map(outcomeOf));
		const asked = answers.filter(({ body }) => /^The provider refuses/.test(body.detail ?? ""));
		assert.deepEqual(asked, [], "the provider was asked for more than was left");
		const given = await counter.refunded(sale);
		assert.equal(given.length, outcomes.ok, JSON.stringify(outcomes));
		assert.ok(sum(given) <= 9_999, String(given));
		await assertRefunded(market, counter, sale, given);
		const refunds = given.map(amountMinor => `refund ${amountMinor}`);
		await assertBooked(market, sale, ["capture 9999", ...refunds].sort());
	});

	await t.test("a refund against nineteen reports of progress: counted or refused", async () => {
		const sale = await sell();
		await warmUp(market);
		const [refund, ...reports] = await atOnce(20, i =>
			i === 0 ? market.refund(sale) : market.progress(sale, 5 * i, i),
		);
		assert.equal(refund && outcomeOf(refund), "ok", JSON.stringify(refund?.body));
		const [seat = ""] = await market.seats(sale);
		const progress = Math.round(Number(seat.split(" ")[1]) * 100);
		const share = Math.floor((9_999 * (10_000 - progress)) / 10_000);
		await assertRefunded(market, counter, sale, [share]);
		const allowed = new Set(["ok", "REFUND_PENDING", "ENROLLMENT_NOT_FOUND"]);
		const refused = reports.map(outcomeOf).filter(outcome => !allowed.has(outcome));
		assert.deepEqual(refused, []);
		await assertBooked(market, sale, ["capture 9999", `refund ${share}`]);
		assert.match((await market.seats(sale))[0] ?? "", /^dropped /);
	});

	await t.test("a refund against completion: one of them", async t => {
		const won: string[] = [];
		for (const [round, headStart] of headStarts.entries()) {
			const sale = await sell();
			await warmUp(market);
			const [refund, completion] = await Promise.all([
				market.refund(sale, round).then(outcomeOf),
				pause(headStart).then(async () => outcomeOf(await market.progress(sale, 100, round + 1))),
			]);
			const given = await counter.refunded(sale);
			if (completion === "ok") {
				assert.deepEqual([refund, given], ["NOTHING_REFUNDABLE", []]);
				await assertBooked(market, sale, ["capture 9999"]);
				assert.deepEqual(await market.seats(sale), ["completed 100"]);
			} else {
				assert.deepEqual([refund, given], ["ok", [9_999]], completion);
				await assertBooked(market, sale, ["capture 9999", "refund 9999"]);
				assert.deepEqual(await market.seats(sale), ["dropped 0"]);
			}
			won.push(completion === "ok" ? "completion" : "refund");
		}
		t.diagnostic(JSON.stringify(tally(won)));
	});

	await t.test("a refund against a dispute: together no more than was paid", async t => {
		const refunds: string[] = [];
		for (const [round, headStart] of headStarts.entries()) {
			const sale = await sell();
			await warmUp(market);
			const [refund] = await Promise.all([
				market.refund(sale, round, { amount: 40 }, admin),
				pause(headStart).then(() => counter.dispute(sale)),
			]);
			await counter.tell(sale, round);
			await market.ask("payments.reconcile", { now: true });
			const { status, refunds: asked = [] } = await market.payment(sale);
			assert.equal(status, "disputed");
			const made = asked.filter(each => each.status !== "failed");
			const given = outcomeOf(refund) === "ok" ? [4_000] : [];
			assert.deepEqual(
				[made.map(each => [each.amountMinor, each.status]), await counter.refunded(sale)],
				[given.map(amount => [amount, "succeeded"]), given],
				JSON.stringify(refund.body),
			);
			await market.assertBalanced();
			const kinds = (await market.booked(sale)).map(entry => entry.split(" ")[0]);
			assert.deepEqual(
				kinds.filter(kind => kind !== "fee"),
				["capture", "dispute", ...given.map(() => "refund")],
			);
			refunds.push(outcomeOf(refund));
			const more = await market.refund(sale, 0, { amount: 0.01 }, admin);
			assert.ok(more.status >= 400, JSON.stringify(more.body));
		}
		t.diagnostic(JSON.stringify(tally(refunds)));
	});

	await t.test("verify, webhook and reconciler: one capture, one seat", async t => {
		const sale = await market.order(counter.method);
		await counter.pay(sale);
		await warmUp(market);
		const outcomes: string[] = [];
		await atOnce(21, async i => {
			if (i % 3 === 0) outcomes.push(`verify ${outcomeOf(await market.verify(sale, i))}`);
			else if (i % 3 === 1) await counter.tell(sale, i);
			else await market.ask("payments.reconcile", { now: true });
		});
		assert.deepEqual(tally(outcomes), { "verify ok": 7 });
		await assertBooked(market, sale, ["capture 9999"]);
		assert.deepEqual(await market.seats(sale), ["active 0"]);
		assert.deepEqual(await market.notices(sale), ["enrollment.activated", "payment.captured"]);
		const { body } = await market.get(`/api/payments/${sale.paymentId}/explain`);
		const captures = body.entries.filter(({ text }: { text: string }) => /^captured/.test(text));
		assert.equal(captures.length, 1);
		t.diagnostic(`by ${captures[0].by}`);
	});

	await t.test(
		"a refund in doubt: webhook, verify, reconciler and more refunds end it once",
		async () => {
			const sale = await sell();
			await market.progress(sale, 60);
			await counter.loseRefundAnswer(sale);
			const pending = await market.refund(sale);
			assert.deepEqual([pending.status, pending.body.refund?.status], [202, "pending"]);
			assert.equal(outcomeOf(await market.progress(sale, 65)), "REFUND_PENDING");
			await warmUp(market);
			const again: string[] = [];
			await atOnce(20, async i => {
				if (i % 4 === 0) again.push(outcomeOf(await market.refund(sale, i)));
				else if (i % 4 === 1) await counter.tell(sale, i);
				else if (i % 4 === 2) await market.ask("payments.reconcile", { now: true });
				else again.push(outcomeOf(await market.verify(sale, i)));
			});
			assert.deepEqual(tally(again), { ok: 5, ALREADY_REFUNDED: 5 });

			await assertRefunded(market, counter, sale, [3_999]);
			await assertBooked(market, sale, ["capture 9999", "refund 3999"]);
			assert.deepEqual(await market.seats(sale), ["dropped 60"]);
		},
	);
}

const servers = await needs("nats", "mongo");
const hasStripe = needsFakeStripe();
if (servers)
	test("races of money, on the mesh through two gateways", async t => {
		const fake = hasStripe ? await startFakeStripe(t) : undefined;
		const { market } = await openMeshMarket(t, servers, fake && stripeEnv(fake));
		const counters = [sandboxCounter(market), ...(fake ? [stripeCounter(market, fake)] : [])];
		for (const counter of counters)
			await t.test(`at the ${counter.name}`, t => race(t, market, counter));
	});
