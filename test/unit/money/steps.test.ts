import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { applied } from "../../../kernel/store/difference.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { nextStep } from "../../../services/money/payments/consequence.ts";
import { movementsOf } from "../../../services/money/payments/movements.ts";
import type {
	DisputeSnapshot,
	RefundSnapshot,
	Snapshot,
} from "../../../services/money/payments/providers/port.ts";
import type { Step } from "../../../services/money/payments/records.ts";
import {
	refundableShare,
	refused,
	requested,
	reserved,
	withdrawn,
} from "../../../services/money/payments/refund-steps.ts";
import {
	headroomOf,
	isUnsettled,
	refundedOf,
	statusOf,
	transitions,
} from "../../../services/money/payments/states.ts";

const amountMinor = 10_000;
const currency = "USD";
const now = "2026-01-01T00:00:00.000Z";
const clock = { now: () => Date.parse(now) };

const opened: PaymentDoc = {
	id: "pay_1",
	userId: "usr_1",
	payable: { kind: "course", id: "crs_1" },
	payableKey: "usr_1:course:crs_1",
	openKey: "usr_1:course:crs_1",
	status: "requires_action",
	amountMinor,
	currency,
	title: "A course",
	method: "stripe",
	provider: "bank",
	gatewayId: "pi_1",
	attempts: {},
	declines: {},
	refunds: {},
	disputes: {},
	log: {},
	version: 1,
	createdAt: now,
	updatedAt: now,
};

/** The payment after a step, which the table must have; facts are gathered. */
function take(payment: PaymentDoc, step: Step | null, facts: string[]): PaymentDoc {
	if (!step) return payment;
	const after = applied(payment, step.change);
	after.status = statusOf(after);
	if (after.capturedAt)
		Object.assign(after, { refundableMinor: headroomOf(after), refundedMinor: refundedOf(after) });
	assert.ok(
		after.status === payment.status || transitions[payment.status].includes(after.status),
		`${payment.status} became ${after.status}: ${step.what}`,
	);
	facts.push(...(step.facts ?? []).map(fact => fact.id));
	return after;
}

/** The payment after all that an answer means. */
function hear(payment: PaymentDoc, answer: Snapshot, facts: string[]): PaymentDoc {
	let current = payment;
	for (let steps = 0; ; steps++) {
		assert.ok(steps < 50, "an answer never comes to an end");
		const step = nextStep(current, answer, clock);
		if (!step) return current;
		current = take(current, step, facts);
	}
}

/** What is held by refunds and disputes and what is left is what was captured; nothing is ever below zero. */
function assertAddsUp(payment: PaymentDoc): void {
	if (!payment.capturedAt) return;
	const { refundableMinor = 0, refundedMinor = 0 } = payment;
	const refunds = Object.values(payment.refunds).filter(refund => refund.status !== "failed");
	const disputes = Object.values(payment.disputes).filter(dispute => dispute.status !== "won");
	const taken = [...refunds, ...disputes].reduce((sum, { amountMinor: a = 0 }) => sum + a, 0);
	assert.ok(refundableMinor >= 0 && refundedMinor >= 0);
	assert.equal(refundableMinor, Math.max(0, payment.amountMinor - taken));
	const back = refunds
		.filter(refund => refund.status === "succeeded")
		.reduce((sum, refund) => sum + (refund.amountMinor ?? 0), 0);
	assert.equal(refundedMinor, back);
}

