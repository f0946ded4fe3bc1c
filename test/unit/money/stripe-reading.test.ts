import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type Stripe from "stripe";
import { stripeEvent } from "../../../services/money/payments/providers/stripe-events.ts";
import {
	lineOf,
	refundOf,
	snapshotOf,
} from "../../../services/money/payments/providers/stripe-snapshots.ts";

const key = "pay_0190f3c2-0000-7000-8000-000000000000";
const intent = {
	id: "pi_1",
	object: "payment_intent",
	amount: 9_999,
	amount_received: 0,
	currency: "usd",
	status: "requires_payment_method",
	latest_charge: null,
	last_payment_error: null,
	metadata: { payment_id: key },
} as unknown as Stripe.PaymentIntent;
const charge = { id: "ch_1", amount_refunded: 100, created: 1_700_000_000 } as Stripe.Charge;
const paid = { ...intent, status: "succeeded", amount_received: 9_999 } as Stripe.PaymentIntent;
const refund = {
	id: "re_1",
	object: "refund",
	amount: 100,
	currency: "usd",
	status: "succeeded",
	metadata: {},
} as unknown as Stripe.Refund;
const dispute = {
	id: "du_1",
	object: "dispute",
	amount: 9_999,
	currency: "usd",
	status: "needs_response",
} as Stripe.Dispute;

describe("a payment intent", () => {
	test("has one status here for each of Stripe's, and none for one that is new", () => {
		for (const [stripe, ours] of [
			["requires_payment_method", "open"],
			["requires_confirmation", "open"],
			["requires_action", "open"],
			["processing", "processing"],
			["requires_capture", "processing"],
			["succeeded", "paid"],
			["canceled", "canceled"],
		] as const)
			assert.equal(snapshotOf({ ...intent, status: stripe }).status, ours);
		const later = { ...intent, status: "something_new" } as Stripe.PaymentIntent;
		assert.throws(() => snapshotOf(later), /pi_1 is something_new/);
	});

	test("tells what was received, not what was asked for", () => {
		assert.equal(snapshotOf({ ...paid, amount_received: 9_000 }).amountMinor, 9_000);
		assert.equal(snapshotOf(intent).amountMinor, 9_999);
	});

	test("of an amount that is no number of minor units is not read", () => {
		assert.throws(() => snapshotOf({ ...intent, amount: 550, currency: "isk" }), RangeError);
	});

	test("of another product has no key", () => {
		assert.equal(snapshotOf({ ...intent, metadata: {} }).key, "");
		assert.equal(lineOf({ ...paid, latest_charge: charge, metadata: {} }), null);
	});

	test("tells the fee in what it is settled in, once that is known", () => {
		const withFee = (fee: number, currency: string) =>
			snapshotOf({
				...paid,
				latest_charge: { ...charge, balance_transaction: { fee, currency } } as Stripe.Charge,
			}).fee;
		assert.deepEqual(withFee(320, "eur"), { amountMinor: 320, currency: "EUR" });
		assert.equal(withFee(0, "eur"), undefined);
		for (const currency of ["ugx", "isk"]) assert.equal(withFee(45, currency), undefined);
		assert.equal(snapshotOf({ ...paid, latest_charge: charge }).fee, undefined);
		assert.equal(snapshotOf({ ...paid, latest_charge: "ch_1" }).chargeId, "ch_1");
	});

	test("tells a decline once per attempt", () => {
		const declined = (error: object) =>
			snapshotOf({ ...intent, last_payment_error: error } as Stripe.PaymentIntent).failure;
		assert.deepEqual(
			declined({ charge: "ch_2", code: "card_declined", message: "No", type: "card_error" }),
			{ id: "ch_2", code: "card_declined", message: "No" },
		);
		const failed3ds = (id: string) =>
			declined({
				type: "invalid_request_error",
				code: "payment_intent_authentication_failure",
				payment_method: { id },
			});
		assert.equal(failed3ds("pm_1")?.id, failed3ds("pm_1")?.id);
		assert.notEqual(failed3ds("pm_1")?.id, failed3ds("pm_2")?.id);
		assert.match(failed3ds("pm_1")?.id ?? "", /^[A-Za-z0-9_-]+$/);
		const error = { charge: "ch_2", type: "card_error" };
		const afterwards = { ...paid, last_payment_error: error } as Stripe.PaymentIntent;
		assert.equal(snapshotOf(afterwards).failure, undefined);
	});

	test("leaves out inquiries, which hold no money", () => {
		const statuses = (all: Stripe.Dispute["status"][]) =>
			snapshotOf(
				paid,
				[],
				all.map(status => ({ ...dispute, status })),
			).disputes.map(({ status }) => status);
		assert.deepEqual(
			statuses(["warning_needs_response", "warning_under_review", "warning_closed", "prevented"]),
			[],
		);
		assert.deepEqual(
			statuses(["needs_response", "under_review", "appeal_needs_response", "won", "lost"]),
			["open", "open", "open", "won", "lost"],
		);
	});
});

