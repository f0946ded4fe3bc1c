import type { Books } from "./books.ts";
import { type Dispute, type DisputeStatus, newDispute } from "./objects.ts";

const FEE = 1500;

/** What a dispute that ended so was at first. */
const BEGAN: Partial<Record<DisputeStatus, DisputeStatus>> = {
	won: "needs_response",
	lost: "needs_response",
	warning_closed: "warning_needs_response",
};

/** An inquiry is no dispute yet: no money is withdrawn. */
const isInquiry = (status: DisputeStatus) => status.startsWith("warning_");

/**
 * The buyer's bank opens a dispute of a paid payment, or moves the open one on.
 * @param amount minor units, undefined for the whole payment
 */
export function dispute(
	books: Books,
	id: string,
	status: DisputeStatus,
	amount: number | undefined,
): Dispute {
	const charge = books.paidCharge(books.intent(id));
	const open = [...books.disputes.values()].find(
		other => other.charge === charge.id && !BEGAN[other.status],
	);
	if (open) return move(books, open, status);
	const begin = BEGAN[status] ?? status;
	const opened = newDispute(charge, amount ?? charge.amount, begin);
	books.disputes.set(opened.id, opened);
	charge.disputed = true;
	books.tell("charge.dispute.created", opened);
	if (!isInquiry(begin)) withdraw(books, opened);
	return begin === status ? opened : move(books, opened, status);
}

function move(books: Books, moved: Dispute, status: DisputeStatus): Dispute {
	const escalates = isInquiry(moved.status) && !isInquiry(status);
	moved.status = status;
	moved.is_charge_refundable = isInquiry(status) || status === "won";
	if (escalates) withdraw(books, moved);
	books.tell("charge.dispute.updated", moved);
	if (status === "won") {
		const { amount, currency, id } = moved;
		moved.balance_transactions.push(books.book(amount, currency, id, "adjustment"));
		books.tell("charge.dispute.funds_reinstated", moved);
	}
	if (BEGAN[status]) books.tell("charge.dispute.closed", moved);
	return moved;
}

function withdraw(books: Books, from: Dispute): void {
	const { amount, currency, id } = from;
	from.balance_transactions.push(books.book(-amount, currency, id, "adjustment", FEE));
	books.tell("charge.dispute.funds_withdrawn", from);
}
