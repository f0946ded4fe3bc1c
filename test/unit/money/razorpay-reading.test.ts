import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CURRENCIES } from "../../../kernel/money/currencies.ts";
import {
	isRazorpayAmount,
	razorpayStep,
} from "../../../services/money/payments/providers/razorpay-amounts.ts";
import { RazorpayError } from "../../../services/money/payments/providers/razorpay-client.ts";
import { razorpayEvent } from "../../../services/money/payments/providers/razorpay-events.ts";
import {
	lineOf,
	type RazorpayDispute,
	type RazorpayOrder,
	type RazorpayPayment,
	type RazorpayRefund,
	refundOf,
	type Standing,
	snapshotOf,
} from "../../../services/money/payments/providers/razorpay-snapshots.ts";
import { isSignedBody } from "../../../services/money/signatures.ts";

const key = "pay_0190f3c2-0000-7000-8000-000000000000";
const order: RazorpayOrder = {
	id: "order_1",
	amount: 9_999,
	currency: "USD",
	receipt: key,
	status: "attempted",
	notes: { payment_id: key },
	created_at: 1_700_000_000,
};
const payment: RazorpayPayment = {
	id: "pay_1",
	amount: 9_999,
	currency: "USD",
	status: "authorized",
	captured: false,
	amount_refunded: 0,
	fee: null,
	error_code: null,
	error_description: null,
	error_reason: null,
	created_at: 1_700_000_000,
};
const captured: RazorpayPayment = { ...payment, status: "captured", captured: true, fee: 236 };
const refund: RazorpayRefund = {
	id: "rfnd_1",
	amount: 100,
	currency: "USD",
	status: "processed",
	notes: [],
};
const dispute: RazorpayDispute = {
	id: "disp_1",
	payment_id: "pay_1",
	amount: 9_999,
	currency: "USD",
	amount_deducted: 0,
	status: "open",
	phase: "chargeback",
};
const standing = (payments: readonly RazorpayPayment[], more: Partial<Standing> = {}) =>
	snapshotOf({ order, payments, isClosed: false, ...more });

describe("an order", () => {
	test("stands as its payments do, whatever else was tried", () => {
		const failed = { ...payment, status: "failed" };
		const gone = { ...payment, status: "refunded" };
		const back = { ...captured, status: "refunded", amount_refunded: 9_999 };
		for (const [payments, status] of [
			[[], "open"],
			[[{ ...payment, status: "created" }], "open"],
			[[failed], "open"],
			[[gone], "open"],
			[[payment], "processing"],
			[[failed, payment], "processing"],
			[[payment, failed], "processing"],
			[[failed, captured], "paid"],
			[[payment, captured], "paid"],
			[[back], "paid"],
		] as const)
			assert.equal(standing(payments).status, status, JSON.stringify(payments));
	});

	test("that is closed is canceled, unless it is paid", () => {
		for (const [payments, status] of [
			[[], "canceled"],
			[[payment], "canceled"],
			[[captured], "paid"],
		] as const)
			assert.equal(standing(payments, { isClosed: true }).status, status);
	});

	test("that is said to be paid by nothing is not read", () => {
		assert.throws(() => standing([payment], { order: { ...order, status: "paid" } }), /is paid/);
		for (const amount of [0.5, Number.NaN, 2 ** 53])
			assert.throws(() => standing([], { order: { ...order, amount } }), RangeError);
	});

	test("that was paid twice is told as the sum: a person must look at it", () => {
		const again = { ...captured, id: "pay_2", created_at: payment.created_at + 1 };
		const { amountMinor, chargeId, fee } = standing([again, captured]);
		assert.deepEqual([amountMinor, chargeId, fee?.amountMinor], [19_998, "pay_1", 472]);
	});

	test("tells of the newest attempt that failed, in Razorpay's words", () => {
		const failed = (id: string, seconds: number, change: object = {}) => ({
			...payment,
			id,
			status: "failed",
			error_code: "BAD_REQUEST_ERROR",
			error_reason: "insufficient_funds",
			error_description: "Too little",
			created_at: seconds,
			...change,
		});
		const { failure } = standing([failed("pay_1", 1), failed("pay_3", 3), failed("pay_2", 2)]);
		assert.deepEqual(failure, { id: "pay_3", code: "insufficient_funds", message: "Too little" });
		const bare = { error_reason: null, error_description: null };
		const { failure: plain } = standing([failed("pay_1", 1, bare)]);
		assert.deepEqual([plain?.code, plain?.message], ["BAD_REQUEST_ERROR", "The payment failed"]);
	});

	test("tells the fee in what it is settled in, once that is known", () => {
		const inr = { ...captured, base_currency: "INR" };
		assert.deepEqual(standing([inr]).fee, { amountMinor: 236, currency: "INR" });
		assert.deepEqual(standing([captured]).fee, { amountMinor: 236, currency: "USD" });
		const due = standing([{ ...captured, fee: null }]);
		assert.deepEqual([due.fee, due.isFeeDue], [undefined, true]);
		const none = standing([{ ...captured, fee: 0 }]);
		assert.deepEqual([none.fee, none.isFeeDue], [undefined, undefined]);
	});

	test("of another product has no key, and no line", () => {
		for (const notes of [[], {}, { payment_id: "" }, { payment_id: 7 }, null]) {
			const other = { ...order, notes } as RazorpayOrder;
			assert.equal(snapshotOf({ order: other, payments: [], isClosed: false }).key, "");
			assert.equal(lineOf({ ...other, payments: { items: [captured] } }), null);
		}
		assert.equal(lineOf({ ...order, payments: { items: [payment] } }), null);
		assert.equal(lineOf(order), null);
	});
});

