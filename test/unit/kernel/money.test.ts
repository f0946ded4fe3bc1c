import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CURRENCIES, type CurrencyCode } from "../../../kernel/money/currencies.ts";
import {
	add,
	allocate,
	exponentOf,
	format,
	isCurrency,
	MoneyError,
	parseAmount,
	prorateDown,
	subtract,
	toMajor,
	toMinor,
} from "../../../kernel/money/money.ts";

const CODES = Object.keys(CURRENCIES) as CurrencyCode[];
const CURRENCY_UNKNOWN = { name: "MoneyError", code: "CURRENCY_UNKNOWN" };
const AMOUNT_INVALID = { name: "MoneyError", code: "AMOUNT_INVALID" };
const CURRENCY_MISMATCH = { name: "MoneyError", code: "CURRENCY_MISMATCH" };

const MAX = Number.MAX_SAFE_INTEGER;
const JSON_MAX = 10 ** 15 - 1;
const NOT_NATURAL = [-1, 0.5, Number.NaN, Infinity, MAX + 1];

const currency = fc.constantFrom(...CODES);
const weights = fc
	.array(fc.oneof(fc.nat(5), fc.maxSafeNat()), { minLength: 1, maxLength: 12 })
	.filter(list => list.some(weight => weight > 0));

function usd(amountMinor: number) {
	return { amountMinor, currency: "USD" };
}

function bigSum(numbers: readonly number[]): bigint {
	return numbers.reduce((sum, number) => sum + BigInt(number), 0n);
}

function intlDigits(code: string) {
	const formatter = new Intl.NumberFormat("en", { style: "currency", currency: code });
	return formatter.resolvedOptions().maximumFractionDigits;
}

describe("currencies", () => {
	test("have ISO's exponents: 2 but for these", () => {
		const withExponent = (exponent: number) =>
			CODES.filter(code => CURRENCIES[code].exponent === exponent).join(" ");
		assert.equal(
			withExponent(0),
			"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
		);
		assert.equal(withExponent(3), "BHD IQD JOD KWD LYD OMR TND");
		assert.equal(withExponent(4), "CLF UYW");
		assert.equal(CODES.filter(code => CURRENCIES[code].exponent === 2).length, 139);
	});

	test("have one name and one numeric code each", () => {
		for (const [code, { numeric, name }] of Object.entries(CURRENCIES)) {
			assert.match(code, /^[A-Z]{3}$/);
			assert.match(numeric, /^\d{3}$/);
			assert.equal(name, name.trim());
			assert.notEqual(name, "");
		}
		assert.equal(new Set(Object.values(CURRENCIES).map(each => each.numeric)).size, CODES.length);
	});

	test("are Intl's but for withdrawn codes, units of account and what Intl lacks", () => {
		const intl = Intl.supportedValuesOf("currency");
		const withdrawn = ["ANG", "BGN", "CUC", "HRK", "SLL", "ZWL"];
		const withoutMinorUnit = ["XDR", "XSU"];
		const funds = ["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD"];
		assert.deepEqual(
			intl.filter(code => !isCurrency(code)),
			[...withdrawn, ...withoutMinorUnit].sort(),
		);
		assert.deepEqual(
			CODES.filter(code => !intl.includes(code)),
			[...funds, "VED"].sort(),
		);
	});

	test("have other digits than Intl for sixteen: Intl follows use, ISO the law", () => {
		const differing = Intl.supportedValuesOf("currency")
			.filter(isCurrency)
			.filter(code => intlDigits(code) !== exponentOf(code));
		assert.deepEqual(
			Object.fromEntries(differing.map(code => [code, [intlDigits(code), exponentOf(code)]])),
			{
				AFN: [0, 2],
				ALL: [0, 2],
				COP: [0, 2],
				HUF: [0, 2],
				IDR: [0, 2],
				IQD: [0, 3],
				IRR: [0, 2],
				KPW: [0, 2],
				LAK: [0, 2],
				LBP: [0, 2],
				MGA: [0, 2],
				MMK: [0, 2],
				PKR: [0, 2],
				SOS: [0, 2],
				SYP: [0, 2],
				YER: [0, 2],
			},
		);
	});

	test("are known by their exact upper-case code only", () => {
		for (const code of ["USD", "XCG", "MGA", "MRU", "UYW"]) assert.ok(isCurrency(code), code);
		const others = ["usd", " USD", "XAU", "XXX", "XTS", "ANG", "", "constructor", "__proto__"];
		for (const code of others) {
			assert.ok(!isCurrency(code), code);
			assert.throws(() => exponentOf(code), CURRENCY_UNKNOWN);
			assert.throws(() => toMinor(1, code), CURRENCY_UNKNOWN);
			assert.throws(() => toMajor(1, code), CURRENCY_UNKNOWN);
			assert.throws(() => parseAmount("1", code), CURRENCY_UNKNOWN);
			assert.throws(() => format({ amountMinor: 1, currency: code }), CURRENCY_UNKNOWN);
		}
		for (const value of [["USD"], 840, null, undefined]) assert.ok(!isCurrency(value));
	});
});

