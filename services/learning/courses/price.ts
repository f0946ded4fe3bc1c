import { invalidField } from "../../../kernel/errors.ts";
import { isCurrency, MoneyError, toMinor } from "../../../kernel/money/money.ts";

/**
 * A course's price in minor units.
 * @param price major units, as the teacher sent it.
 * @throws VALIDATION_ERROR where the currency does not exist or cannot express the price.
 */
export function priceMinor(price: number, currency: string): number {
	if (!isCurrency(currency))
		throw invalidField("/currency", "CURRENCY", "is not an ISO 4217 currency");
	try {
		return toMinor(price, currency);
	} catch (error) {
		if (error instanceof MoneyError)
			throw invalidField("/price", error.code, `cannot be paid in ${currency}`);
		throw error;
	}
}
