import { createHash } from "node:crypto";
import type { ProviderEvent } from "./port.ts";
import {
	declineOf,
	keyOf,
	type RazorpayOrder,
	type RazorpayPayment,
} from "./razorpay-snapshots.ts";

/** Razorpay sends an event again for 24 h; what is older than this nobody sends but who kept a copy. */
const longestAgoMs = 48 * 3_600_000;
const longestAheadMs = 300_000;

/**
 * What each of Razorpay's events leads to. `payment.authorized` has no kind of its own: as a failure without a decline
 * it leads to asking, which is when it is captured, and to nothing else.
 */
const kinds: ReadonlyMap<string, ProviderEvent["kind"]> = new Map([
	["payment.authorized", "failed"],
	["payment.captured", "paid"],
	["order.paid", "paid"],
	["payment.failed", "failed"],
	["refund.created", "refund"],
	["refund.processed", "refund"],
	["refund.failed", "refund"],
	["refund.speed_changed", "refund"],
	["payment.dispute.created", "dispute"],
	["payment.dispute.under_review", "dispute"],
	["payment.dispute.action_required", "dispute"],
	["payment.dispute.won", "dispute"],
	["payment.dispute.lost", "dispute"],
	["payment.dispute.closed", "dispute"],
]);

interface RawEvent {
	event?: unknown;
	/** Seconds. */
	created_at?: unknown;
	payload?: {
		payment?: { entity?: RazorpayPayment & { order_id?: string | null } };
		order?: { entity?: RazorpayOrder };
		refund?: { entity?: { id?: string } };
		dispute?: { entity?: { id?: string } };
	};
}

function parsed(body: Buffer): RawEvent | null {
	try {
		return JSON.parse(body.toString()) as RawEvent | null;
	} catch {
		return null;
	}
}

const isTimely = (seconds: unknown, now: number): boolean =>
	typeof seconds !== "number" ||
	(seconds * 1_000 - now <= longestAheadMs && now - seconds * 1_000 <= longestAgoMs);

/**
 * An event's id: Razorpay's, which stands in a header that is not signed, and what was signed. So nobody can have one
 * event taken for another that came before.
 */
function idOf(eventId: unknown, body: Buffer): string {
	const own =
		typeof eventId === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(eventId) ? eventId : "evt";
	return `${own}-${createHash("sha256").update(body).digest("hex").slice(0, 16)}`;
}

/**
 * The event that the bytes of a webhook hold, its signature checked before; null where they hold none, or one that is
 * more than 300 s ahead or two days old.
 * @param eventId the header `x-razorpay-event-id`.
 * @param now ms
 */
export function razorpayEvent(eventId: unknown, body: Buffer, now: number): ProviderEvent | null {
	const raw = parsed(body);
	if (typeof raw?.event !== "string" || !isTimely(raw.created_at, now)) return null;
	const id = idOf(eventId, body);
	const type = raw.event;
	const { payment, order, refund, dispute } = raw.payload ?? {};
	const gatewayId = payment?.entity?.order_id ?? order?.entity?.id;
	const kind = gatewayId ? (kinds.get(type) ?? "other") : "other";
	if (kind === "other" || !gatewayId) return { id, type, kind: "other" };
	const key = order?.entity && keyOf(order.entity);
	const failure =
		type === "payment.failed" && payment?.entity ? declineOf(payment.entity) : undefined;
	const objectId = (kind === "refund" ? refund : kind === "dispute" ? dispute : undefined)?.entity
		?.id;
	return {
		id,
		type,
		kind,
		gatewayId,
		...(key && { key }),
		...(failure && { failure }),
		...(objectId && { objectId }),
	};
}
