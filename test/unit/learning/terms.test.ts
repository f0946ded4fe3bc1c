import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { toMajor } from "../../../kernel/money/money.ts";
import {
	freeTerms,
	isSold,
	type Terms,
	termsAfter,
} from "../../../services/learning/courses/terms.ts";

/** The place and code of what does not fit. */
const refusal = (ask: () => unknown): [path: string, code: string] => {
	try {
		ask();
	} catch (error) {
		const { type, data } = error as {
			type: string;
			data: { errors: { path: string; code: string }[] };
		};
		assert.equal(type, "VALIDATION_ERROR");
		const [first] = data.errors;
		return [first?.path ?? "", first?.code ?? ""];
	}
	assert.fail("it was taken");
};

describe("the price of a course", () => {
	test("is kept in minor units of its currency", () => {
		const minor = (price: number, currency: string) =>
			termsAfter(freeTerms, { price, currency }).priceMinor;
		assert.equal(minor(99.99, "USD"), 9_999);
		assert.equal(minor(0.29, "USD"), 29);
		assert.equal(minor(1_050, "JPY"), 1_050);
		assert.equal(minor(1.234, "KWD"), 1_234);
		assert.equal(minor(0, "USD"), 0);
		assert.ok(Object.is(minor(-0, "USD"), 0));
	});

	test("that its currency cannot express is refused at /price", () => {
		for (const [price, currency] of [
			[99.999, "USD"],
			[0.1 + 0.2, "USD"],
			[1.5, "JPY"],
			[1e13, "USD"],
			[1e300, "USD"],
			[1e-7, "USD"],
		] as const)
			assert.deepEqual(
				refusal(() => termsAfter(freeTerms, { price, currency })),
				["/price", "AMOUNT_INVALID"],
				`${price} ${currency}`,
			);
	});

	test("in a currency there is not is refused at /currency", () => {
		for (const currency of ["ABC", "XXX", "usd", "constructor", ""])
			assert.deepEqual(
				refusal(() => termsAfter(freeTerms, { price: 1, currency })),
				["/currency", "CURRENCY"],
			);
	});

	test("that was taken is answered as it was sent", () => {
		fc.assert(
			fc.property(
				fc.integer({ min: 0, max: 1e14 }),
				fc.constantFrom("USD", "JPY", "KWD", "CLF"),
				(minor, currency) => {
					const price = toMajor(minor, currency);
					assert.equal(termsAfter(freeTerms, { price, currency }).priceMinor, minor);
				},
			),
		);
	});
});

describe("terms after a change", () => {
	const before: Terms = { status: "draft", priceMinor: 5_000, currency: "USD" };

	test("are what was asked for, the rest as before", () => {
		assert.deepEqual(termsAfter(before, {}), before);
		assert.deepEqual(termsAfter(before, { status: "published" }), {
			...before,
			status: "published",
		});
		assert.deepEqual(termsAfter(before, { price: 7 }), { ...before, priceMinor: 700 });
	});

	test("keep a price's major units in another currency, where it has them", () => {
		assert.deepEqual(termsAfter(before, { currency: "JPY" }), {
			status: "draft",
			priceMinor: 50,
			currency: "JPY",
		});
		assert.deepEqual(
			refusal(() => termsAfter({ ...before, priceMinor: 9_999 }, { currency: "JPY" })),
			["/price", "AMOUNT_INVALID"],
		);
	});

	test("are a sale where it is published and has a price", () => {
		assert.ok(isSold({ ...before, status: "published" }));
		for (const terms of [before, freeTerms, { ...before, status: "archived" } as const])
			assert.ok(!isSold(terms));
	});
});
