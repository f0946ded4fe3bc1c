import { createHmac, timingSafeEqual } from "node:crypto";

const toleranceMs = 300_000;

const mac = (secret: string, seconds: string, body: Buffer): Buffer =>
	createHmac("sha256", secret).update(`${seconds}.`).update(body).digest();

/**
 * The header `t=<unix seconds>,v1=<hex>` for a webhook: HMAC-SHA256 over `t.body`, the scheme of
 * https://docs.stripe.com/webhooks#verify-manually and https://www.mux.com/docs/core/verify-webhook-signatures
 */
export function signWebhook(secret: string, body: Buffer, nowMs: number): string {
	const seconds = String(Math.floor(nowMs / 1_000));
	return `t=${seconds},v1=${mac(secret, seconds, body).toString("hex")}`;
}

/**
 * Whether any `v1` of the header was made with any of the secrets, over these bytes, within 300 s of now in either
 * direction.
 */
export function isSignedWebhook(
	header: unknown,
	body: Buffer,
	secrets: readonly string[],
	nowMs: number,
): boolean {
	if (typeof header !== "string") return false;
	const parts = header.split(",").map(part => part.trim().split("=") as [string, string?]);
	const seconds = parts.find(([name]) => name === "t")?.[1] ?? "";
	if (!/^\d{1,12}$/.test(seconds)) return false;
	if (Math.abs(nowMs - Number(seconds) * 1_000) > toleranceMs) return false;
	const given = parts
		.filter(([name, value]) => name === "v1" && /^[0-9a-f]{64}$/.test(value ?? ""))
		.map(([, value]) => Buffer.from(value as string, "hex"));
	return secrets.some(secret => {
		const expected = mac(secret, seconds, body);
		return secret !== "" && given.some(signature => timingSafeEqual(signature, expected));
	});
}
