import { createHash, randomBytes } from "node:crypto";
import type { Context } from "moleculer";

const uuid = (bytes: Buffer): string => {
	const hex = bytes.toString("hex");
	return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

/** UUID v7 (RFC 9562 §5.7): 48 bits of Unix ms, then 74 bits of `random`. */
function uuidv7(ms: number, random: Buffer): string {
	const bytes = Buffer.alloc(16);
	bytes.writeUIntBE(ms, 0, 6);
	random.copy(bytes, 6, 0, 10);
	bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
	bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
	return uuid(bytes);
}

let last = { ms: 0, counter: 0 };

/**
 * A new id: the prefix of its kind, then a UUID v7, so that ids sort by time; those that one process makes within one
 * ms by their order (RFC 9562 §6.2, method 1: a counter in the first 12 random bits).
 */
export function newId(prefix: string, ms: number = Date.now()): string {
	const random = randomBytes(10);
	const counter = ms === last.ms ? last.counter + 1 : random.readUInt16BE(0) % 0x800;
	last = { ms, counter };
	random.writeUInt16BE(counter % 0x1000, 0);
	return `${prefix}_${uuidv7(ms, random)}`;
}

/** The time inside the first UUID v7 of a text, ms; 0 where there is none. */
const timeOf = (text: string): number => {
	const found = /([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(text);
	return found ? Number.parseInt(`${found[1]}${found[2]}`, 16) : 0;
};

/**
 * The id that follows from `seed` and `label`: the same for the same two, for ever. Where the seed is itself an id, the
 * derived one carries its time, so that it sorts like others.
 */
export function derivedId(prefix: string, seed: string, label: string): string {
	const hash = createHash("sha256").update(`${seed}\n${prefix}\n${label}`).digest();
	return `${prefix}_${uuidv7(timeOf(seed), hash)}`;
}

/**
 * The next id of this request. Where the request has a seed (an idempotency key's, or the fact that is handled), the
 * id derives from it, so that a run taken up after a crash makes the ids of the first; otherwise it is new.
 */
export function idFor(ctx: Pick<Context, "headers" | "locals">, prefix: string): string {
	const seed: unknown = ctx.headers?.seed;
	if (typeof seed !== "string") return newId(prefix);
	return derivedId(prefix, seed, String(nextOrdinal(ctx.locals)));
}

/** Counts what one request derives, so that each gets a label of its own. */
export function nextOrdinal(locals: object): number {
	const counted = locals as { derived?: number };
	counted.derived = (counted.derived ?? 0) + 1;
	return counted.derived;
}
