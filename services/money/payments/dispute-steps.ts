import { type Clock, iso } from "../../../kernel/clock.ts";
import { format } from "../../../kernel/money/money.ts";
import type { DisputeDoc, PaymentDoc } from "../../../models/money/payment.model.ts";
import type { DisputeSnapshot } from "./providers/port.ts";
import type { Step } from "./records.ts";
import { disputed } from "./told.ts";

/** What the provider says of a dispute changes here, step by step; null when it is all known. */
export function disputeStep(
	payment: PaymentDoc,
	answer: DisputeSnapshot,
	clock: Clock,
): Step | null {
	const known = payment.disputes[answer.id];
	if (!known) return opened(payment, answer, clock);
	if (known.status !== "open" || answer.status === "open") return null;
	return closed(payment, known, answer.status, clock);
}

/** The provider holds the money: nothing of it can be refunded meanwhile. */
function opened(
	payment: PaymentDoc,
	{ id, amountMinor, currency }: DisputeSnapshot,
	clock: Clock,
): Step | null {
	if (currency !== payment.currency) {
		const review = `dispute ${id} has another currency`;
		return payment.review
			? null
			: { change: { $set: { review } }, what: "a person must look", detail: review };
	}
	const dispute: DisputeDoc = {
		id,
		status: "open",
		amountMinor,
		openedAt: iso(clock.now()),
	};
	return {
		change: { $set: { [`disputes.${id}`]: dispute } },
		what: "disputed",
		detail: `${id}, ${format({ amountMinor, currency })}`,
		facts: [disputed(payment, clock, "payment.disputed", dispute)],
	};
}

function closed(
	payment: PaymentDoc,
	dispute: DisputeDoc,
	status: "won" | "lost",
	clock: Clock,
): Step {
	const at = `disputes.${dispute.id}`;
	return {
		change: {
			$set: { [`${at}.status`]: status, [`${at}.closedAt`]: iso(clock.now()) },
		},
		what: `dispute ${status}`,
		detail: dispute.id,
		facts: [
			disputed(
				payment,
				clock,
				status === "won" ? "payment.reinstated" : "payment.charged_back",
				dispute,
			),
		],
	};
}
