import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CURRENCIES } from "../../../kernel/money/currencies.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { isPrice } from "../../../services/money/payments/price.ts";

const quote = { amountMinor: 9_999, currency: "USD", title: "A course" };

test("what is not said is not held against the client", () => {
	assert.ok(isPrice(quote, undefined, undefined));
	assert.ok(isPrice(quote, 99.99, undefined));
	assert.ok(isPrice(quote, undefined, "USD"));
	assert.ok(isPrice(quote, 99.99, "USD"));
});

test("anything but the price is refused, what is no amount too", () => {
	for (const amount of [0, 1, 99.98, 99.990001, 9_999, -99.99, 1e300, Number.NaN])
		assert.ok(!isPrice(quote, amount, "USD"), String(amount));
	assert.ok(!isPrice(quote, 99.99, "EUR"));
	assert.ok(!isPrice(quote, undefined, "EUR"));
	assert.ok(!isPrice({ ...quote, amountMinor: 30 }, 0.1 + 0.2, "USD"));
});

test("the price itself is taken in every currency", () => {
	fc.assert(
		fc.property(
			fc.integer({ min: 1, max: 1e12 }),
			fc.constantFrom(...Object.keys(CURRENCIES)),
			(amountMinor, currency) =>
				isPrice({ amountMinor, currency, title: "" }, toMajor(amountMinor, currency), currency),
		),
	);
});
