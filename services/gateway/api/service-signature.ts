import { createHmac, timingSafeEqual } from "node:crypto";

const toleranceSeconds = 300;

/** What another system's server signed: HMAC-SHA256 over `t.n.name.METHOD.target.` and the raw body. */
export interface SignedRequest {
	name: string;
	/** `t=<unix seconds>,n=<nonce>,v1=<hex>` */
	signature: string;
	method: string;
	/** Path and query exactly as sent. */
	target: string;
	body: Buffer;
}

const sameHex = (a: string, b: string): boolean => {
	const [left, right] = [Buffer.from(a, "hex"), Buffer.from(b, "hex")];
	return left.length === 32 && left.length === right.length && timingSafeEqual(left, right);
};

/** The signature header of a request, as a caller makes it. */
export function signService(
	secret: string,
	request: Omit<SignedRequest, "signature">,
	seconds: number,
	nonce: string,
): string {
	const { name, method, target, body } = request;
	const v1 = createHmac("sha256", secret)
		.update(`${seconds}.${nonce}.${name}.${method}.${target}.`)
		.update(body)
		.digest("hex");
	return `t=${seconds},n=${nonce},v1=${v1}`;
}

/**
 * The nonce of a request whose signature holds under any of `secrets`, no older or newer than 300 s; null when it does
 * not. Whether the nonce is new is the caller's to ask, and only then.
 */
export function verifyService(
	secrets: readonly string[],
	request: SignedRequest,
	nowMs: number,
): string | null {
	const match = /^t=(\d{1,12}),n=([A-Za-z0-9_-]{8,64}),v1=([0-9a-f]{64})$/.exec(request.signature);
	if (!match) return null;
	const [, t, nonce, v1] = match as unknown as [string, string, string, string];
	if (Math.abs(nowMs / 1000 - Number(t)) > toleranceSeconds) return null;
	const holds = secrets.some(secret => {
		const expected = signService(secret, request, Number(t), nonce).split("v1=")[1] as string;
		return sameHex(expected, v1);
	});
	return holds ? nonce : null;
}
