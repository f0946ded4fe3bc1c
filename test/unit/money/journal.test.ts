import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Leg, TransferDoc } from "../../../models/money/transfer.model.ts";
import { auditLedger, type StatementLine } from "../../../services/money/ledger/audit.ts";
import {
	Balances,
	flawOf,
	isSameBooking,
	keyOf,
	transferOf,
} from "../../../services/money/ledger/journal.ts";
import type { Movement } from "../../../services/money/payments/payments.contract.ts";

const at = "2026-01-01T00:00:00.000Z";

/** Everything that may have moved for one payment: more than the capture never goes back. */
const payment = fc
	.record({
		paymentId: fc.uuid({ version: 7 }).map(id => `pay_${id}`),
		provider: fc.constantFrom("sandbox", "stripe", "razorpay"),
		amountMinor: fc.integer({ min: 2, max: 1e9 }),
		currency: fc.constantFrom("USD", "JPY", "KWD", "IDR"),
		more: fc.subarray(["fee", "refund", "refund_reversal", "dispute", "dispute_reversal"] as const),
	})
	.map(({ amountMinor, more, ...own }): Movement[] => {
		const part = (kind: (typeof more)[number]): Movement => ({
			...own,
			kind,
			id: { f: own.paymentId, r: `rfd_${own.paymentId}`, d: `dp_${own.paymentId}` }[kind[0] as "f"],
			amountMinor: Math.ceil(amountMinor / 2),
			at,
		});
		const has = (kind: (typeof more)[number]) => more.includes(kind);
		const moved = more.filter(
			kind =>
				(kind !== "refund_reversal" || has("refund")) &&
				(kind !== "dispute_reversal" || has("dispute")),
		);
		return [{ ...own, kind: "capture", id: own.paymentId, amountMinor, at }, ...moved.map(part)];
	});
const payments = fc
	.uniqueArray(payment, { selector: ([capture]) => capture?.paymentId, maxLength: 30 })
	.map(all => all.flat());

const post = (movement: Movement): TransferDoc => transferOf(movement, movement.at);

const leg = (direction: Leg["direction"], amountMinor: number, currency = "USD"): Leg => ({
	account: "suspense",
	direction,
	amountMinor,
	currency,
});

