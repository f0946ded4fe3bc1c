import { randomFillSync } from "node:crypto";

/** A place in a trace, as it travels: https://www.w3.org/TR/trace-context/ */
export interface Place {
	/** `00-<trace id>-<span id>-<flags>`; made here or checked by `readPlace`. */
	traceparent: string;
	/** What other tracing systems want passed on. */
	tracestate?: string;
}

interface Sent {
	readonly traceparent?: unknown;
	readonly tracestate?: unknown;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** What most send: it goes on as it came. */
const usual = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/;
const noTrace = "0".repeat(32);
const noSpan = "0".repeat(16);
const sampledBit = 1;

const key = "(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})";
const value = "[\\x20-\\x2b\\x2d-\\x3c\\x3e-\\x7e]{0,255}[\\x21-\\x2b\\x2d-\\x3c\\x3e-\\x7e]";
const stateMember = new RegExp(`^${key}=${value}$`);
const mostMembers = 32;
const longestState = 512;

export const placeOf = (traceId: string, spanId: string, isSampled: boolean): string =>
	`00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;

export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);
export const spanIdOf = (traceparent: string): string => traceparent.slice(36, 52);

/** Whether whoever began the trace wants it recorded. */
export const isSampled = (traceparent: string): boolean =>
	traceparent.charCodeAt(54) % 2 === sampledBit;

/** A `traceparent` that was sent, in the form it goes on in: version 00, no flag but "sampled". Undefined where it is malformed. */
export function readTraceparent(sent: unknown): string | undefined {
	if (typeof sent !== "string") return undefined;
	if (usual.test(sent)) return sent;
	const [, version, traceId = "", spanId = "", flags = "", more] = form.exec(sent) ?? [];
	if (version === undefined || version === "ff" || (version === "00" && more)) return undefined;
	if (traceId === noTrace || spanId === noSpan) return undefined;
	return placeOf(traceId, spanId, (Number.parseInt(flags, 16) & sampledBit) === sampledBit);
}

/**
 * A `tracestate` that was sent: whole members from its left, up to 512 characters. Undefined where it is malformed, or
 * nothing is in it.
 */
export function readTracestate(sent: unknown): string | undefined {
	if (typeof sent !== "string") return undefined;
	const members = sent
		.split(",")
		.map(member => member.replace(/^[ \t]+|[ \t]+$/g, ""))
		.filter(Boolean);
	if (members.length > mostMembers || !members.every(member => stateMember.test(member)))
		return undefined;
	let state = "";
	for (const member of members) {
		const longer = state ? `${state},${member}` : member;
		if (longer.length > longestState) break;
		state = longer;
	}
	return state || undefined;
}

/** The place that the headers of a request name; undefined where none or a malformed one. */
export function readPlace(headers: object): Place | undefined {
	const sent = headers as Sent;
	const traceparent = readTraceparent(sent.traceparent);
	if (!traceparent) return undefined;
	const tracestate = readTracestate(sent.tracestate);
	return tracestate ? { traceparent, tracestate } : { traceparent };
}

/** The place that a call or fact carries, as a node of this mesh wrote it. */
export function readCarried(carrier: object): Place | undefined {
	const { traceparent, tracestate } = carrier as Sent;
	if (typeof traceparent !== "string" || traceparent.length !== 55) return undefined;
	return typeof tracestate === "string" ? { traceparent, tracestate } : { traceparent };
}

const pool = Buffer.allocUnsafe(8_192);
let used = pool.length;

/** Random bytes as hex, asked of the system a pool at a time, which costs a tenth. */
function randomHex(bytes: number): string {
	if (used + bytes > pool.length) {
		randomFillSync(pool);
		used = 0;
	}
	used += bytes;
	return pool.toString("hex", used - bytes, used);
}

export const newTraceId = (): string => randomHex(16);
export const newSpanId = (): string => randomHex(8);

/**
 * Where a trace begins. Whether it is recorded follows from its id, so that whoever asks again decides the same.
 * @param share of traces that are recorded, 0 to 1.
 */
export function newPlace(share: number): Place {
	const hex = randomHex(24);
	const isRecorded = share > 0 && Number.parseInt(hex.slice(24, 32), 16) < share * 2 ** 32;
	return { traceparent: placeOf(hex.slice(0, 32), hex.slice(32), isRecorded) };
}