describe("toMinor", () => {
	test("takes what the currency can represent", () => {
		assert.equal(toMinor(99.99, "USD"), 9999);
		assert.equal(toMinor(0.1, "USD"), 10);
		assert.equal(toMinor(5, "USD"), 500);
		assert.equal(toMinor(-12.5, "USD"), -1250);
		assert.equal(toMinor(1050, "JPY"), 1050);
		assert.equal(toMinor(19.999, "KWD"), 19999);
		assert.equal(toMinor(0.0001, "CLF"), 1);
		assert.equal(toMinor(10000, "IDR"), 1000000);
		assert.equal(toMinor(9999999999999.99, "USD"), JSON_MAX);
	});

	test("refuses the rest instead of rounding it", () => {
		assert.throws(() => toMinor(0.1 + 0.2, "USD"), AMOUNT_INVALID);
		assert.throws(() => toMinor(1.005, "USD"), AMOUNT_INVALID);
		assert.throws(() => toMinor(10.5, "JPY"), AMOUNT_INVALID);
		assert.throws(() => toMinor(1.0005, "KWD"), AMOUNT_INVALID);
		assert.throws(() => toMinor(1e-7, "CLF"), AMOUNT_INVALID);
		for (const amount of [1e13, 90071992547409.91, 1e21, -1e21, Number.NaN, Infinity, -Infinity]) {
			assert.throws(() => toMinor(amount, "USD"), AMOUNT_INVALID, String(amount));
		}
	});

	test("makes negative zero plain zero", () => {
		assert.ok(Object.is(toMinor(-0, "USD"), 0));
		assert.ok(Object.is(toMajor(-0, "USD"), 0));
	});

	test("reads back every amount that toMajor writes", () => {
		fc.assert(
			fc.property(fc.integer({ min: -JSON_MAX, max: JSON_MAX }), currency, (minor, code) => {
				assert.equal(toMinor(toMajor(minor, code), code), minor);
			}),
		);
		for (const code of CODES) {
			for (const minor of [0, 1, 9, 10, 99, 101, 9999, 1e12 - 1, 1e12, JSON_MAX]) {
				assert.equal(toMinor(toMajor(minor, code), code), minor, `${minor} ${code}`);
			}
		}
	});

	test("gives an amount that is the number itself, or refuses the number", () => {
		const number = fc.oneof(
			fc.double({ noNaN: true }),
			fc.integer().map(thousandths => thousandths / 1000),
		);
		fc.assert(
			fc.property(number, currency, (amount, code) => {
				let minor: number;
				try {
					minor = toMinor(amount, code);
				} catch (error) {
					assert.ok(error instanceof MoneyError);
					return;
				}
				assert.equal(toMajor(minor, code), amount + 0);
			}),
		);
	});
});