describe("a movement", () => {
	const movement = (kind: Movement["kind"], id = "pay_1"): Movement => ({
		kind,
		id,
		paymentId: "pay_1",
		provider: "stripe",
		amountMinor: 9_999,
		currency: "USD",
		at,
	});

	test("is one entry, the same however often it is made", () => {
		const { id, ...transfer } = transferOf(movement("capture"), "2026-01-01T00:00:01.000Z");
		assert.match(id, /^ldg_[0-9a-f-]{36}$/);
		assert.equal(id, post(movement("capture")).id);
		assert.notEqual(id, post(movement("fee")).id);
		const { legs, ...head } = transfer;
		assert.deepEqual(head, {
			key: "capture:pay_1",
			kind: "capture",
			subjectId: "pay_1",
			at,
			postedAt: "2026-01-01T00:00:01.000Z",
		});
		assert.deepEqual(legs, [
			{
				account: "provider:stripe:clearing",
				direction: "debit",
				amountMinor: 9_999,
				currency: "USD",
			},
			{ account: "platform:revenue", direction: "credit", amountMinor: 9_999, currency: "USD" },
		]);
	});

	for (const [kind, debit, credit] of [
		["fee", "provider:stripe:fees", "provider:stripe:clearing"],
		["refund", "platform:refunds", "provider:stripe:clearing"],
		["refund_reversal", "provider:stripe:clearing", "platform:refunds"],
		["dispute", "platform:chargebacks", "provider:stripe:clearing"],
		["dispute_reversal", "provider:stripe:clearing", "platform:chargebacks"],
	] as const)
		test(`of a ${kind} debits ${debit} and credits ${credit}`, () => {
			assert.deepEqual(
				post(movement(kind, "x_1")).legs.map(({ account, direction }) => [account, direction]),
				[
					[debit, "debit"],
					[credit, "credit"],
				],
			);
		});

	test("sums to zero per currency and entry, whatever moves", () => {
		fc.assert(
			fc.property(payments, all => {
				const balances = new Balances();
				for (const transfer of all.map(post)) {
					assert.equal(flawOf(transfer.legs), undefined);
					balances.add(transfer.legs);
				}
				const sums = new Map<string, number>();
				for (const { currency, debitMinor, creditMinor } of balances.all)
					sums.set(currency, (sums.get(currency) ?? 0) + debitMinor - creditMinor);
				assert.ok([...sums.values()].every(sum => sum === 0));
				const sum = (...kinds: Movement["kind"][]) =>
					all
						.filter(m => m.provider === "stripe" && m.currency === "USD" && kinds.includes(m.kind))
						.reduce((total, m) => total + m.amountMinor, 0);
				const clearing = balances.all.find(
					a => a.account === "provider:stripe:clearing" && a.currency === "USD",
				);
				assert.equal(
					(clearing?.debitMinor ?? 0) - (clearing?.creditMinor ?? 0),
					sum("capture", "refund_reversal", "dispute_reversal") - sum("fee", "refund", "dispute"),
				);
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
	const now = Date.parse(at) + 3_600_000;

	/** What a provider that lists the same payments would say. */
	const linesOf = (moved: readonly Movement[], provider: string): StatementLine[] =>
		moved
			.filter(m => m.kind === "capture" && m.provider === provider)
			.map(({ paymentId: key, amountMinor, currency }) => {
				const sum = (kind: Movement["kind"]) =>
					moved.find(m => m.paymentId === key && m.kind === kind)?.amountMinor ?? 0;
				const refundedMinor = sum("refund") - sum("refund_reversal");
				return {
					id: `pi_${key}`,
					key,
					amountMinor,
					currency,
					refundedMinor,
					paidAt: Date.parse(at),
				};
			});

	const audit = (
		journal: TransferDoc[],
		moved: readonly Movement[],
		{
			at: when = now,
			lines = (name: string) => linesOf(moved, name),
			unsettled = [] as string[],
		} = {},
	) => {
		const ids = [...new Set(moved.map(movement => movement.paymentId))].sort();
		return auditLedger({
			journal: (async function* () {
				for (let i = 0; i < journal.length; i += 7) yield journal.slice(i, i + 7);
			})(),
			posted: async keys => journal.filter(transfer => keys.includes(transfer.key)),
			movements: async ({ after = "", ids: some }) => {
				const paymentIds = some ?? ids.filter(id => id > after).slice(0, 5);
				const items = moved.filter(m => paymentIds.includes(m.paymentId));
				return { paymentIds, items, unsettled };
			},
			providers: async () => ["sandbox", "stripe", "razorpay"],
			async statement(name, after = "0") {
				const all = lines(name);
				const next = Number(after) + 3;
				return {
					items: all.slice(Number(after), next),
					...(next < all.length && { next: String(next) }),
				};
			},
			now: when,
		});
	};
	const some = payments.filter(all => all.length > 0);
	const codesOf = ({ differences }: Awaited<ReturnType<typeof audit>>) =>
		differences.map(({ code, subjectId }) => [code, subjectId]);

	test("finds nothing where there is nothing", async () => {
		await fc.assert(
			fc.asyncProperty(payments, async all => {
				const { ok, transfers, differences } = await audit(all.map(post), all);
				assert.deepEqual([ok, transfers, differences], [true, all.length, []]);
			}),
		);
	});

	test("finds the one that is missing, once it is not on its way any more", async () => {
		await fc.assert(
			fc.asyncProperty(some, fc.nat(), async (all, n) => {
				const lost = all[n % all.length] as Movement;
				const rest = all.filter(movement => movement !== lost).map(post);
				assert.deepEqual(codesOf(await audit(rest, all)), [
					["MOVEMENT_NOT_POSTED", lost.paymentId],
				]);
				assert.ok((await audit(rest, all, { at: Date.parse(at) + 59_999 })).ok);
				assert.ok(!(await audit(rest, all, { at: Date.parse(at) + 60_000 })).ok);
			}),
		);
	});

	test("finds an entry of another amount, of nothing, and one that does not sum to zero", async () => {
		await fc.assert(
			fc.asyncProperty(some, fc.nat(), async (all, n) => {
				const one = all[n % all.length] as Movement;
				const journal = all.map(post);
				const others = journal.filter(transfer => transfer.key !== keyOf(one));
				const more = post({ ...one, amountMinor: one.amountMinor + 1 });
				assert.deepEqual(codesOf(await audit([...others, more], all)), [
					["TRANSFER_DIFFERS", one.paymentId],
				]);
				const unknown = post({ ...one, id: "rfd_unknown", kind: "refund" });
				assert.deepEqual(codesOf(await audit([...journal, unknown], all)), [
					["TRANSFER_DIFFERS", one.paymentId],
				]);
				const torn = post(one);
				torn.legs.pop();
				assert.deepEqual(codesOf(await audit([...others, torn], all)), [
					["TRANSFER_FLAWED", one.paymentId],
				]);
			}),
		);
	});

	test("finds what a provider has otherwise, more of, or not at all", async () => {
		await fc.assert(
			fc.asyncProperty(some, fc.nat(), async (all, n) => {
				const captures = all.filter(movement => movement.kind === "capture");
				const one = captures[n % captures.length] as Movement;
				const differing = async (change: (line: StatementLine) => StatementLine[]) => {
					const lines = (name: string) =>
						linesOf(all, name).flatMap(line =>
							line.key === one.paymentId ? change(line) : [line],
						);
					return codesOf(await audit(all.map(post), all, { lines }));
				};
				const differs = [["PROVIDER_DIFFERS", one.paymentId]];
				assert.deepEqual(
					await differing(line => [{ ...line, amountMinor: line.amountMinor - 1 }]),
					differs,
				);
				assert.deepEqual(await differing(line => [{ ...line, currency: "EUR" }]), differs);
				assert.deepEqual(
					await differing(line => [{ ...line, refundedMinor: line.refundedMinor + 1 }]),
					differs,
				);
				assert.deepEqual(await differing(() => []), differs);
				const lines = (name: string) =>
					linesOf(all, name).map(line => ({ ...line, refundedMinor: line.refundedMinor + 1 }));
				const unsettled = captures.map(capture => capture.paymentId);
				assert.deepEqual(codesOf(await audit(all.map(post), all, { lines, unsettled })), []);
				const extra = { id: "pi_x", key: "pay_x", amountMinor: 1, currency: "USD" };
				assert.deepEqual(
					await differing(line => [line, { ...extra, refundedMinor: 0, paidAt: Date.parse(at) }]),
					[["PROVIDER_DIFFERS", "pay_x"]],
				);
				assert.deepEqual(
					await differing(line => [line, { ...extra, refundedMinor: 0, paidAt: now }]),
					[],
					"it may be on its way",
				);
			}),
		);
	});

	test("says which provider it could not ask", async () => {
		const lines = (name: string) => {
			if (name === "stripe") throw new Error("connection refused");
			return [];
		};
		assert.deepEqual(codesOf(await audit([], [], { lines })), [["PROVIDER_AWAY", "stripe"]]);
	});
});
