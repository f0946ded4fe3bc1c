/** What Stripe takes and in which amounts. https://docs.stripe.com/currencies */
const CURRENCIES: ReadonlySet<string> = new Set(
	`aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad
	cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd
	hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl
	mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg
	qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah
	ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw`.split(/\s+/),
);

/** Amounts of three decimals end in 0; ISK and UGX are sent with two decimals that are 0. */
const STEPS: Record<string, number> = {
	...{ bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10 },
	...{ isk: 100, ugx: 100 },
};

const SMALLEST: Record<string, number> = {
	...{ aed: 200, aud: 50, brl: 50, cad: 50, chf: 50, czk: 1500, dkk: 250, eur: 50, gbp: 30 },
	...{ hkd: 400, huf: 17500, inr: 50, jpy: 50, mxn: 1000, myr: 200, nok: 300, nzd: 50, pln: 200 },
	...{ ron: 200, sek: 300, sgd: 50, thb: 1000, usd: 50 },
};

/** Eight digits; twelve for IDR. */
const largest = (currency: string) => (currency === "idr" ? 999_999_999_999 : 99_999_999);

/** Why Stripe would not take this amount (minor units); undefined where it would. */
export function refusalOf(
	amount: number,
	currency: string,
): { param: string; message: string; code?: string } | undefined {
	if (!CURRENCIES.has(currency))
		return { param: "currency", message: `Invalid currency: ${currency}.` };
	const param = "amount";
	if (amount < 1) {
		const message = "This value must be greater than or equal to 1.";
		return { param, message, code: "parameter_invalid_integer" };
	}
	const smallest = SMALLEST[currency] ?? 1;
	if (amount < smallest) {
		const message = `Amount must be at least ${smallest} ${currency}`;
		return { param, message, code: "amount_too_small" };
	}
	if (amount > largest(currency)) {
		const message = `Amount must be no more than ${largest(currency)} ${currency}`;
		return { param, message, code: "amount_too_large" };
	}
	const step = STEPS[currency] ?? 1;
	if (amount % step !== 0) {
		const message = `Amounts in ${currency} must be divisible by ${step}`;
		return { param, message, code: "invalid_charge_amount" };
	}
	return undefined;
}
