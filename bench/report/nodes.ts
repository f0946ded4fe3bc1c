import type { Slice } from "../harness/slices.ts";
import { quartiles } from "../harness/stats.ts";
import type { NodesResult } from "../modes/nodes.ts";
import { figure, type Goal, goalTable, spread, type Table } from "./format.ts";
import { goodRate } from "./gateway.ts";

type Cost = Record<"gateway" | "service" | "nats" | "total", number>;

/**
 * CPU time of a request, µs, by role, without what the same processes use when idle; nats-server serves all others
 * meanwhile, so that of its idle time nothing is known.
 */
function costOf({ idle }: NodesResult, slice: Slice): Cost {
	const unasked = idle[slice.variant] ?? { gateway: 0, service: 0 };
	const per = (micros = 0, idleMicros = 0) =>
		(micros - idleMicros * slice.seconds) / slice.requests;
	const gateway = per(slice.cpu.gateway, unasked.gateway);
	const service = per(slice.cpu.service, unasked.service);
	const nats = per(slice.cpu.nats);
	return { gateway, service, nats, total: gateway + service + nats };
}

/** The ways a run was loaded, each with its slices. */
export const loadsOf = ({ slices }: NodesResult): { title: string; slices: Slice[] }[] =>
	[
		...Map.groupBy(slices, ({ perSecond, connections }) =>
			perSecond ? `${perSecond} requests/s` : `${connections} connections`,
		),
	]
		.map(([title, of]) => ({ title, slices: of }))
		.sort((a, b) => a.title.localeCompare(b.title));

/** Cost with so many nodes in that with one, a ratio for each round. */
export function costRatios(result: NodesResult, slices: readonly Slice[], count: string): number[] {
	const total = (slice: Slice) => costOf(result, slice).total;
	const ofOne = new Map(slices.filter(s => s.variant === "1").map(s => [s.round, total(s)]));
	return slices
		.filter(({ variant }) => variant === count)
		.flatMap(slice => {
			const one = ofOne.get(slice.round);
			return one ? [total(slice) / one] : [];
		});
}

export const countsOf = (slices: readonly Slice[]): string[] =>
	[...new Set(slices.map(({ variant }) => variant))].sort((a, b) => Number(a) - Number(b));

export const nodesGoals = (result: NodesResult): Goal[] =>
	loadsOf(result).map(({ title, slices }) => ({
		title: `CPU time of a request with 8 nodes ÷ with 1, ${title}`,
		values: costRatios(result, slices, "8"),
		bound: { most: 1.1 },
	}));

/** The figures of a run. */
export function nodesTables(result: NodesResult): Table[] {
	const tables = loadsOf(result).map(({ title, slices }): Table => {
		const rows = countsOf(slices).map(count => {
			const own = slices.filter(({ variant }) => variant === count);
			const median = (role: keyof Cost) =>
				figure(quartiles(own.map(slice => costOf(result, slice)[role])).median);
			return [
				count,
				...(["gateway", "service", "nats", "total"] as const).map(median),
				count === "1" ? "1" : spread(quartiles(costRatios(result, slices, count))),
				figure(quartiles(own.map(goodRate)).median),
				String(own.reduce((sum, { refused, broken }) => sum + refused + broken, 0)),
			];
		});
		const head = ["Nodes", "gateway µs", "services µs", "nats µs", "all µs", "÷ 1 node"];
		return { title: `A request at ${title}`, head: [...head, "requests/s", "wrong"], rows };
	});
	const idle: Table = {
		title: "CPU time of idle processes, ms per second",
		head: ["Nodes", "gateway", "services"],
		rows: Object.entries(result.idle).map(([count, { gateway, service }]) => [
			count,
			figure(gateway / 1_000),
			figure(service / 1_000),
		]),
	};
	return [goalTable(nodesGoals(result)), ...tables, idle];
}
