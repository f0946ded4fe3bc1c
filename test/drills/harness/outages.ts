import type { Figure, Outcome } from "../drill.ts";
import type { Entry } from "./journal.ts";
import { perSecond, rounded } from "./results.ts";

/** A time without something, ms since 1970. */
export interface Outage {
	from: number;
	back: number;
}

/** What says how a purchase went, and was no request. */
const notes = new Set(["pay", "enrolled", "gave up"]);

/** Every attempt that was a request. */
export const requestsOf = (entries: readonly Entry[]): Entry[] =>
	entries.filter(({ step }) => !notes.has(step));

export const isOk = ({ outcome }: Entry): boolean => outcome === "ok";

const endOf = ({ at, ms }: Entry): number => at + ms;

/** From an outage's end to the first good answer, ms; to the end of what was asked where none came. */
export function firstGood(reads: readonly Entry[], { back }: Outage): number {
	const after = reads.filter(read => endOf(read) >= back);
	const good = after.filter(isOk);
	return Math.max(0, Math.min(...(good.length > 0 ? good : after).map(endOf)) - back);
}

/** From an outage's end to the last failure, until another time (ms since 1970), of what was begun after it, ms; 0 where none is. */
export const lastBad = (reads: readonly Entry[], { back }: Outage, until: number): number =>
	Math.max(
		0,
		...reads
			.filter(read => !isOk(read) && read.at >= back && endOf(read) < until)
			.map(read => endOf(read) - back),
	);

/** Share of those requests that failed. */
export function failedShare(requests: readonly Entry[]): Figure {
	const failed = requests.filter(request => !isOk(request)).length;
	return { unit: "", value: rounded(failed / Math.max(1, requests.length)) };
}

/** A sentence for each request that took longer than it may, at most 20. */
export const hung = (requests: readonly Entry[], longestMs: number): string[] =>
	requests
		.filter(({ ms }) => ms >= longestMs)
		.slice(0, 20)
		.map(({ step, ms, status, code }) => `${step} hung for ${ms} ms: ${status} ${code ?? ""}`);

/** Reads per second that were answered, and that failed. */
export function readSeries(reads: readonly Entry[], start: number): Outcome["series"] {
	const points = (those: readonly Entry[]) =>
		perSecond(
			those.map(({ at }) => at),
			start,
		);
	return [
		{ name: "reads answered", unit: "1/s", points: points(reads.filter(isOk)) },
		{ name: "reads failed", unit: "1/s", points: points(reads.filter(read => !isOk(read))) },
	];
}
