/** A stretch of a video, ms from its start: from before to. */
export type Span = readonly [from: number, to: number];

/** The union of spans: in order, none touching another, empty ones left out. */
export function merged(spans: readonly Span[]): Span[] {
	const found: [number, number][] = [];
	for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
		const last = found.at(-1);
		if (to <= from) continue;
		if (last && from <= last[1]) last[1] = Math.max(last[1], to);
		else found.push([from, to]);
	}
	return found;
}

/** What of merged `spans` is not in merged `known`. */
export function beyond(spans: readonly Span[], known: readonly Span[]): Span[] {
	return spans.flatMap(([from, to]) => {
		const gaps: Span[] = [];
		let at = from;
		for (const [knownFrom, knownTo] of known) {
			if (knownTo <= at) continue;
			if (knownFrom >= to) break;
			if (knownFrom > at) gaps.push([at, knownFrom]);
			at = knownTo;
		}
		if (at < to) gaps.push([at, to]);
		return gaps;
	});
}

/** What of spans lies before `end` (ms). */
export const before = (spans: readonly Span[], end: number): Span[] =>
	spans.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)]);

/** How long spans are together, ms. */
export const lengthOf = (spans: readonly Span[]): number =>
	spans.reduce((sum, [from, to]) => sum + to - from, 0);

/** The first `ms` of spans. */
export function firstOf(spans: readonly Span[], ms: number): Span[] {
	let left = ms;
	const found: Span[] = [];
	for (const [from, to] of spans) {
		if (left <= 0) break;
		found.push([from, Math.min(to, from + left)]);
		left -= to - from;
	}
	return found;
}

/** The `most` longest of merged spans, in order. */
export const longest = (spans: readonly Span[], most: number): Span[] =>
	spans.length <= most
		? [...spans]
		: spans
				.toSorted((a, b) => b[1] - b[0] - (a[1] - a[0]))
				.slice(0, most)
				.toSorted((a, b) => a[0] - b[0]);
