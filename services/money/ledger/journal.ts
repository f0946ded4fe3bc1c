import { derivedId } from "../../../kernel/ids.ts";
import { add } from "../../../kernel/money/money.ts";
import type { Leg, TransferDoc } from "../../../models/money/transfer.model.ts";
import type { Movement } from "../payments/payments.contract.ts";

/** Debits and credits of one account in one currency, minor units. */
export interface Account {
	account: string;
	currency: string;
	debitMinor: number;
	creditMinor: number;
}

/** What identifies a booking: every movement of money is booked once. */
export const keyOf = ({ kind, id }: Pick<Movement, "kind" | "id">): string => `${kind}:${id}`;

/** The accounts that a movement debits and credits. What a provider holds for us is an asset. */
function accountsOf({ kind, provider }: Pick<Movement, "kind" | "provider">): [string, string] {
	const clearing = `provider:${provider}:clearing`;
	switch (kind) {
		case "capture":
			return [clearing, "platform:revenue"];
		case "fee":
			return [`provider:${provider}:fees`, clearing];
		case "refund":
			return ["platform:refunds", clearing];
		case "refund_reversal":
			return [clearing, "platform:refunds"];
		case "dispute":
			return ["platform:chargebacks", clearing];
		case "dispute_reversal":
			return [clearing, "platform:chargebacks"];
	}
}

/**
 * The entry of a movement. The same for the same movement, id included.
 * @param postedAt now, ISO 8601
 */
export function transferOf(movement: Movement, postedAt: string): TransferDoc {
	const { kind, id, paymentId, amountMinor, currency, at } = movement;
	const [debit, credit] = accountsOf(movement);
	return {
		id: derivedId("ldg", id, kind),
		key: keyOf(movement),
		kind,
		subjectId: paymentId,
		legs: [
			{ account: debit, direction: "debit", amountMinor, currency },
			{ account: credit, direction: "credit", amountMinor, currency },
		],
		at,
		postedAt,
	};
}

/** Whether two entries book the same amounts on the same accounts. */
export const isSameBooking = (a: readonly Leg[], b: readonly Leg[]): boolean => {
	const text = (legs: readonly Leg[]) =>
		legs
			.map(leg => `${leg.account} ${leg.direction} ${leg.amountMinor} ${leg.currency}`)
			.sort()
			.join("\n");
	return text(a) === text(b);
};

/** What is wrong with an entry; undefined for one with two legs or more, positive whole amounts, and sum zero per currency. */
export function flawOf(legs: readonly Leg[]): string | undefined {
	if (legs.length < 2) return "it has less than two legs";
	if (legs.some(leg => !Number.isSafeInteger(leg.amountMinor) || leg.amountMinor <= 0))
		return "an amount is not a positive whole number of minor units";
	const sums = new Map<string, bigint>();
	for (const { currency, direction, amountMinor } of legs) {
		const signed = BigInt(direction === "debit" ? amountMinor : -amountMinor);
		sums.set(currency, (sums.get(currency) ?? 0n) + signed);
	}
	const off = [...sums].find(([, sum]) => sum !== 0n);
	return off && `its debits and credits in ${off[0]} differ by ${off[1]} minor units`;
}

/** Balances as they follow from the journal. */
export class Balances {
	readonly #accounts = new Map<string, Account>();

	/** @throws MoneyError where a sum is not a safe integer any more. */
	add(legs: readonly Leg[]): void {
		for (const { account, direction, amountMinor, currency } of legs) {
			const key = `${account} ${currency}`;
			const known = this.#accounts.get(key) ?? { account, currency, debitMinor: 0, creditMinor: 0 };
			const side = direction === "debit" ? "debitMinor" : "creditMinor";
			const before = { amountMinor: known[side], currency };
			known[side] = add(before, { amountMinor, currency }).amountMinor;
			this.#accounts.set(key, known);
		}
	}

	/** By name, then currency. */
	get all(): Account[] {
		return [...this.#accounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, account]) => account);
	}
}
