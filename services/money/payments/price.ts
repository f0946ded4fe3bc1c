import { toMinor } from "../../../kernel/money/money.ts";
import type { Quote } from "./payments.contract.ts";

/** Whether what a client believes to pay is the price; what it does not say is not held against it. */
export function isPrice(
	quote: Quote,
	amount: number | undefined,
	currency = quote.currency,
): boolean {
	if (currency !== quote.currency) return false;
	if (amount === undefined) return true;
	try {
		return toMinor(amount, quote.currency) === quote.amountMinor;
	} catch {
		return false;
	}
}