describe("a refund", () => {
	test("has one status here for each of Razorpay's, and none for one that is new", () => {
		const of = (status: string) => refundOf({ ...refund, status }).status;
		assert.deepEqual(["pending", "processed", "failed"].map(of), [
			"pending",
			"succeeded",
			"failed",
		]);
		assert.throws(() => of("queued"), /rfnd_1 is queued/);
	});

	test("has the key of its notes", () => {
		assert.equal("key" in refundOf(refund), false);
		assert.equal(refundOf({ ...refund, notes: { refund_id: "rfd_1" } }).key, "rfd_1");
	});
});

test("a dispute ends as what was deducted says, where Razorpay does not", () => {
	const of = (change: Partial<RazorpayDispute>) =>
		standing([captured], { disputes: [{ ...dispute, ...change }] }).disputes[0]?.status;
	assert.equal(of({}), "open");
	assert.equal(of({ status: "under_review" }), "open");
	assert.equal(of({ status: "won" }), "won");
	assert.equal(of({ status: "lost", amount_deducted: 9_999 }), "lost");
	assert.equal(of({ status: "closed" }), "won");
	assert.equal(of({ status: "closed", amount_deducted: 9_999 }), "lost");
	for (const phase of ["fraud", "retrieval"]) {
		assert.equal(of({ phase }), undefined);
		assert.equal(of({ phase, status: "lost", amount_deducted: 9_999 }), "lost");
	}
});

