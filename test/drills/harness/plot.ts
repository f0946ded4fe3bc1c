import { html, type Markup } from "./markup.ts";

type Point = [number, number];

export interface Plot {
	unit: string;
	/** At most four; points as seconds since the start of the run and value. */
	lines: { name: string; points: Point[] }[];
	/** Seconds since the start of the run. */
	marks: { at: number; label: string }[];
	/** How long the run was. */
	seconds: number;
	/** px */
	width: number;
	/** Letters kept free at the right for the names of the lines; with 0 they are not drawn. */
	names: number;
}

const HEIGHT = 150;
const BOTTOM = 30;
const LEFT = 46;
/** Of the text in a plot, px. */
const LINE_HEIGHT = 15;
const LETTER_WIDTH = 6.2;
const LANES = 3;

const numbers = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** A number as it is read: `12,340`, `0.25`. */
export const amount = (value: number): string =>
	Number.isInteger(value) ? value.toLocaleString("en") : numbers.format(value);

/** Round numbers from 0 (or below `least`, where that is negative) to at least `most`: about `count` steps of 1, 2 or 5 × 10ⁿ. */
export function ticks(least: number, most: number, count: number): number[] {
	const span = most - Math.min(0, least) || 1;
	const power = 10 ** Math.floor(Math.log10(span / count));
	const step = power * ([1, 2, 5, 10].find(s => s * power * count >= span) ?? 10);
	const from = Math.floor(Math.min(0, least) / step);
	const to = Math.ceil(Math.max(most, from * step + span) / step);
	return Array.from({ length: to - from + 1 }, (_, i) =>
		Number(((from + i) * step).toPrecision(12)),
	);
}

/** At most about `most` points that look the same: of each bucket the lowest and the highest, in their order. */
export function thinned(points: readonly Point[], most: number): Point[] {
	const good = points.filter(p => p.every(Number.isFinite));
	if (good.length <= most) return good;
	const size = Math.ceil((good.length * 2) / most);
	const kept: Point[] = [];
	for (let i = 0; i < good.length; i += size) {
		const bucket = good.slice(i, i + size);
		const [first] = bucket as [Point, ...Point[]];
		const low = bucket.reduce((a, b) => (b[1] < a[1] ? b : a), first);
		const high = bucket.reduce((a, b) => (b[1] > a[1] ? b : a), first);
		kept.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
	}
	return kept;
}

/** Values moved down, and up again at the end, until each is `gap` from the next; in the order given. */
export function apart(values: readonly number[], gap: number, most: number): number[] {
	const order = values.map((value, i) => ({ value, i })).sort((a, b) => a.value - b.value);
	order.forEach((item, k) => {
		item.value = Math.max(item.value, (order[k - 1]?.value ?? Number.NEGATIVE_INFINITY) + gap);
	});
	for (let k = order.length - 1; k >= 0; k--) {
		const item = order[k] as { value: number };
		item.value = Math.min(item.value, (order[k + 1]?.value ?? most + gap) - gap);
	}
	return order.sort((a, b) => a.i - b.i).map(({ value }) => value);
}

