import { randomFillSync } from "node:crypto";

const pool = Buffer.alloc(8_192);
let at = pool.length;

/** Random bytes as hex, from a pool that is filled a thousand at a time. */
function randomHex(bytes: number): string {
	if (at + bytes > pool.length) {
		randomFillSync(pool);
		at = 0;
	}
	at += bytes;
	return pool.toString("hex", at - bytes, at);
}

const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The `traceparent` of the next hop (W3C Trace Context): the same trace and a span of its own, or a new trace. */
export function nextHop(traceparent: string | undefined): string {
	const [, trace, , flags] = form.exec(traceparent ?? "") ?? [];
	return `00-${trace ?? randomHex(16)}-${randomHex(8)}-${flags ?? "00"}`;
}
