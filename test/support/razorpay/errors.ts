/** An answer of Razorpay's that is no success (https://razorpay.com/docs/api/errors/). */
export class Refusal extends Error {
	readonly status: number;
	readonly body: object;

	constructor(status: number, code: string, description: string, reason: string) {
		super(description);
		this.status = status;
		const where = { source: "business", step: "payment_initiation" };
		this.body = { error: { code, description, ...where, reason, metadata: {} } };
	}
}

/** What was asked is refused. */
export const refusal = (description: string, reason = "input_validation_failed"): Refusal =>
	new Refusal(400, "BAD_REQUEST_ERROR", description, reason);

/** Razorpay's own words for a status that has nothing to do with what was asked. */
export function outage(status: number): Refusal {
	if (status === 400)
		return new Refusal(
			400,
			"BAD_REQUEST_ERROR",
			"Request failed because another payment operation is in progress",
			"NA",
		);
	if (status === 401) return new Refusal(401, "BAD_REQUEST_ERROR", "Authentication failed", "NA");
	if (status === 429) return new Refusal(429, "BAD_REQUEST_ERROR", "Too many requests", "NA");
	if (status === 409)
		return new Refusal(409, "BAD_REQUEST_ERROR", "Request is still being processed", "NA");
	if (status === 502)
		return new Refusal(
			502,
			"GATEWAY_ERROR",
			"Payment processing failed",
			"gateway_technical_error",
		);
	return new Refusal(
		status,
		"SERVER_ERROR",
		"We are facing some trouble completing your request",
		"NA",
	);
}