test("a refund is pending until it is known to have ended", () => {
	const status = (given: string | null) => refundOf({ ...refund, status: given }).status;
	assert.deepEqual(
		["pending", "requires_action", null, "succeeded", "failed", "canceled"].map(status),
		["pending", "pending", "pending", "succeeded", "failed", "failed"],
	);
	const failed = refundOf({ ...refund, status: "failed", failure_reason: "declined" });
	assert.equal(failed.failure?.code, "declined");
	assert.equal(refundOf({ ...refund, metadata: { refund_id: "rfd_1" } }).key, "rfd_1");
	assert.equal("key" in refundOf(refund), false);
});

describe("an event", () => {
	const read = (type: string, object: object, more: object = {}) =>
		stripeEvent(
			Buffer.from(
				JSON.stringify({ id: "evt_1", type, livemode: false, data: { object }, ...more }),
			),
			false,
		);
	const about = { id: "evt_1", gatewayId: "pi_1", key };

	test("of a payment leads to its payment", () => {
		for (const [type, kind] of [
			["payment_intent.succeeded", "paid"],
			["payment_intent.processing", "failed"],
			["payment_intent.canceled", "canceled"],
		] as const)
			assert.deepEqual(read(type, intent), { ...about, type, kind });
	});

	test("of a decline tells the decline as asking would", () => {
		const declined = {
			...intent,
			last_payment_error: { charge: "ch_2", code: "card_declined", message: "No" },
		} as Stripe.PaymentIntent;
		const event = read("payment_intent.payment_failed", declined);
		assert.deepEqual(event?.failure, snapshotOf(declined).failure);
		assert.equal(event?.kind, "failed");
	});

	test("of a refund or a dispute leads to its payment too", () => {
		for (const type of ["refund.created", "refund.updated", "refund.failed"])
			assert.deepEqual(read(type, { ...refund, payment_intent: "pi_1" }), {
				id: "evt_1",
				type,
				kind: "refund",
				gatewayId: "pi_1",
				objectId: "re_1",
			});
		const refunded = { ...charge, object: "charge", payment_intent: "pi_1", metadata: {} };
		const { kind, gatewayId, objectId } = read("charge.refunded", refunded) ?? {};
		assert.deepEqual([kind, gatewayId, objectId], ["refund", "pi_1", undefined]);
		for (const end of ["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"]) {
			const event = read(`charge.dispute.${end}`, { ...dispute, payment_intent: { id: "pi_1" } });
			assert.deepEqual(
				[event?.kind, event?.gatewayId, event?.objectId],
				["dispute", "pi_1", "du_1"],
			);
		}
	});

	test("of a charge that changed leads to asking again, for the fee, where it is paid", () => {
		const changed = { ...charge, object: "charge", payment_intent: "pi_1" };
		assert.equal(read("charge.updated", { ...changed, status: "succeeded" })?.kind, "refund");
		assert.equal(read("charge.updated", { ...changed, status: "failed" })?.kind, "other");
	});

	test("of nothing payments act on is another", () => {
		const other = (type: string, object: object = intent, more: object = {}) =>
			assert.deepEqual(read(type, object, more), { id: "evt_1", type, kind: "other" });
		for (const type of ["customer.created", "constructor", "payment_intent.created", ""])
			other(type);
		other("payment_intent.succeeded", { ...intent, metadata: {} });
		other("payment_intent.succeeded", intent, { livemode: true });
		other("payment_intent.succeeded", intent, { livemode: undefined });
		other("v1.billing.meter.error_report_triggered", {}, { data: undefined });
	});

	test("that is none is not read", () => {
		for (const body of ["", "null", "[]", "1", "{}", '{"id":1,"type":"x"}', '{"id":"evt_1"}', "x"])
			assert.equal(stripeEvent(Buffer.from(body), false), null, body);
	});
});