/** A plot over the time of a run as SVG: lines with their names at their ends, marks as vertical lines. */
export function plot({ unit, lines, marks, seconds, width, names }: Plot): Markup {
	const points = lines.flatMap(line => line.points).filter(p => p.every(Number.isFinite));
	const right = names === 0 ? 14 : 16 + LETTER_WIDTH * names;
	const end = [...points.map(([x]) => x), ...marks.map(m => m.at)].reduce(
		(a, b) => Math.max(a, b),
		seconds || 1,
	);
	const values = points.map(([, y]) => y);
	const yTicks = ticks(least(values), -least(values.map(v => -v)) || 1, 4);
	const [lowest, highest] = [yTicks[0] as number, yTicks.at(-1) as number];
	const inner = width - LEFT - right;
	const x = (at: number) => round(LEFT + (at / end) * inner);
	const placed = lanes(marks, x, width);
	const top = 10 + LINE_HEIGHT * Math.max(0, ...placed.map(({ lane }) => (lane ?? -1) + 1));
	const y = (value: number) => round(top + HEIGHT * (1 - (value - lowest) / (highest - lowest)));
	const minutes = end > 300;
	const xTicks = ticks(0, minutes ? end / 60 : end, width > 500 ? 8 : 4);
	const floor = y(Math.max(0, lowest));

	const grid = yTicks.map(
		tick =>
			html`<line class="grid" x1="${LEFT}" x2="${LEFT + inner}" y1="${y(tick)}" y2="${y(tick)}"/><text class="tick" text-anchor="end" x="${LEFT - 8}" y="${y(tick) + 4}">${amount(tick)}</text>`,
	);
	const shown = xTicks.map(t => [t, minutes ? t * 60 : t] as const).filter(([, at]) => at <= end);
	const time = shown.map(([tick, at], i) => {
		const text = `${amount(tick)}${i === shown.length - 1 ? (minutes ? " min" : " s") : ""}`;
		return html`<line class="axis" x1="${x(at)}" x2="${x(at)}" y1="${top + HEIGHT}" y2="${top + HEIGHT + 4}"/><text class="tick" text-anchor="${x(at) > width - 24 ? "end" : "middle"}" x="${x(at)}" y="${top + HEIGHT + 18}">${text}</text>`;
	});
	const faults = placed.map(
		({ at, label, lane }) =>
			html`<g class="mark"><title>${label}, ${amount(round(at))} s</title><line x1="${x(at)}" x2="${x(at)}" y1="${lane === null ? top : top - 4 - lane * LINE_HEIGHT}" y2="${top + HEIGHT}"/>${lane === null ? "" : html`<text x="${x(at) + 3}" y="${top - 6 - lane * LINE_HEIGHT}">${label}</text>`}</g>`,
	);
	const drawn = lines.map(({ points: all }, i) => {
		const kept = thinned(all, Math.round(inner));
		const path = kept.map(([at, value]) => `${x(at)} ${y(value)}`).join("L");
		const [first, last] = [kept[0], kept.at(-1)];
		if (!first || !last) return "";
		const area =
			lines.length > 1
				? ""
				: html`<path class="area l${i + 1}" d="M${x(first[0])} ${floor}L${path}L${x(last[0])} ${floor}Z"/>`;
		const dot = html`<circle class="dot l${i + 1}" cx="${x(last[0])}" cy="${y(last[1])}" r="2.5"/>`;
		return html`${area}<path class="line l${i + 1}" d="M${path}"/>${dot}`;
	});
	const ends = lines.map(line => y(line.points.at(-1)?.[1] ?? 0) + 4);
	const named = apart(ends, LINE_HEIGHT, top + HEIGHT + 4).map(
		(at, i) =>
			html`<text class="name l${i + 1}" x="${LEFT + inner + 8}" y="${at}">${lines[i]?.name ?? ""}</text>`,
	);
	const empty = html`<text class="tick" text-anchor="middle" x="${LEFT + inner / 2}" y="${top + HEIGHT / 2}">no points</text>`;
	const height = top + HEIGHT + BOTTOM;
	const label = `${lines.map(line => line.name).join(", ")}${unit && ` in ${unit}`} over time`;
	return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">${grid}${faults}<line class="axis" x1="${LEFT}" x2="${LEFT + inner}" y1="${top + HEIGHT}" y2="${top + HEIGHT}"/>${time}${drawn}${names > 0 && lines.length > 1 ? named : ""}${points.length === 0 ? empty : ""}</svg>`;
}

/**
 * The marks with the lane of their label, counted from the plot, null for none: the highest that its line reaches
 * without crossing a label. Where not all fit, the first of a kind that does has one.
 */
function lanes(marks: Plot["marks"], x: (at: number) => number, width: number) {
	const sorted = [...marks].sort((a, b) => a.at - b.at);
	const lay = (once: boolean) => {
		const labelled = new Set<string>();
		const ends: number[] = new Array(LANES).fill(Number.NEGATIVE_INFINITY);
		return sorted.map(mark => {
			const from = x(mark.at);
			const to = from + 10 + mark.label.length * LETTER_WIDTH;
			const taken = ends.findIndex(end => end > from);
			const lane = (taken < 0 ? LANES : taken) - 1;
			if (to > width || lane < 0 || (once && labelled.has(mark.label)))
				return { ...mark, lane: null };
			labelled.add(mark.label);
			ends[lane] = to;
			return { ...mark, lane };
		});
	};
	const all = lay(false);
	return all.every(({ lane }) => lane !== null) ? all : lay(true);
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), 0);
const round = (value: number): number => Math.round(value * 10) / 10;
