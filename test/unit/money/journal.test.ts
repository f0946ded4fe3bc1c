import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Leg, TransferDoc } from "../../../models/money/transfer.model.ts";
import { auditLedger } from "../../../services/money/ledger/audit.ts";
import {
	Balances,
	captureTransfer,
	flawOf,
	isSameBooking,
} from "../../../services/money/ledger/journal.ts";

const captures = fc.uniqueArray(
	fc.record({
		paymentId: fc.uuid({ version: 7 }).map(id => `pay_${id}`),
		provider: fc.constantFrom("sandbox", "stripe", "razorpay"),
		amountMinor: fc.integer({ min: 1, max: 1e9 }),
		currency: fc.constantFrom("USD", "JPY", "KWD", "IDR"),
		capturedAt: fc.constant("2026-01-01T00:00:00.000Z"),
	}),
	{ selector: capture => capture.paymentId, maxLength: 50 },
);
type Captures = typeof captures extends fc.Arbitrary<infer T> ? T : never;

const post = (capture: Captures[number]): TransferDoc =>
	captureTransfer(capture, capture.capturedAt, capture.capturedAt);

const leg = (direction: Leg["direction"], amountMinor: number, currency = "USD"): Leg => ({
	account: "suspense",
	direction,
	amountMinor,
	currency,
});

describe("a capture", () => {
	test("debits the provider and credits revenue", () => {
		const { id, ...transfer } = captureTransfer(
			{ paymentId: "pay_1", provider: "sandbox", amountMinor: 9_999, currency: "USD" },
			"2026-01-01T00:00:00.000Z",
			"2026-01-01T00:00:01.000Z",
		);
		assert.match(id, /^ldg_[0-9a-f-]{36}$/);
		assert.deepEqual(transfer, {
			key: "capture:pay_1",
			kind: "capture",
			subjectId: "pay_1",
			legs: [
				{
					account: "provider:sandbox:clearing",
					direction: "debit",
					amountMinor: 9_999,
					currency: "USD",
				},
				{ account: "platform:revenue", direction: "credit", amountMinor: 9_999, currency: "USD" },
			],
			at: "2026-01-01T00:00:00.000Z",
			postedAt: "2026-01-01T00:00:01.000Z",
		});
	});

	test("sums to zero per currency, whatever is captured", () => {
		fc.assert(
			fc.property(captures, all => {
				const balances = new Balances();
				for (const transfer of all.map(post)) {
					assert.equal(flawOf(transfer.legs), undefined);
					balances.add(transfer.legs);
				}
				const sums = new Map<string, number>();
				for (const { currency, debitMinor, creditMinor } of balances.all)
					sums.set(currency, (sums.get(currency) ?? 0) + debitMinor - creditMinor);
				assert.ok([...sums.values()].every(sum => sum === 0));
				const taken = all
					.filter(capture => capture.provider === "stripe" && capture.currency === "USD")
					.reduce((sum, capture) => sum + capture.amountMinor, 0);
				const clearing = balances.all.find(
					a => a.account === "provider:stripe:clearing" && a.currency === "USD",
				);
				assert.equal(clearing?.debitMinor ?? 0, taken);
			}),
		);
	});
});

test("an entry's flaws are found", () => {
	const whole = [leg("debit", 5), leg("credit", 5)];
	assert.equal(flawOf(whole), undefined);
	assert.equal(flawOf([leg("debit", 5), leg("credit", 3), leg("credit", 2)]), undefined);
	assert.match(flawOf([leg("debit", 5)]) ?? "", /two legs/);
	for (const amount of [0, -5, 0.5, Number.NaN])
		assert.match(flawOf([leg("debit", amount), leg("credit", amount)]) ?? "", /positive whole/);
	assert.match(flawOf([leg("debit", 5), leg("credit", 4)]) ?? "", /differ by 1 /);
	assert.match(flawOf([leg("debit", 5), leg("credit", 5, "EUR")]) ?? "", /in USD differ by 5 /);
	const largest = Number.MAX_SAFE_INTEGER;
	assert.match(
		flawOf([leg("debit", largest), leg("debit", largest), leg("credit", largest)]) ?? "",
		/differ/,
	);
	assert.ok(isSameBooking(whole, whole.toReversed()));
	assert.ok(!isSameBooking(whole, [leg("debit", 5), leg("credit", 4)]));
	assert.throws(() => {
		const balances = new Balances();
		balances.add([leg("debit", largest), leg("debit", 1)]);
	}, /safe integer/);
});

describe("the audit", () => {
	const now = Date.parse("2026-01-01T01:00:00.000Z");
	const audit = (journal: TransferDoc[], taken: Captures, at = now) => {
		const sorted = taken.toSorted((a, b) => (a.paymentId < b.paymentId ? -1 : 1));
		return auditLedger({
			journal: (async function* () {
				for (let i = 0; i < journal.length; i += 7) yield journal.slice(i, i + 7);
			})(),
			posted: async keys => journal.filter(transfer => keys.includes(transfer.key)),
			captures: async ({ after = "", ids }) =>
				ids
					? sorted.filter(capture => ids.includes(capture.paymentId))
					: sorted.filter(capture => capture.paymentId > after).slice(0, 5),
			now: at,
		});
	};
	const some = captures.filter(all => all.length > 0);

	test("finds nothing where there is nothing", async () => {
		await fc.assert(
			fc.asyncProperty(captures, async all => {
				const { ok, transfers, differences } = await audit(all.map(post), all);
				assert.deepEqual([ok, transfers, differences], [true, all.length, []]);
			}),
		);
	});

	test("finds the one that is missing, once it is not on its way any more", async () => {
		await fc.assert(
			fc.asyncProperty(some, fc.nat(), async (all, n) => {
				const lost = all[n % all.length] as Captures[number];
				const rest = all.filter(capture => capture !== lost).map(post);
				const { ok, differences } = await audit(rest, all);
				assert.equal(ok, false);
				assert.deepEqual(
					differences.map(({ code, subjectId }) => [code, subjectId]),
					[["CAPTURE_NOT_POSTED", lost.paymentId]],
				);
				assert.ok((await audit(rest, all, Date.parse(lost.capturedAt) + 59_999)).ok);
				assert.ok(!(await audit(rest, all, Date.parse(lost.capturedAt) + 60_000)).ok);
			}),
		);
	});

	test("finds an entry of another amount, of nothing, and one that does not sum to zero", async () => {
		await fc.assert(
			fc.asyncProperty(some, fc.nat(), async (all, n) => {
				const one = all[n % all.length] as Captures[number];
				const codes = async (journal: TransferDoc[], taken: Captures) =>
					(await audit(journal, taken)).differences.map(({ code, subjectId }) => [code, subjectId]);
				const journal = all.map(post);
				const others = journal.filter(transfer => transfer.subjectId !== one.paymentId);
				const more = post({ ...one, amountMinor: one.amountMinor + 1 });
				assert.deepEqual(await codes([...others, more], all), [["CAPTURE_DIFFERS", one.paymentId]]);
				const rest = all.filter(capture => capture !== one);
				assert.deepEqual(await codes(journal, rest), [["CAPTURE_DIFFERS", one.paymentId]]);
				const torn = post(one);
				torn.legs.pop();
				assert.deepEqual(await codes([...others, torn], all), [
					["TRANSFER_FLAWED", one.paymentId],
					["CAPTURE_DIFFERS", one.paymentId],
				]);
			}),
		);
	});
});
