import { quartiles } from "../harness/stats.ts";
import type { CacheResult, CacheScenario, CacheSlice } from "../modes/cache.ts";
import { spread, type Table } from "./format.ts";

const titles: Record<CacheScenario, string> = {
	course: "GET /api/courses/:id",
	seats: "GET /api/enrollments",
};

const perRequest = ({ cpu, requests }: CacheSlice, part: keyof CacheSlice["cpu"]): number =>
	cpu[part] / requests;
const total = (slice: CacheSlice): number =>
	Object.values(slice.cpu).reduce((sum, micros) => sum + micros, 0) / slice.requests;

/** The figures of a run. */
export function cacheTables({ perSecond, slices }: CacheResult): Table[] {
	return (Object.keys(titles) as CacheScenario[]).map(scenario => {
		const own = slices.filter(slice => slice.scenario === scenario);
		const of = (cache: CacheSlice["cache"], value: (slice: CacheSlice) => number) =>
			spread(quartiles(own.filter(slice => slice.cache === cache).map(value)));
		const ratios = (value: (slice: CacheSlice) => number) =>
			spread(
				quartiles(
					own
						.filter(({ cache }) => cache === "redis")
						.flatMap(slice => {
							const beside = own.find(s => s.cache === "none" && s.round === slice.round);
							return beside ? [value(slice) / value(beside)] : [];
						}),
				),
			);
		const row = (title: string, value: (slice: CacheSlice) => number) => [
			title,
			of("none", value),
			of("redis", value),
			ratios(value),
		];
		return {
			title: titles[scenario],
			head: [`${perSecond} requests/s`, "without", "with Redis", "with ÷ without"],
			rows: [
				row("median, ms", slice => slice.p50Ms),
				row("p99, ms", slice => slice.p99Ms),
				row("CPU time of a request, µs: product", slice => perRequest(slice, "product")),
				row("… store", slice => perRequest(slice, "store")),
				["… Redis", "", of("redis", slice => perRequest(slice, "redis")), ""],
				row("… all", total),
				["hit rate, %", "", of("redis", slice => (slice.hitShare ?? Number.NaN) * 100), ""],
			],
		};
	});
}
