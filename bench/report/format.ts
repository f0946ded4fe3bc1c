import { type Quartiles, quartiles } from "../harness/stats.ts";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A number as it is read: `12,340`, `123`, `45.6`, `1.23`; a dash where there is none. */
export function figure(value: number): string {
	if (!Number.isFinite(value)) return "–";
	const size = Math.abs(value);
	return size >= 100 ? whole.format(value) : value.toFixed(size >= 10 ? 1 : 2);
}

/** The median with its quartiles: `2.03 [1.95–2.12]`. */
export const spread = ({ low, median, high, n }: Quartiles): string =>
	n === 0 ? "–" : `${figure(median)} [${figure(low)}–${figure(high)}]`;

/** A table of figures; all columns but the first are numbers. */
export interface Table {
	title?: string;
	head: readonly string[];
	rows: readonly (readonly string[])[];
}

/** Tables as Markdown. */
export const markdown = (tables: readonly Table[]): string =>
	tables
		.map(({ title, head, rows }) => {
			const lines = [head, head.map((_, i) => (i === 0 ? "---" : "--:")), ...rows];
			const text = lines.map(cells => `| ${cells.join(" | ")} |`).join("\n");
			return title ? `${title}:\n\n${text}` : text;
		})
		.join("\n\n");

/** What is to be reached: a median on one side of a number. */
export interface Goal {
	title: string;
	/** What was measured, a figure for each round. */
	values: readonly number[];
	/** The median is to be at least, or at most, this. */
	bound: { least: number } | { most: number };
}

export const isReached = (median: number, bound: Goal["bound"]): boolean =>
	"least" in bound ? median >= bound.least : median <= bound.most;

export const boundText = (bound: Goal["bound"]): string =>
	"least" in bound ? `≥ ${bound.least}` : `≤ ${bound.most}`;

/** How far the goals of a bench are reached. */
export const goalTable = (goals: readonly Goal[]): Table => ({
	head: ["To reach", "Goal", "Median [quartiles]", ""],
	rows: goals.map(({ title, values, bound }) => {
		const measured = quartiles(values);
		const word = isReached(measured.median, bound) ? "reached" : "not reached";
		return [title, boundText(bound), spread(measured), word];
	}),
});
