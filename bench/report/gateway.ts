import type { Slice } from "../harness/slices.ts";
import { type Quartiles, quartiles } from "../harness/stats.ts";
import type { Scenario } from "../harness/world.ts";
import type { GatewayResult } from "../modes/gateway.ts";
import { figure, type Goal, goalTable, spread, type Table } from "./format.ts";

/** Requests per second that were answered as they should be. */
export const goodRate = ({ requests, refused, seconds }: Slice): number =>
	(requests - refused) / seconds;

const at = (slices: readonly Slice[], scenario: Scenario, connections: number, variant: string) =>
	slices.filter(
		s => s.scenario === scenario && s.connections === connections && s.variant === variant,
	);

/** Throughput of one variant in that of another, a ratio for each round in which both were measured. */
export function ratios(
	slices: readonly Slice[],
	of: string,
	over: string,
	connections: number,
	scenario: Scenario = "get",
): number[] {
	const others = new Map(at(slices, scenario, connections, over).map(s => [s.round, s]));
	return at(slices, scenario, connections, of).flatMap(slice => {
		const other = others.get(slice.round);
		return other ? [goodRate(slice) / goodRate(other)] : [];
	});
}

/** CPU time of a request, µs, by role, a figure for each round; `total` is all but the generator. */
export function costs(slices: readonly Slice[]): Record<string, Quartiles> {
	const roles = new Set(slices.flatMap(({ cpu }) => Object.keys(cpu)));
	const per = (role: string) =>
		quartiles(slices.map(s => (s.cpu[role as keyof Slice["cpu"]] ?? 0) / s.requests));
	const total = slices.map(({ cpu, requests }) => {
		const { load = 0, ...ours } = cpu;
		return Object.values(ours).reduce((sum, micros) => sum + micros, 0) / requests;
	});
	return {
		...Object.fromEntries([...roles].map(role => [role, per(role)])),
		total: quartiles(total),
	};
}

export const connectionsOf = ({ slices }: GatewayResult): number[] =>
	[...new Set(slices.filter(s => s.scenario === "get").map(s => s.connections))].sort(
		(a, b) => a - b,
	);

/** What the gateway is to reach. */
export function gatewayGoals({ slices }: GatewayResult): Goal[] {
	const overNest = (connections: number, least: number): Goal => ({
		title: `Zeolite ÷ NestJS at ${connections === 1 ? "1 connection" : `${connections} connections`}`,
		values: ratios(slices, "zeolite", "nest", connections),
		bound: { least },
	});
	return [
		overNest(64, 2),
		overNest(8, 1.5),
		overNest(256, 1.5),
		overNest(1, 1.3),
		{
			title: "Zeolite ÷ raw pair at 64 connections",
			values: ratios(slices, "zeolite", "raw", 64),
			bound: { least: 0.75 },
		},
	].filter(({ values }) => values.length > 0);
}

/** Every variant at so many connections. */
function variantTable(
	{ variants, slices }: GatewayResult,
	scenario: Scenario,
	connections: number,
): Table {
	const rows = variants.flatMap(({ id, title }) => {
		const own = at(slices, scenario, connections, id);
		if (own.length === 0) return [];
		const cost = costs(own);
		const cpu = ["gateway", "service", "nats", "total"].map(role =>
			figure(cost[role]?.median ?? Number.NaN),
		);
		const wrong = own.reduce((sum, { refused, broken }) => sum + refused + broken, 0);
		return [
			[
				title,
				...["nest", "raw", "bare"].map(over =>
					id === over ? "1" : spread(quartiles(ratios(slices, id, over, connections, scenario))),
				),
				figure(quartiles(own.map(goodRate)).median),
				...cpu,
				String(wrong),
			],
		];
	});
	const many = connections === 1 ? "1 connection" : `${connections} connections`;
	const cpu = ["gateway µs", "service µs", "nats µs", "all µs"];
	return {
		title: `${scenario === "get" ? "Reads" : "Writes"}, ${many}`,
		head: ["", "× NestJS", "× raw pair", "× bare", "requests/s", ...cpu, "wrong"],
		rows,
	};
}

/** The figures of a run. */
export function gatewayTables(result: GatewayResult): Table[] {
	const goals = gatewayGoals(result);
	const blocks = new Map(
		result.slices.map(({ scenario, connections }) => [
			`${scenario} ${connections}`,
			{ scenario, connections },
		]),
	);
	const inOrder = [...blocks.values()].sort(
		(a, b) => a.scenario.localeCompare(b.scenario) || a.connections - b.connections,
	);
	return [
		...(goals.length > 0 ? [goalTable(goals)] : []),
		...inOrder.map(({ scenario, connections }) => variantTable(result, scenario, connections)),
	];
}
