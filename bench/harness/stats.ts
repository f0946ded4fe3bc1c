import { random } from "../../test/support/random.ts";

/** Of several rounds: the median and the quartiles on both sides of it. */
export interface Quartiles {
	low: number;
	median: number;
	high: number;
	n: number;
}

/** The value below which the share `q` of all lies, between neighbours in a straight line; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	const at = (sorted.length - 1) * q;
	const below = sorted[Math.floor(at)] ?? Number.NaN;
	const above = sorted[Math.ceil(at)] ?? Number.NaN;
	return below + (above - below) * (at - Math.floor(at));
}

export const quartiles = (values: readonly number[]): Quartiles => ({
	low: quantile(values, 0.25),
	median: quantile(values, 0.5),
	high: quantile(values, 0.75),
	n: values.length,
});

/** The same members in another order, which the numbers of `next` (0..1) decide. */
export function shuffled<T>(members: readonly T[], next: () => number): T[] {
	const all = [...members];
	for (let i = all.length - 1; i > 0; i--) {
		const k = Math.floor(next() * (i + 1));
		[all[i], all[k]] = [all[k] as T, all[i] as T];
	}
	return all;
}

export { random };