/** A payment's life at the provider: each state is one that a webhook, verify or the reconciler may see. */
const history = fc
	.record({
		before: fc.uniqueArray(fc.constantFrom("open", "declined", "processing"), { maxLength: 3 }),
		end: fc.constantFrom("paid", "paid", "paid", "canceled"),
		fee: fc.boolean(),
		refunds: fc.array(
			fc.record({
				amountMinor: fc.integer({ min: 1, max: 4_000 }),
				ends: fc.constantFrom("pending", "succeeded", "failed", "reversed"),
				isOurs: fc.boolean(),
			}),
			{ maxLength: 3 },
		),
		dispute: fc.option(
			fc.record({
				amountMinor: fc.integer({ min: 1, max: amountMinor }),
				ends: fc.constantFrom("open", "won", "lost"),
			}),
			{ nil: undefined },
		),
	})
	.map(({ before, end, fee, refunds, dispute }): Snapshot[] => {
		const base: Snapshot = {
			id: "pi_1",
			key: "pay_1",
			status: "open",
			amountMinor,
			currency,
			refunds: [],
			disputes: [],
		};
		const failure = { id: "d_1", code: "card_declined", message: "Declined" };
		const seen: Snapshot[] = before.map(state =>
			state === "declined"
				? { ...base, failure }
				: { ...base, status: state as Snapshot["status"] },
		);
		seen.push({ ...base, status: end as Snapshot["status"], chargeId: "ch_1" });
		if (end !== "paid") return seen;
		const paid = () => seen.at(-1) as Snapshot;
		if (fee) seen.push({ ...paid(), fee: { amountMinor: 320, currency } });
		refunds.forEach(({ ends, isOurs, amountMinor: amount }, i) => {
			const path = {
				pending: ["pending"],
				succeeded: ["pending", "succeeded"],
				failed: ["pending", "failed"],
				reversed: ["pending", "succeeded", "failed"],
			}[ends] as RefundSnapshot["status"][];
			for (const status of path) {
				const refund: RefundSnapshot = {
					id: `re_${i}`,
					...(isOurs && { key: `rfd_${i}` }),
					status,
					amountMinor: amount,
					currency,
				};
				seen.push({
					...paid(),
					refunds: [...paid().refunds.filter(r => r.id !== refund.id), refund],
				});
			}
		});
		if (dispute)
			for (const status of dispute.ends === "open" ? ["open"] : ["open", dispute.ends]) {
				const one = { ...dispute, id: "dp_1", status, currency };
				seen.push({ ...paid(), disputes: [one as unknown as DisputeSnapshot] });
			}
		return seen;
	});

describe("a provider's answers, in any order and number", () => {
	const run = (answers: readonly Snapshot[]) => {
		const facts: string[] = [];
		let payment = opened;
		for (const answer of answers) {
			payment = hear(payment, answer, facts);
			assertAddsUp(payment);
		}
		return { payment, facts };
	};

	/** What must be the same whatever the order: the rest says when and by whom. */
	const essence = ({ payment, facts }: ReturnType<typeof run>) => ({
		status: payment.status,
		refundable: payment.refundableMinor,
		refunded: payment.refundedMinor,
		refunds: Object.values(payment.refunds)
			.map(({ gatewayId, status, amountMinor: amount }) => [gatewayId, status, amount].join(" "))
			.sort(),
		disputes: Object.values(payment.disputes).map(({ id, status }) => `${id} ${status}`),
		balance: movementsOf(payment).reduce(
			(sum, { kind, amountMinor: amount }) =>
				sum +
				(["capture", "refund_reversal", "dispute_reversal"].includes(kind) ? amount : -amount),
			0,
		),
		isTwice: new Set(facts).size !== facts.length,
	});

	test("make only the table's transitions, add up, and end as the last one alone", () => {
		fc.assert(
			fc.property(
				history.chain(seen =>
					fc.tuple(
						fc.constant(seen),
						fc.array(fc.nat(seen.length - 1), { minLength: 1, maxLength: 20 }),
					),
				),
				([seen, order]) => {
					const last = seen.at(-1) as Snapshot;
					const any = essence(run([...order.map(i => seen[i] as Snapshot), last]));
					const inOrder = essence(run([...seen, last]));
					assert.equal(any.isTwice, false, "a fact is told twice");
					assert.deepEqual(
						[any.status, any.refundable, any.refunded, any.disputes, any.balance],
						[
							inOrder.status,
							inOrder.refundable,
							inOrder.refunded,
							inOrder.disputes,
							inOrder.balance,
						],
					);
					const alive = (refunds: string[]) => refunds.filter(refund => !refund.includes("failed"));
					assert.deepEqual(alive(any.refunds), alive(inOrder.refunds));
				},
			),
			{ numRuns: 2_000 },
		);
	});

	test("that are old change nothing", () => {
		fc.assert(
			fc.property(history, seen => {
				const { payment, facts } = run(seen);
				for (const old of seen) assert.deepEqual(hear(payment, old, []), payment);
				assert.equal(new Set(facts).size, facts.length);
			}),
		);
	});

	test("about another payment, amount or currency are for a person to look at", () => {
		for (const change of [
			{ key: "pay_2" },
			{ id: "pi_2" },
			{ amountMinor: 1 },
			{ currency: "EUR" },
		]) {
			const [answer] = [{ ...opened, status: "paid", refunds: [], disputes: [], id: "pi_1" }];
			const wrong = { ...answer, key: "pay_1", chargeId: "ch_1", ...change } as never as Snapshot;
			const { payment } = run([wrong, wrong]);
			assert.deepEqual([payment.status, payment.review !== undefined], ["requires_action", true]);
			assert.equal(isUnsettled(payment, 0), false, "nobody asks again by itself");
		}
	});
});

