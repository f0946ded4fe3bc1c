import { defineModel } from "../../kernel/store/model.ts";
import type { Movement } from "../../services/money/payments/payments.contract.ts";

export interface Leg {
	/** `provider:sandbox:clearing`, `platform:revenue`, … */
	account: string;
	direction: "debit" | "credit";
	/** Minor units, more than none. */
	amountMinor: number;
	currency: string;
}

/** One journal entry with all its legs, sum zero per currency. Never changed, never removed. */
export interface TransferDoc {
	id: string;
	/** What it books, once: `capture:<paymentId>`, `refund:<refundId>`, … */
	key: string;
	kind: Movement["kind"];
	/** What it books the money of: a payment's id. */
	subjectId: string;
	legs: Leg[];
	/** When what it books happened. */
	at: string;
	/** When it was booked. */
	postedAt: string;
}

export const TransferModel = defineModel<TransferDoc>()({
	name: "ledger_transfers",
	fields: {
		key: String,
		kind: String,
		subjectId: String,
		legs: {
			type: [
				{ _id: false, account: String, direction: String, amountMinor: Number, currency: String },
			],
		},
		at: String,
		postedAt: String,
	},
	indexes: { key: { unique: true }, subjectId: {} },
});
