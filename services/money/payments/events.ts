import { iso } from "../../../kernel/clock.ts";
import type { Result } from "../../../kernel/contract.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import { continuing } from "../../../kernel/tracing/spans.ts";
import type { WebhookDoc } from "../../../mixins/webhook-inbox.mixin.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { ProviderEvent } from "./providers/port.ts";
import type { Till } from "./till.ts";

/** Whether payments act on such events. */
export const isKnownEvent = (event: ProviderEvent): boolean => event.kind !== "other";

/** The payment an event is about, by our id or else the provider's. */
export const subjectOf = ({ key, gatewayId }: ProviderEvent): string | undefined =>
	key ?? gatewayId;

/** An event as admins see it. */
export const eventView = ({
	id,
	sender,
	type,
	event,
	subjectId,
	state,
	tries,
	lastError,
	receivedAt,
	agesFrom,
}: WebhookDoc<ProviderEvent>): Result<"payments.events">["items"][number] => ({
	id,
	provider: sender,
	type,
	...paymentIdOf(event, subjectId),
	state,
	tries,
	...(lastError && { lastError }),
	receivedAt: iso(receivedAt),
	...(agesFrom === 0 && { isPastRetention: true }),
});

/** Past its retention an event is known by what it was about, which may be the provider's id. */
function paymentIdOf(event: ProviderEvent | undefined, subjectId: string | undefined) {
	const paymentId = event ? event.key : subjectId?.startsWith("pay_") ? subjectId : undefined;
	return paymentId && { paymentId };
}

/**
 * Has a provider's event its effect: its payment is asked about at the provider, whose answer counts.
 * @returns what is still missing for the event to be true; undefined when it had its effect.
 */
export async function applyEvent(
	{ payments, till }: { payments: Collection<PaymentDoc>; till: Pick<Till, "settle" | "decline"> },
	{ key, gatewayId, kind, failure }: ProviderEvent,
	provider: string,
): Promise<string | undefined> {
	const payment =
		(key ? await payments.findOne({ id: key, provider }) : null) ??
		(gatewayId ? await payments.findOne({ gatewayId, provider }) : null);
	if (!payment) return "its payment is not known yet";
	return continuing(payment.traceparent, "payments webhook", async () => {
		const again = kind === "refund" || kind === "dispute";
		const settled = await till.settle(payment.id, { hint: gatewayId, again });
		if (failure) await till.decline(payment.id, failure);
		if (kind === "paid" && !settled.capturedAt && !settled.review)
			return "the provider does not say yet that it is paid";
		if (again && !settled.capturedAt && !settled.review) return "its payment is not captured yet";
		return undefined;
	});
}
