import { CURRENCIES, type CurrencyCode } from "./currencies.ts";

/** An amount in minor units (cents, yen, fils): always a safe integer, never a fraction. */
export interface Money {
	amountMinor: number;
	currency: string;
}

export type MoneyErrorCode = "CURRENCY_UNKNOWN" | "AMOUNT_INVALID" | "CURRENCY_MISMATCH";

/** What the functions here throw; `code` is stable, the message is for people. */
export class MoneyError extends RangeError {
	override readonly name = "MoneyError";
	readonly code: MoneyErrorCode;

	constructor(code: MoneyErrorCode, message: string) {
		super(message);
		this.code = code;
	}
}

/** An amount as JSON writes numbers, without an exponent: no plus sign, no leading zeros. */
const DECIMAL = /^(-?(?:0|[1-9]\d*))(?:\.(\d+))?$/;

/** A double tells any two decimals of up to 15 digits apart; beyond, neighbours may merge. */
const JSON_NUMBER_LIMIT = 10 ** 15;

function invalid(message: string): MoneyError {
	return new MoneyError("AMOUNT_INVALID", message);
}

function safeInteger(value: number): number {
	if (!Number.isSafeInteger(value)) throw invalid(`${value} is not a safe integer`);
	return value + 0; // −0 becomes 0
}

function natural(value: number): bigint {
	if (safeInteger(value) < 0) throw invalid(`${value} is negative`);
	return BigInt(value);
}

function exactInJson(minor: number): number {
	if (Math.abs(minor) < JSON_NUMBER_LIMIT) return minor;
	throw invalid(`${minor} minor units are too many for a JSON number to be exact`);
}

/** Whether `code` is a currency one can charge; upper case, as ISO 4217 writes it. */
export function isCurrency(code: unknown): code is CurrencyCode {
	return typeof code === "string" && Object.hasOwn(CURRENCIES, code);
}

/** The digits a currency has after its decimal point. Throws CURRENCY_UNKNOWN. */
export function exponentOf(currency: string): number {
	if (isCurrency(currency)) return CURRENCIES[currency].exponent;
	throw new MoneyError("CURRENCY_UNKNOWN", `${currency} is not a currency`);
}

/**
 * Minor units of a decimal text in major units: "99.99" USD is 9999. More fraction digits than the
 * currency has are refused even when they are zeros: "1.000" USD may have meant a thousand.
 * Throws AMOUNT_INVALID, CURRENCY_UNKNOWN.
 */
export function parseAmount(text: string, currency: string): number {
	const exponent = exponentOf(currency);
	const [decimal, whole, fraction = ""] = DECIMAL.exec(text) ?? [];
	if (decimal === undefined || fraction.length > exponent) {
		throw invalid(`${text} is not an amount in ${currency}, which has ${exponent} decimals`);
	}
	return safeInteger(Number(whole + fraction.padEnd(exponent, "0")));
}

/**
 * Minor units of a JSON number in major units: 99.99 USD is 9999. The number's shortest decimal
 * form counts, so 0.1 + 0.2 is refused; so are 10^15 minor units and more, where two amounts may
 * share one number. The sign is the caller's to judge. Throws AMOUNT_INVALID, CURRENCY_UNKNOWN.
 */
export function toMinor(amount: number, currency: string): number {
	return exactInJson(parseAmount(String(amount), currency));
}

/**
 * The JSON number, in major units, for minor units: 9999 USD is 99.99, and `toMinor` reads it back.
 * Throws AMOUNT_INVALID from 10^15 minor units on, CURRENCY_UNKNOWN.
 */
export function toMajor(minor: number, currency: string): number {
	return Number(`${exactInJson(safeInteger(minor))}e-${exponentOf(currency)}`);
}

/**
 * The amount for people: "$99.99". Digits are ISO 4217's, since Intl's own are not.
 * Throws AMOUNT_INVALID, CURRENCY_UNKNOWN, and Intl's RangeError for a malformed locale.
 */
export function format({ amountMinor, currency }: Money, locale = "en"): string {
	const exponent = exponentOf(currency);
	return new Intl.NumberFormat(locale, {
		style: "currency",
		currency,
		minimumFractionDigits: exponent,
		maximumFractionDigits: exponent,
	}).format(`${safeInteger(amountMinor)}e-${exponent}` as Intl.StringNumericLiteral);
}

/** a + b. Throws CURRENCY_MISMATCH, and AMOUNT_INVALID when a term or the sum is unsafe. */
export function add(a: Money, b: Money): Money {
	if (a.currency !== b.currency) {
		throw new MoneyError("CURRENCY_MISMATCH", `${a.currency} and ${b.currency} do not mix`);
	}
	const sum = safeInteger(a.amountMinor) + safeInteger(b.amountMinor);
	return { amountMinor: safeInteger(sum), currency: a.currency };
}

/** a − b, negative when b is more. Throws as `add` does. */
export function subtract(a: Money, b: Money): Money {
	return add(a, { ...b, amountMinor: -b.amountMinor });
}

/**
 * Splits minor units in proportion to weights, by largest remainder: the shares sum to the whole,
 * each is within one unit of exact, and of equal remainders the earlier wins. 100 by [1, 1, 1] is
 * [34, 33, 33]. Throws AMOUNT_INVALID unless amount and weights are non-negative safe integers and
 * some weight is positive.
 */
export function allocate(minor: number, weights: readonly number[]): number[] {
	const whole = natural(minor);
	const parts = weights.map(natural);
	const total = parts.reduce((sum, part) => sum + part, 0n);
	if (total === 0n) throw invalid("some weight must be positive");

	const shares = parts.map(part => ({
		minor: Number((whole * part) / total),
		remainder: (whole * part) % total,
	}));
	const given = shares.reduce((sum, share) => sum + share.minor, 0);
	const byRemainder = shares.toSorted((a, b) => Number(b.remainder - a.remainder));
	for (const share of byRemainder.slice(0, minor - given)) share.minor += 1;
	return shares.map(share => share.minor);
}

/**
 * minor × numerator / denominator, rounded down: 9999 × 63 / 100 is 6299. Fractional percentages
 * are scaled by the caller: 12.5 % is 1250 / 10000. Throws AMOUNT_INVALID unless all three are
 * non-negative safe integers, the denominator positive and the result safe.
 */
export function prorateDown(minor: number, numerator: number, denominator: number): number {
	const divisor = natural(denominator);
	if (divisor === 0n) throw invalid("the denominator must be positive");
	return safeInteger(Number((natural(minor) * natural(numerator)) / divisor));
}
