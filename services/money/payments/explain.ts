import { iso } from "../../../kernel/clock.ts";
import { format } from "../../../kernel/money/money.ts";
import { pastRetention } from "../../../kernel/store/retention.ts";
import type { WebhookDoc } from "../../../mixins/webhook-inbox.mixin.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Explanation } from "./payments.contract.ts";
import type { ProviderEvent } from "./providers/port.ts";
import { isUnsettled } from "./states.ts";

type Entry = Explanation["entries"][number];

/** What is known of a payment outside its own document. */
export interface Around {
	events: readonly WebhookDoc<ProviderEvent>[];
	/** Fact id → group → how far that group is with it; a group that never met it is left out, one that is away null. */
	receipts: ReadonlyMap<string, Readonly<Record<string, string | null>>>;
	/** Null where the ledger does not answer. */
	transfers: readonly { id: string; kind: string; legs: readonly Leg[]; postedAt: string }[] | null;
}

interface Leg {
	account: string;
	direction: "debit" | "credit";
	amountMinor: number;
	currency: string;
}

/** A fact's name as the log has it, which may have no dots. */
const nameOf = (key: string): string => key.replaceAll("/", ".");

/** Everything that happened to a payment, in order and in words. @param now ms */
export function explain(payment: PaymentDoc, around: Around, now: number): Explanation {
	const log = Object.entries(payment.log).sort(([a], [b]) => (a < b ? -1 : 1));
	const entries: Entry[] = [
		...log.map(
			([, { at, what, by, detail }]): Entry => ({
				at,
				source: /provider|answer|captured|declined|fee/.test(what) ? "provider" : "payment",
				text: detail ? `${what}: ${detail}` : what,
				by,
			}),
		),
		...log.flatMap(([, { at, facts = {} }]) =>
			Object.entries(facts).map(
				([key, id]): Entry => ({
					at,
					source: "fact",
					text: `told ${nameOf(key)} ${id}: ${receiptsText(around.receipts.get(id))}`,
				}),
			),
		),
		...around.events.map(eventEntry),
		...(around.transfers ?? []).map(
			({ id, kind, legs, postedAt }): Entry => ({
				at: postedAt,
				source: "ledger",
				text: `booked ${kind} ${id}: ${legs.map(legText).join(", ")}`,
			}),
		),
	];
	return {
		paymentId: payment.id,
		status: payment.status,
		summary: summaryOf(payment, around, now),
		entries: entries
			.map((entry, i) => ({ entry, i }))
			.sort((a, b) => (a.entry.at === b.entry.at ? a.i - b.i : a.entry.at < b.entry.at ? -1 : 1))
			.map(({ entry }) => entry),
	};
}

const legText = ({ account, direction, amountMinor, currency }: Leg): string =>
	`${direction} ${account} ${format({ amountMinor, currency })}`;

function eventEntry(event: WebhookDoc<ProviderEvent>): Entry {
	const { id, type, state, tries, lastError, receivedAt, agesFrom } = event;
	const outcome = {
		done: "applied",
		ignored: "means nothing here",
		received: `not applied yet${lastError ? `, ${lastError}` : ""}`,
		parked: `could not be applied in ${tries} tries${lastError ? `, ${lastError}` : ""}`,
	}[state];
	const content = agesFrom === 0 ? `; what it said was ${pastRetention}` : "";
	return { at: iso(receivedAt), source: "webhook", text: `${type} (${id}): ${outcome}${content}` };
}

const receiptsText = (receipts: Readonly<Record<string, string | null>> | undefined): string => {
	const groups = Object.entries(receipts ?? {});
	if (groups.length === 0) return "nobody waits for it";
	return groups.map(([group, state]) => `${group} ${state ?? "does not answer"}`).join(", ");
};

function summaryOf(payment: PaymentDoc, { transfers }: Around, now: number): string {
	const { amountMinor, currency, refundedMinor = 0, review } = payment;
	const parts = [`${format({ amountMinor, currency })}, ${payment.status.replaceAll("_", " ")}`];
	if (refundedMinor > 0)
		parts.push(`${format({ amountMinor: refundedMinor, currency })} went back`);
	if (review) parts.push(`a person must look: ${review}`);
	else if (isUnsettled(payment, now) && payment.capturedAt)
		parts.push("the provider is being asked for what is not known yet");
	if (transfers === null) parts.push("the ledger does not answer");
	return parts.join("; ");
}
