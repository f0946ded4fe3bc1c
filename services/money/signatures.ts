import { createHmac, timingSafeEqual } from "node:crypto";

export { isSignedWebhook, signWebhook } from "../../kernel/webhook-signature.ts";

/**
 * Whether the header is the HMAC-SHA256, hex, of these bytes under any of the secrets
 * (https://razorpay.com/docs/webhooks/validate-test/). It says nothing of when it was made.
 */
export function isSignedBody(header: unknown, body: Buffer, secrets: readonly string[]): boolean {
	if (typeof header !== "string" || !/^[0-9a-f]{64}$/.test(header)) return false;
	const given = Buffer.from(header, "hex");
	return secrets.some(
		secret =>
			secret !== "" && timingSafeEqual(given, createHmac("sha256", secret).update(body).digest()),
	);
}

/**
 * What a Razorpay checkout hands the buyer once it is paid: HMAC-SHA256, hex, over `order_id|payment_id`
 * (https://razorpay.com/docs/payments/server-integration/nodejs/payment-gateway/build-integration/).
 */
export const signPaid = (secret: string, orderId: string, chargeId: string): string =>
	createHmac("sha256", secret).update(`${orderId}|${chargeId}`).digest("hex");

/** Whether it was signed so; never before there is a charge. */
export function isPaidSignature(
	secret: string,
	orderId: string,
	chargeId: string | undefined,
	signature: string,
): boolean {
	if (!secret || !chargeId || !/^[0-9a-f]{64}$/.test(signature)) return false;
	const expected = Buffer.from(signPaid(secret, orderId, chargeId), "hex");
	return timingSafeEqual(Buffer.from(signature, "hex"), expected);
}
