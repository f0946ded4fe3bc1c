import { exponentOf, isCurrency } from "../../../../kernel/money/money.ts";

/**
 * The currencies Razorpay takes, each with the exponent that ISO 4217 has for it too
 * (https://razorpay.com/docs/payments/international-payments/#supported-currencies). All but INR must be enabled for
 * an account; where one is not, Razorpay refuses the order.
 */
const taken: ReadonlySet<string> = new Set(
	`AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CLP CNY COP CRC CUP CVE CZK
	DJF DKK DOP DZD EGP ETB EUR FJD GBP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD ISK JMD JOD JPY KES
	KGS KHR KMF KRW KWD KYD KZT LAK LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
	NZD OMR PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SCR SEK SGD SLL SOS SVC SZL THB TND TRY TTD TWD TZS UAH UGX
	USD UYU UZS VND VUV XAF XCD XOF XPF YER ZAR ZMW`.split(/\s+/),
);

/**
 * The smallest difference of amounts Razorpay takes, in our minor units, which are its own; undefined for a currency it
 * does not take. A third decimal must be 0 (https://razorpay.com/docs/api/orders/create/).
 */
export function razorpayStep(currency: string): number | undefined {
	if (!taken.has(currency) || !isCurrency(currency)) return undefined;
	return exponentOf(currency) === 3 ? 10 : 1;
}

/** Whether Razorpay takes this amount of minor units. */
export function isRazorpayAmount(amountMinor: number, currency: string): boolean {
	const step = razorpayStep(currency);
	return step !== undefined && Number.isSafeInteger(amountMinor) && amountMinor % step === 0;
}