describe("our own refunds among them", () => {
	const act = fc.oneof(
		fc.record({ do: fc.constant("request" as const), id: fc.nat(3) }),
		fc.record({
			do: fc.constant("reserve" as const),
			id: fc.nat(3),
			amount: fc.integer({ min: 0, max: 12_000 }),
		}),
		fc.record({ do: fc.constantFrom("refuse" as const, "withdraw" as const), id: fc.nat(3) }),
		fc.record({
			do: fc.constant("hear" as const),
			id: fc.nat(3),
			status: fc.constantFrom("pending" as const, "succeeded" as const, "failed" as const),
		}),
		fc.record({
			do: fc.constant("dispute" as const),
			amount: fc.integer({ min: 1, max: amountMinor }),
			status: fc.constantFrom("open" as const, "won" as const, "lost" as const),
		}),
	);

	test("never give back more than was paid, one at a time, whatever happens in between", () => {
		fc.assert(
			fc.property(fc.array(act, { maxLength: 30 }), acts => {
				const facts: string[] = [];
				const paid: Snapshot = {
					id: "pi_1",
					key: "pay_1",
					status: "paid",
					amountMinor,
					currency,
					chargeId: "ch_1",
					refunds: [],
					disputes: [],
				};
				let payment = hear(opened, paid, facts);
				for (const next of acts) {
					const id = "id" in next ? `rfd_${next.id}` : "";
					const mine = payment.refunds[id];
					if (next.do === "request")
						payment = take(
							payment,
							requested(payment, { id, endsAccess: true, holds: false }, now),
							facts,
						);
					else if (next.do === "reserve")
						payment = take(payment, reserved(payment, id, next.amount, now), facts);
					else if (next.do === "withdraw")
						payment = take(payment, withdrawn(payment, id, "test"), facts);
					else if (next.do === "refuse")
						payment = take(
							payment,
							refused(payment, id, { code: "no", message: "" }, clock),
							facts,
						);
					else if (next.do === "dispute") {
						const dispute = { id: "dp_1", amountMinor: next.amount, currency, status: next.status };
						payment = hear(payment, { ...paid, disputes: [dispute] }, facts);
					} else if (next.do === "hear" && mine?.amountMinor && mine.status !== "failed") {
						const refund = { id: `re_${id}`, key: id, amountMinor: mine.amountMinor, currency };
						payment = hear(
							payment,
							{ ...paid, refunds: [{ ...refund, status: next.status }] },
							facts,
						);
					}
					assertAddsUp(payment);
					const open = Object.values(payment.refunds).filter(({ status }) =>
						["requested", "pending"].includes(status),
					);
					assert.ok(open.length <= 1);
					assert.equal(payment.openRefund, open[0]?.id);
				}
				assert.equal(new Set(facts).size, facts.length);
			}),
			{ numRuns: 2_000 },
		);
	});

	test("are of the unused share, rounded down to what the provider moves", () => {
		const paid = { ...opened, capturedAt: now, refundableMinor: amountMinor, refundedMinor: 0 };
		fc.assert(
			fc.property(
				fc.integer({ min: 0, max: 10_000 }),
				fc.integer({ min: 1, max: 10_000 }),
				fc.constantFrom(1, 10, 100),
				fc.integer({ min: 0, max: amountMinor }),
				(part, of, step, left) => {
					const share = refundableShare({ ...paid, refundableMinor: left }, { part, of }, step);
					const exact = (amountMinor * Math.min(part, of)) / of;
					assert.ok(share >= 0 && share <= left && share <= exact && share % step === 0);
					assert.ok(share > Math.min(exact, left) - step || share === 0);
				},
			),
		);
		assert.equal(
			refundableShare(
				{ ...paid, amountMinor: 9_999, refundableMinor: 9_999 },
				{ part: 63, of: 100 },
				1,
			),
			6_299,
		);
		assert.equal(refundableShare(paid, { part: 0, of: 0 }, 1), 0);
	});
});
