import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Failure, Snapshot } from "./providers/port.ts";
import { isOpen } from "./states.ts";

/** What a provider's answer means for a payment. */
export type Consequence =
	| { do: "nothing" }
	| { do: "capture" }
	| { do: "close" }
	| { do: "process" }
	| { do: "decline"; failure: Failure }
	| { do: "reopen" }
	| { do: "review"; reason: string };

const difference = (payment: PaymentDoc, answer: Snapshot): string | undefined => {
	const { gatewayId = answer.id } = payment;
	if (answer.id !== gatewayId || answer.key !== payment.id) return "payment differs";
	if (answer.currency !== payment.currency) return "currency differs";
	if (answer.amountMinor !== payment.amountMinor) return "amount differs";
	return undefined;
};

/**
 * Decides what a provider's answer means. Money is captured only when it is this payment's, to the last minor unit;
 * money that came after the payment was closed is captured all the same.
 */
export function consequence(payment: PaymentDoc, answer: Snapshot): Consequence {
	if (payment.capturedAt) return { do: "nothing" };
	const reason = difference(payment, answer);
	if (reason) return { do: "review", reason };
	if (answer.status === "paid") return { do: "capture" };
	if (!isOpen(payment.status)) return { do: "nothing" };
	if (answer.status === "canceled") return { do: "close" };
	if (answer.status === "processing") return { do: "process" };
	if (answer.failure && !payment.declines[answer.failure.id])
		return { do: "decline", failure: answer.failure };
	return payment.status === "processing" ? { do: "reopen" } : { do: "nothing" };
}
