import type Stripe from "stripe";
import type { ProviderEvent } from "./port.ts";
import { declineOf, idOf } from "./stripe-snapshots.ts";

/**
 * What each of Stripe's events leads to. `processing` has no kind of its own: as a failure without a decline it leads
 * to asking, and to nothing else. `charge.updated` of a paid charge, by which Stripe tells its fee later, leads to asking
 * again of what is paid, as a refund does.
 */
const kinds: ReadonlyMap<string, ProviderEvent["kind"]> = new Map([
	["payment_intent.succeeded", "paid"],
	["payment_intent.payment_failed", "failed"],
	["payment_intent.processing", "failed"],
	["payment_intent.canceled", "canceled"],
	["charge.updated", "refund"],
	["charge.refunded", "refund"],
	["charge.refund.updated", "refund"],
	["refund.created", "refund"],
	["refund.updated", "refund"],
	["refund.failed", "refund"],
	["charge.dispute.created", "dispute"],
	["charge.dispute.updated", "dispute"],
	["charge.dispute.closed", "dispute"],
	["charge.dispute.funds_withdrawn", "dispute"],
	["charge.dispute.funds_reinstated", "dispute"],
]);

/** The members read here of whatever an event is about. */
interface Subject {
	id?: string;
	object?: string;
	status?: string;
	payment_intent?: string | { id: string } | null;
	metadata?: Record<string, string> | null;
	last_payment_error?: Stripe.PaymentIntent.LastPaymentError | null;
}

interface RawEvent {
	id?: unknown;
	type?: unknown;
	livemode?: unknown;
	data?: { object?: Subject };
}

function parsed(body: Buffer): RawEvent | null {
	try {
		return JSON.parse(body.toString()) as RawEvent | null;
	} catch {
		return null;
	}
}

/** Whether payments have anything to do with it. A payment intent of ours always has our metadata. */
function kindOf(type: string, { object, status, metadata }: Subject): ProviderEvent["kind"] {
	if (object === "payment_intent" && !metadata?.payment_id) return "other";
	if (type === "charge.updated" && status !== "succeeded") return "other";
	return kinds.get(type) ?? "other";
}

/**
 * The event that the bytes of a webhook hold, its signature checked before; null where they hold none.
 * @param live whether our key is of live mode: an event of the other mode is `other`.
 */
export function stripeEvent(body: Buffer, live: boolean): ProviderEvent | null {
	const event = parsed(body);
	if (typeof event?.id !== "string" || typeof event.type !== "string") return null;
	const { id, type } = event;
	const subject = event.data?.object ?? {};
	const kind = event.livemode === live ? kindOf(type, subject) : "other";
	if (kind === "other") return { id, type, kind };
	const isIntent = subject.object === "payment_intent";
	const gatewayId = isIntent ? subject.id : idOf(subject.payment_intent);
	const key = subject.metadata?.payment_id;
	const failure =
		type === "payment_intent.payment_failed" && subject.id
			? declineOf({ id: subject.id, last_payment_error: subject.last_payment_error ?? null })
			: undefined;
	const isObject = subject.object === "refund" || subject.object === "dispute";
	return {
		id,
		type,
		kind,
		...(gatewayId && { gatewayId }),
		...(key && { key }),
		...(failure && { failure }),
		...(isObject && subject.id && { objectId: subject.id }),
	};
}
