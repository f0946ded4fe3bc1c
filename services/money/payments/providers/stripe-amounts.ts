import { exponentOf, isCurrency } from "../../../../kernel/money/money.ts";

/** https://docs.stripe.com/currencies#zero-decimal, without UGX: see `scaleOf`. */
const zeroDecimal: ReadonlySet<string> = new Set([
	"BIF",
	"CLP",
	"DJF",
	"GNF",
	"JPY",
	"KMF",
	"KRW",
	"MGA",
	"PYG",
	"RWF",
	"VND",
	"VUV",
	"XAF",
	"XOF",
	"XPF",
]);

/** https://docs.stripe.com/currencies#three-decimal: the last digit must be 0. */
const threeDecimal: ReadonlySet<string> = new Set(["BHD", "JOD", "KWD", "OMR", "TND"]);

/** Stripe's amount is ours × `times` / `by`; `step` is the smallest difference of ours that Stripe takes. */
interface Scale {
	times: number;
	by: number;
	step: number;
}

/**
 * How Stripe counts a currency, which for some is not as ISO 4217 does:
 * - ISK has two decimals, both 0: 5 ISK is 500 (https://docs.stripe.com/currencies#special-cases);
 * - MGA has none, and two in ISO 4217: only whole ariary can be charged;
 * - UGX is in the list of those without decimals and among the special cases: not taken until a test account says which;
 * - of currencies that have not two decimals in ISO 4217, those in neither of Stripe's lists are not taken.
 */
function scaleOf(currency: string): Scale | undefined {
	if (!isCurrency(currency) || currency === "UGX") return undefined;
	if (currency === "ISK") return { times: 100, by: 1, step: 1 };
	const exponent = exponentOf(currency);
	if (zeroDecimal.has(currency)) return { times: 1, by: 10 ** exponent, step: 10 ** exponent };
	if (threeDecimal.has(currency)) return { times: 1, by: 1, step: 10 };
	return exponent === 2 ? { times: 1, by: 1, step: 1 } : undefined;
}

/** The smallest difference of amounts Stripe takes, in our minor units; undefined for a currency it does not take. */
export const stripeStep = (currency: string): number | undefined => scaleOf(currency)?.step;

/** Our minor units as Stripe counts them; undefined for what it would refuse: off the step, or not taken at all. */
export function toStripeAmount(amountMinor: number, currency: string): number | undefined {
	const scale = scaleOf(currency);
	if (!scale || amountMinor % scale.step !== 0) return undefined;
	const amount = (amountMinor * scale.times) / scale.by;
	return Number.isSafeInteger(amount) ? amount : undefined;
}

/**
 * Stripe's amount in our minor units; undefined where that is no whole number, or the currency is not taken.
 * @param currency as Stripe writes it (`usd`) or as we do.
 */
export function fromStripeAmount(amount: number, currency: string): number | undefined {
	const scale = scaleOf(currency.toUpperCase());
	const amountMinor = scale && (amount * scale.by) / scale.times;
	return Number.isSafeInteger(amountMinor) ? amountMinor : undefined;
}
