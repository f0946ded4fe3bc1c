import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CURRENCIES } from "../../../kernel/money/currencies.ts";
import {
	fromStripeAmount,
	stripeStep,
	toStripeAmount,
} from "../../../services/money/payments/providers/stripe-amounts.ts";

const codes = Object.keys(CURRENCIES);

// https://docs.stripe.com/currencies: "to charge 10 USD, provide an amount value of 1000", "to charge ¥500 … 500",
// "to charge 5 ISK, provide an amount value of 500", "5.124 KWD must be rounded to 5120 or 5130"; MGA is in the list of
// those without decimals, and has two in ISO 4217.
const examples: [currency: string, minor: number, stripe: number | undefined][] = [
	["USD", 1_000, 1_000],
	["USD", 9_999, 9_999],
	["JPY", 500, 500],
	["ISK", 5, 500],
	["KWD", 5_120, 5_120],
	["KWD", 5_124, undefined],
	["KWD", 5_130, 5_130],
	["MGA", 50_000, 500],
	["MGA", 50_020, undefined],
	["HUF", 1_045, 1_045],
	["TWD", 1_050, 1_050],
	["UGX", 500, undefined],
	["IQD", 5_000, undefined],
	["CLF", 50_000, undefined],
	["UYI", 500, undefined],
	["XXX", 500, undefined],
];

for (const [currency, minor, stripe] of examples)
	test(`${minor} minor units of ${currency} are ${stripe ?? "nothing"} at Stripe`, () => {
		assert.equal(toStripeAmount(minor, currency), stripe);
		if (stripe !== undefined) assert.equal(fromStripeAmount(stripe, currency), minor);
	});

test("the step: whole ariary, whole ten fils, and no currency that is not Stripe's", () => {
	const steps = codes.map(code => [code, stripeStep(code)] as const);
	assert.deepEqual(
		steps.filter(([, step]) => step !== 1 && step !== undefined),
		[
			["BHD", 10],
			["JOD", 10],
			["KWD", 10],
			["MGA", 100],
			["OMR", 10],
			["TND", 10],
		],
	);
	assert.deepEqual(
		steps.flatMap(([code, step]) => (step === undefined ? [code] : [])),
		["CLF", "IQD", "LYD", "UGX", "UYI", "UYW"],
	);
});

test("what goes to Stripe comes back as it was, a whole number of the step", () => {
	fc.assert(
		fc.property(fc.constantFrom(...codes), fc.integer({ min: 1, max: 10 ** 11 }), (code, minor) => {
			const step = stripeStep(code);
			const sent = toStripeAmount(minor, code);
			assert.equal(sent === undefined, step === undefined || minor % step !== 0);
			if (sent === undefined) return;
			assert.ok(Number.isSafeInteger(sent) && sent > 0);
			assert.equal(fromStripeAmount(sent, code.toLowerCase()), minor);
		}),
	);
});

test("what cannot be told exactly is not told", () => {
	for (const [amount, currency] of [
		[550, "isk"],
		[1, "ugx"],
		[1, "xxx"],
		[0.5, "usd"],
		[Number.MAX_SAFE_INTEGER, "mga"],
	] as const)
		assert.equal(fromStripeAmount(amount, currency), undefined, currency);
	assert.equal(toStripeAmount(Number.MAX_SAFE_INTEGER, "ISK"), undefined);
});