describe("toMajor", () => {
	test("is the shortest decimal", () => {
		assert.equal(toMajor(9999, "USD"), 99.99);
		assert.equal(toMajor(110, "USD"), 1.1);
		assert.equal(toMajor(1050, "JPY"), 1050);
		assert.equal(toMajor(19999, "KWD"), 19.999);
		assert.equal(toMajor(1, "UYW"), 0.0001);
		assert.equal(JSON.stringify(toMajor(30, "USD")), "0.3");
	});

	test("refuses what is no amount, or no longer exact as a JSON number", () => {
		for (const minor of [0.5, Number.NaN, Infinity, JSON_MAX + 1, -JSON_MAX - 1]) {
			assert.throws(() => toMajor(minor, "USD"), AMOUNT_INVALID);
		}
	});
});

describe("parseAmount", () => {
	test("takes decimals up to the largest safe integer of minor units", () => {
		assert.equal(parseAmount("99.99", "USD"), 9999);
		assert.equal(parseAmount("5", "USD"), 500);
		assert.equal(parseAmount("0.5", "USD"), 50);
		assert.equal(parseAmount("-0.05", "USD"), -5);
		assert.equal(parseAmount("19.999", "KWD"), 19999);
		assert.equal(parseAmount("90071992547409.91", "USD"), MAX);
		assert.ok(Object.is(parseAmount("-0.00", "USD"), 0));
	});

	test("refuses other notations, surplus digits and unsafe amounts", () => {
		const notations = ["", " 1", "1\n", "+1", "01", "1.", ".5", "1e2", "0x10", "1,00", "1_0", "٣"];
		const surplus = ["1.005", "1.000", "0.30000000000000004"];
		const unsafe = ["90071992547409.92", "1".padEnd(400, "0")];
		for (const text of [...notations, ...surplus, ...unsafe, "NaN", "Infinity", "--1"]) {
			assert.throws(() => parseAmount(text, "USD"), AMOUNT_INVALID, text);
		}
		assert.throws(() => parseAmount("10.0", "JPY"), AMOUNT_INVALID);
	});

	test("agrees with toMinor on what both take", () => {
		fc.assert(
			fc.property(fc.integer({ min: -JSON_MAX, max: JSON_MAX }), currency, (minor, code) => {
				assert.equal(parseAmount(String(toMajor(minor, code)), code), minor);
			}),
		);
	});
});

describe("format", () => {
	test("shows ISO's digits where Intl's differ", () => {
		assert.equal(format(usd(9999)), "$99.99");
		assert.equal(format(usd(-500)), "-$5.00");
		assert.equal(format({ amountMinor: 1050, currency: "JPY" }), "¥1,050");
		assert.equal(format({ amountMinor: 1000050, currency: "IDR" }), "IDR\u00a010,000.50");
		assert.equal(format({ amountMinor: 1500, currency: "IQD" }), "IQD\u00a01.500");
	});

	test("follows the locale", () => {
		assert.equal(format({ amountMinor: 123456, currency: "EUR" }, "de"), "1.234,56\u00a0€");
	});

	test("is exact to the last safe integer, and refuses what is none", () => {
		assert.equal(format(usd(MAX)), "$90,071,992,547,409.91");
		assert.throws(() => format(usd(99.99)), AMOUNT_INVALID);
	});
});

describe("add and subtract", () => {
	test("work within one currency", () => {
		assert.deepEqual(add(usd(9999), usd(1)), usd(10000));
		assert.deepEqual(subtract(usd(1), usd(9999)), usd(-9998));
		assert.ok(Object.is(add(usd(-0), usd(-0)).amountMinor, 0));
	});

	test("refuse mixed currencies", () => {
		const euro = { amountMinor: 1, currency: "EUR" };
		assert.throws(() => add(usd(1), euro), CURRENCY_MISMATCH);
		assert.throws(() => subtract(usd(1), euro), CURRENCY_MISMATCH);
	});

	test("refuse unsafe terms and results", () => {
		assert.deepEqual(add(usd(MAX - 1), usd(1)), usd(MAX));
		assert.throws(() => add(usd(MAX), usd(1)), AMOUNT_INVALID);
		assert.throws(() => subtract(usd(-MAX), usd(1)), AMOUNT_INVALID);
		assert.throws(() => add(usd(0.5), usd(0.5)), AMOUNT_INVALID);
		assert.throws(() => add(usd(1), usd(Number.NaN)), AMOUNT_INVALID);
		assert.throws(() => subtract(usd(1.5), usd(0.5)), AMOUNT_INVALID);
	});

	test("undo each other", () => {
		const amount = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
		fc.assert(
			fc.property(amount, amount, (a, b) => {
				assert.deepEqual(subtract(add(usd(a), usd(b)), usd(b)), usd(a));
			}),
		);
	});
});

