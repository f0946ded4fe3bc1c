import type { Charge, Intent } from "./objects.ts";

export interface ErrorBody {
	type: "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";
	message: string;
	code?: string;
	decline_code?: string;
	doc_url?: string;
	param?: string;
	charge?: string;
	payment_intent?: Intent;
}

/** A refusal as Stripe answers it: `{"error": {…}}`. https://docs.stripe.com/api/errors */
export class StripeRefusal extends Error {
	readonly status: number;
	readonly body: ErrorBody;
	/** Found before the endpoint ran, so that the idempotency key stays free. */
	readonly early: boolean;

	constructor(status: number, body: ErrorBody, early = false) {
		super(body.message);
		this.status = status;
		const { code } = body;
		this.body = code ? { ...body, doc_url: `https://stripe.com/docs/error-codes/${code}` } : body;
		this.early = early;
	}
}

const INVALID = "invalid_request_error";

/** A parameter that Stripe does not take. */
export function invalid(message: string, param: string, code?: string): StripeRefusal {
	return new StripeRefusal(400, { type: INVALID, message, param, ...(code && { code }) }, true);
}

/** An id that is nobody's; 404 where it is in the path, 400 where it is a parameter. */
export function noSuch(kind: string, id: string, param: string, status = 404): StripeRefusal {
	const message = `No such ${kind}: '${id}'`;
	return new StripeRefusal(status, { type: INVALID, code: "resource_missing", message, param });
}

export function unexpectedState(intent: Intent, message: string): StripeRefusal {
	const code = "payment_intent_unexpected_state";
	return new StripeRefusal(400, { type: INVALID, code, message, payment_intent: intent });
}

/** A card that is declined while the request waits. */
export function declined(intent: Intent, charge: Charge): StripeRefusal {
	const { code, decline_code, message } = intent.last_payment_error ?? {};
	return new StripeRefusal(402, {
		type: "card_error",
		message: message ?? "Your card was declined.",
		charge: charge.id,
		payment_intent: intent,
		...(code && { code }),
		...(decline_code && { decline_code }),
	});
}

/** A charge that does not allow it; Stripe has no code for an amount above what is left. */
export function chargeRefused(
	code: string | undefined,
	message: string,
	param?: string,
): StripeRefusal {
	return new StripeRefusal(400, {
		type: INVALID,
		message,
		...(code && { code }),
		...(param && { param }),
	});
}

/** Stripe's own words for a status that has nothing to do with what was asked. */
export function outage(status: number): StripeRefusal {
	if (status === 401)
		return new StripeRefusal(401, { type: INVALID, message: "Invalid API Key provided" }, true);
	if (status === 429) {
		const message = "Request rate limit exceeded. You can learn more about rate limits here.";
		return new StripeRefusal(429, { type: INVALID, code: "rate_limit", message }, true);
	}
	const message = "An unknown error occurred";
	return new StripeRefusal(status, { type: status < 500 ? INVALID : "api_error", message }, true);
}
