import { invalidField } from "../../../kernel/errors.ts";
import { isCurrency, MoneyError, toMajor, toMinor } from "../../../kernel/money/money.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";

/** What a course is offered at. They change together, so that two changes at once never mix. */
export type Terms = Pick<CourseDoc, "status" | "priceMinor" | "currency">;

/** What a new course is offered at unless its teacher says otherwise. */
export const freeTerms: Terms = { status: "published", priceMinor: 0, currency: "USD" };

/** Whether it costs who wants it now. */
export const isSold = ({ status, priceMinor }: Terms): boolean =>
	status === "published" && priceMinor > 0;

/**
 * The terms after what a teacher asks for; what is not asked for stays, a price as its number of major units.
 * @param wanted `price` in major units.
 * @throws VALIDATION_ERROR where the currency does not exist or cannot express the price.
 */
export function termsAfter(
	{ status, priceMinor, currency }: Terms,
	wanted: { status?: Terms["status"]; price?: number; currency?: string },
): Terms {
	const next = wanted.currency ?? currency;
	if (!isCurrency(next)) throw invalidField("/currency", "CURRENCY", "is not an ISO 4217 currency");
	const price = wanted.price ?? toMajor(priceMinor, currency);
	return {
		status: wanted.status ?? status,
		priceMinor: minorUnits(price, next),
		currency: next,
	};
}

function minorUnits(price: number, currency: string): number {
	try {
		return toMinor(price, currency);
	} catch (error) {
		if (error instanceof MoneyError)
			throw invalidField("/price", error.code, `cannot be paid in ${currency}`);
		throw error;
	}
}