describe("allocate", () => {
	test("gives the largest remainders the odd units, the earlier first", () => {
		assert.deepEqual(allocate(100, [1, 1, 1]), [34, 33, 33]);
		assert.deepEqual(allocate(2, [1, 1, 1]), [1, 1, 0]);
		assert.deepEqual(allocate(5, [3, 7]), [2, 3]);
		assert.deepEqual(allocate(10, [1, 6, 8]), [1, 4, 5]);
		assert.deepEqual(allocate(7, [0, 1, 0]), [0, 7, 0]);
		assert.deepEqual(allocate(0, [1, 2]), [0, 0]);
		assert.deepEqual(allocate(MAX, [MAX, MAX]), [2 ** 52, 2 ** 52 - 1]);
	});

	test("refuses what cannot be split", () => {
		assert.throws(() => allocate(1, []), AMOUNT_INVALID);
		assert.throws(() => allocate(1, [0, 0]), AMOUNT_INVALID);
		for (const bad of NOT_NATURAL) {
			assert.throws(() => allocate(bad, [1]), AMOUNT_INVALID, `amount ${bad}`);
			assert.throws(() => allocate(1, [1, bad]), AMOUNT_INVALID, `weight ${bad}`);
		}
	});

	test("sums to the whole, each share less than one unit from exact", () => {
		fc.assert(
			fc.property(fc.maxSafeNat(), weights, (minor, list) => {
				const shares = allocate(minor, list);
				const total = bigSum(list);
				assert.equal(shares.length, list.length);
				assert.equal(bigSum(shares), BigInt(minor));
				for (const [index, share] of shares.entries()) {
					const error = BigInt(share) * total - BigInt(minor) * BigInt(list[index] ?? 0);
					assert.ok(-total < error && error < total);
				}
			}),
		);
	});

	test("never gives a smaller weight more, nor a later equal one", () => {
		fc.assert(
			fc.property(fc.maxSafeNat(), weights, (minor, list) => {
				const shares = allocate(minor, list).map((share, index) => ({
					share,
					weight: list[index] ?? 0,
				}));
				const byWeight = shares.toSorted((a, b) => b.weight - a.weight);
				const byShare = shares.toSorted((a, b) => b.share - a.share);
				assert.deepEqual(
					byWeight.map(each => each.share),
					byShare.map(each => each.share),
				);
			}),
		);
	});
});

describe("prorateDown", () => {
	test("rounds down", () => {
		assert.equal(prorateDown(9999, 100 - 37, 100), 6299);
		assert.equal(prorateDown(9999, 1250, 10000), 1249);
		assert.equal(prorateDown(9999, 0, 100), 0);
		assert.equal(prorateDown(MAX, MAX, MAX), MAX);
	});

	test("refuses fractions, negatives, a zero denominator and unsafe results", () => {
		assert.throws(() => prorateDown(1, 1, 0), AMOUNT_INVALID);
		assert.throws(() => prorateDown(MAX, 2, 1), AMOUNT_INVALID);
		for (const bad of NOT_NATURAL) {
			assert.throws(() => prorateDown(bad, 1, 1), AMOUNT_INVALID);
			assert.throws(() => prorateDown(1, bad, 1), AMOUNT_INVALID);
			assert.throws(() => prorateDown(1, 1, bad), AMOUNT_INVALID);
		}
	});

	test("is at most exact, and less than one unit below", () => {
		fc.assert(
			fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), (minor, a, b) => {
				const [numerator, denominator] = [Math.min(a, b), Math.max(a, b, 1)];
				const exact = BigInt(minor) * BigInt(numerator);
				const scaled = BigInt(prorateDown(minor, numerator, denominator)) * BigInt(denominator);
				assert.ok(scaled <= exact && exact < scaled + BigInt(denominator));
			}),
		);
	});
});
