import { quartiles } from "../harness/stats.ts";
import type { LatencyResult, RateSlice } from "../modes/latency.ts";
import { figure, type Goal, goalTable, spread, type Table } from "./format.ts";

/** The p99 of one variant in that of another at a share of NestJS's peak, a ratio for each round. */
export function p99Ratios(
	slices: readonly RateSlice[],
	of: string,
	over: string,
	share: number,
): number[] {
	const at = (variant: string) => slices.filter(s => s.share === share && s.variant === variant);
	const others = new Map(at(over).map(s => [s.round, s.p99Ms]));
	return at(of).flatMap(({ round, p99Ms }) => {
		const other = others.get(round);
		return other ? [p99Ms / other] : [];
	});
}

export const sharesOf = ({ slices }: LatencyResult): number[] =>
	[...new Set(slices.map(({ share }) => share))].sort((a, b) => a - b);

const percent = (share: number): string => `${Math.round(share * 100)} %`;

export const latencyGoals = ({ slices }: LatencyResult): Goal[] =>
	[
		{
			title: "p99 of Zeolite ÷ p99 of NestJS, at 70 % of NestJS's peak",
			values: p99Ratios(slices, "zeolite", "nest", 0.7),
			bound: { most: 0.5 },
		},
	].filter(({ values }) => values.length > 0);

/** The figures of a run. */
export function latencyTables(result: LatencyResult): Table[] {
	const { variants, slices, peaks } = result;
	const rows = sharesOf(result).flatMap(share =>
		variants.flatMap(({ id, title }) => {
			const own = slices.filter(s => s.share === share && s.variant === id);
			if (own.length === 0) return [];
			const of = (value: (slice: RateSlice) => number) => quartiles(own.map(value));
			const sum = (value: (slice: RateSlice) => number) =>
				own.reduce((total, slice) => total + value(slice), 0);
			return [
				[
					`${percent(share)}, ${title}`,
					figure(own[0]?.perSecond ?? Number.NaN),
					spread(of(s => s.medianMs)),
					spread(of(s => s.p99Ms)),
					id === "nest" ? "1" : spread(quartiles(p99Ratios(slices, id, "nest", share))),
					String(sum(s => s.shed)),
					String(sum(s => s.wrong)),
					figure(of(s => s.lateMs).median),
				],
			];
		}),
	);
	const head = ["", "requests/s", "median ms", "p99 ms", "p99 ÷ NestJS", "shed", "wrong"];
	return [
		goalTable(latencyGoals(result)),
		{
			title: `At shares of NestJS's peak, ${figure(quartiles(peaks).median)} requests/s by this generator`,
			head: [...head, "generator late, p99 ms"],
			rows,
		},
	];
}
