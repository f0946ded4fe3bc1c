import { html, type Markup } from "../../test/drills/harness/markup.ts";
import { amount, ticks } from "../../test/drills/harness/plot.ts";
import { quartiles } from "../harness/stats.ts";
import { figure } from "./format.ts";

export interface Dots {
	title: string;
	/** What the figures are, under the axis. */
	unit: string;
	rows: readonly { name: string; values: readonly number[]; line?: 1 | 2 | 3 | 4 }[];
	/** Goals: where, and what is said of it. */
	goals?: readonly { at: number; label: string }[];
}

const ROW = 30;
const TOP = 26;
const BOTTOM = 40;
const RIGHT = 130;
const LABELS = { wide: 270, narrow: 0 };
const WIDTHS = { wide: 980, narrow: 336 };

const round = (value: number): number => Math.round(value * 10) / 10;

/** A row for each name: a dot for each round, a bar from quartile to quartile, a stroke at the median. */
function drawing({ title, unit, rows, goals = [] }: Dots, form: "wide" | "narrow"): Markup {
	const isWide = form === "wide";
	const width = WIDTHS[form];
	const left = LABELS[form];
	const right = isWide ? RIGHT : 8;
	const height = isWide ? ROW : ROW + 16;
	const all = [...rows.flatMap(({ values }) => values), ...goals.map(({ at }) => at)];
	const marks = ticks(
		0,
		all.reduce((a, b) => Math.max(a, b), 0),
		isWide ? 8 : 4,
	);
	const end = marks.at(-1) as number;
	const floor = TOP + rows.length * height;
	const x = (value: number) => round(left + (value / end) * (width - left - right));
	const grid = marks.map(
		tick =>
			html`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP}" y2="${floor}"/><text class="tick" text-anchor="${!isWide && tick === end ? "end" : "middle"}" x="${x(tick)}" y="${floor + 16}">${amount(tick)}</text>`,
	);
	const goalLines = goals.map(
		({ at, label }) =>
			html`<g class="mark"><line x1="${x(at)}" x2="${x(at)}" y1="${TOP - 6}" y2="${floor}"/><text text-anchor="middle" x="${x(at)}" y="${TOP - 10}">${label}</text></g>`,
	);
	const drawn = rows.map(({ name, values, line = 1 }, i) => {
		const { low, median, high, n } = quartiles(values);
		const y = TOP + (i + 1) * height - ROW / 2;
		const label = isWide
			? html`<text x="0" y="${y + 4}">${name}</text>`
			: html`<text x="0" y="${y - 12}">${name}: ${figure(median)} [${figure(low)}–${figure(high)}]</text>`;
		if (n === 0) return label;
		const said = isWide
			? html`<text x="${width}" text-anchor="end" y="${y + 4}">${figure(median)} [${figure(low)}–${figure(high)}]</text>`
			: "";
		return html`<g class="l${line}">${label}<rect class="quartiles" x="${x(low)}" y="${y - 6}" width="${Math.max(1, round(x(high) - x(low)))}" height="12" rx="2"/>${values.map(value => html`<circle class="round" cx="${x(value)}" cy="${y}" r="2.4"/>`)}<line class="median" x1="${x(median)}" x2="${x(median)}" y1="${y - 9}" y2="${y + 9}"/>${said}</g>`;
	});
	const total = floor + BOTTOM;
	return html`<svg viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" role="img" aria-label="${title}"><g class="plain">${grid}${drawn}${goalLines}<text class="tick" x="${left}" y="${floor + 34}">${unit}</text></g></svg>`;
}

/** A figure with its drawing for a wide and for a narrow screen. */
export const dots = (plot: Dots): Markup =>
	html`<figure><figcaption>${plot.title}</figcaption><div class="wide">${drawing(plot, "wide")}</div><div class="narrow">${drawing(plot, "narrow")}</div></figure>`;