describe("an event", () => {
	const now = 1_700_000_000_000;
	const read = (event: unknown, at = now) =>
		razorpayEvent("ev_1", Buffer.from(JSON.stringify(event)), at);
	const paid = {
		event: "payment.captured",
		created_at: now / 1_000,
		payload: { payment: { entity: { ...captured, order_id: "order_1" } } },
	};

	test("is of its order; of another product's payment link, or an unknown type, it is another", () => {
		assert.equal(read(paid)?.gatewayId, "order_1");
		const link = { ...paid, payload: { payment: { entity: { ...captured, order_id: null } } } };
		assert.equal(read(link)?.kind, "other");
		for (const event of ["invoice.paid", "constructor", "__proto__", ""])
			assert.equal(read({ ...paid, event })?.kind, "other");
		assert.equal(read({ event: "payment.captured" })?.kind, "other");
		const told = { ...paid, event: "order.paid", payload: { order: { entity: order } } };
		assert.deepEqual([read(told)?.gatewayId, read(told)?.key], ["order_1", key]);
	});

	test("of a time ahead, or so long ago that nobody sends it any more, is none", () => {
		const hour = 3_600_000;
		for (const off of [0, -300_000, 48 * hour]) assert.ok(read(paid, now + off), String(off));
		for (const off of [-301_000, 48 * hour + 1_000]) assert.equal(read(paid, now + off), null);
		assert.ok(read({ ...paid, created_at: undefined }));
	});

	test("is nothing where the bytes hold none", () => {
		for (const event of [null, 7, "x", [], {}, { event: 7 }]) assert.equal(read(event), null);
		assert.equal(razorpayEvent("ev_1", Buffer.from("{"), now), null);
	});
});

test("the currencies are those of ISO 4217 that Razorpay lists, a third decimal is 0", () => {
	const codes = Object.keys(CURRENCIES);
	const steps = codes.map(code => [code, razorpayStep(code)] as const);
	assert.deepEqual(
		steps.filter(([, step]) => step !== 1 && step !== undefined).map(([code]) => code),
		["BHD", "IQD", "JOD", "KWD", "OMR", "TND"],
	);
	// Their exponents, as https://razorpay.com/docs/payments/international-payments/#supported-currencies has them.
	const exponents = new Map(
		codes.map(code => [code, CURRENCIES[code as "USD"].exponent as number]),
	);
	const zero = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" ");
	for (const [code, step] of steps)
		if (step !== undefined)
			assert.equal(exponents.get(code), zero.includes(code) ? 0 : step === 10 ? 3 : 2, code);
	for (const code of ["ARS", "LBP", "AFN", "XXX", "inr", ""])
		assert.equal(razorpayStep(code), undefined, code);
	for (const [currency, amountMinor, takes] of [
		["KWD", 99_990, true],
		["KWD", 99_991, false],
		["JPY", 99, true],
		["INR", 0.5, false],
		["ARS", 100, false],
	] as const)
		assert.equal(isRazorpayAmount(amountMinor, currency), takes, `${amountMinor} ${currency}`);
});

test("a webhook's signature is over its bytes, under any of the secrets, and no empty one", () => {
	const body = Buffer.from('{"event":"payment.captured"}');
	// openssl dgst -sha256 -hmac secret
	const signature = "8308ed257604fd2e3a5f31e3ca7b5a85c225df5b0dc02b63004414e0a99c1e6e";
	assert.ok(isSignedBody(signature, body, ["other", "secret"]));
	for (const given of [undefined, "", [signature], signature.toUpperCase(), signature.slice(1)])
		assert.equal(isSignedBody(given, body, ["secret"]), false);
	assert.equal(isSignedBody(signature, Buffer.from(`${body} `), ["secret"]), false);
	assert.equal(isSignedBody(signature, body, []), false);
	// HMAC under the empty key, which anybody can make.
	const empty = "a19950341d76024638d18b6848a6d0f1ceba66e6d706f5db0bb165d2e55c00a5";
	assert.equal(isSignedBody(empty, body, [""]), false);
});

test("an error has Razorpay's words, whatever it is", () => {
	const body = { error: { code: "BAD_REQUEST_ERROR", description: "No", reason: "NA" } };
	const error = new RazorpayError(400, body);
	assert.deepEqual(
		[error.code, error.message, error.reason],
		["BAD_REQUEST_ERROR", "No", undefined],
	);
	for (const odd of [undefined, null, 7, {}, { error: null }, { error: { code: 7 } }])
		assert.equal(new RazorpayError(502, odd).message, "Razorpay answers 502");
});
