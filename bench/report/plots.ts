import type { Markup } from "../../test/drills/harness/markup.ts";
import { quartiles } from "../harness/stats.ts";
import type { GatewayResult } from "../modes/gateway.ts";
import type { LatencyResult } from "../modes/latency.ts";
import type { MemoryResult } from "../modes/memory.ts";
import type { NodesResult } from "../modes/nodes.ts";
import type { PurchasesResult } from "../modes/purchases.ts";
import { type Dots, dots } from "./dots.ts";
import { boundText } from "./format.ts";
import { connectionsOf, costs, gatewayGoals, ratios } from "./gateway.ts";
import { p99Ratios, sharesOf } from "./latency.ts";
import { costRatios, countsOf, loadsOf } from "./nodes.ts";

const lineOf = (id: string): 1 | 2 | 3 | 4 =>
	id.startsWith("zeolite") ? 1 : id.startsWith("nest") ? 2 : id === "stock" ? 4 : 3;

const many = (connections: number): string =>
	connections === 1 ? "1 connection" : `${connections} connections`;

export function gatewayPlots(result: GatewayResult): Markup[] {
	const { variants, slices } = result;
	const goals = gatewayGoals(result);
	const plots = connectionsOf(result).map((connections): Dots => {
		const goal = goals.find(({ title }) => title === `Zeolite ÷ NestJS at ${many(connections)}`);
		return {
			title: `Throughput in that of NestJS, ${many(connections)}`,
			unit: "times NestJS in the same round; bare node:http is left out",
			goals:
				goal && "least" in goal.bound
					? [{ at: goal.bound.least, label: `goal ${boundText(goal.bound)}` }]
					: [],
			rows: variants
				.filter(({ id }) => id !== "nest" && id !== "bare")
				.map(({ id, title }) => ({
					name: title,
					line: lineOf(id),
					values: ratios(slices, id, "nest", connections),
				}))
				.filter(({ values }) => values.length > 0),
		};
	});
	const own = (id: string) =>
		slices.filter(s => s.variant === id && s.scenario === "get" && s.connections === 64);
	const goal = goals.find(({ title }) => title.includes("raw pair"));
	const overRaw: Dots = {
		title: "Throughput in that of the raw pair, 64 connections",
		unit: "times the raw pair in the same round",
		goals: goal ? [{ at: 0.75, label: "goal ≥ 0.75" }] : [],
		rows: variants
			.filter(({ id }) => id !== "raw" && id !== "bare")
			.map(({ id, title }) => ({
				name: title,
				line: lineOf(id),
				values: ratios(slices, id, "raw", 64),
			}))
			.filter(({ values }) => values.length > 0),
	};
	const cost: Dots = {
		title: "CPU time of a request, all processes but the generator, 64 connections",
		unit: "µs",
		rows: variants
			.map(({ id, title }) => ({
				name: title,
				line: lineOf(id),
				values: own(id).map(slice => costs([slice]).total?.median ?? Number.NaN),
			}))
			.filter(({ values }) => values.length > 0),
	};
	return [...plots, overRaw, cost].filter(({ rows }) => rows.length > 0).map(dots);
}

export function latencyPlots(result: LatencyResult): Markup[] {
	const { variants, slices } = result;
	return sharesOf(result).flatMap(share => {
		const at = `${Math.round(share * 100)} % of NestJS's peak`;
		return [
			dots({
				title: `p99 at ${at}`,
				unit: "ms, from when a request was due",
				rows: variants.map(({ id, title }) => ({
					name: title,
					line: lineOf(id),
					values: slices.filter(s => s.variant === id && s.share === share).map(s => s.p99Ms),
				})),
			}),
			dots({
				title: `p99 in that of NestJS at ${at}`,
				unit: "times NestJS in the same round",
				goals: share === 0.7 ? [{ at: 0.5, label: "goal ≤ 0.5" }] : [],
				rows: variants
					.filter(({ id }) => id !== "nest")
					.map(({ id, title }) => ({
						name: title,
						line: lineOf(id),
						values: p99Ratios(slices, id, "nest", share),
					})),
			}),
		];
	});
}

export const nodesPlots = (result: NodesResult): Markup[] =>
	loadsOf(result).map(({ title, slices }) =>
		dots({
			title: `CPU time of a request in that with one node, ${title}`,
			unit: "times that with one node in the same round",
			goals: [{ at: 1.1, label: "goal ≤ 1.1" }],
			rows: countsOf(slices)
				.filter(count => count !== "1")
				.map(count => ({ name: `${count} nodes`, values: costRatios(result, slices, count) })),
		}),
	);

export const memoryPlots = ({ variants, slices }: MemoryResult): Markup[] => [
	dots({
		title: "Resident memory of an idle process",
		unit: "MB",
		rows: variants.flatMap(({ id, title }) =>
			(["service", "gateway"] as const).map(process => ({
				name: `${title}, ${process}`,
				line: lineOf(id),
				values: slices
					.filter(s => s.variant === id && s.process === process)
					.map(s => s.residentMb),
			})),
		),
	}),
];

export const purchasesPlots = ({ slices }: PurchasesResult): Markup[] => [
	dots({
		title: "Purchases per second",
		unit: "per second",
		rows: (["embedded", "mesh"] as const)
			.map(mode => ({
				name: mode,
				values: slices.filter(s => s.mode === mode).map(s => s.perSecond),
			}))
			.filter(({ values }) => quartiles(values).n > 0),
	}),
];
