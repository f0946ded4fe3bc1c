import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Slice } from "../../../bench/harness/slices.ts";
import { quantile, quartiles, shuffled } from "../../../bench/harness/stats.ts";
import { isReached, markdown } from "../../../bench/report/format.ts";
import { costs, gatewayGoals, gatewayTables, ratios } from "../../../bench/report/gateway.ts";
import { p99Ratios } from "../../../bench/report/latency.ts";
import { nodesGoals } from "../../../bench/report/nodes.ts";
import { gatewayPlots } from "../../../bench/report/plots.ts";
import { page, withFigures } from "../../../bench/report/report.ts";
import { random } from "../../support/random.ts";

const root = join(import.meta.dirname, "..", "..", "..");

const slice = (variant: string, round: number, requests: number, rest: Partial<Slice> = {}) => ({
	round,
	scenario: "get" as const,
	connections: 64,
	variant,
	requests,
	seconds: 1,
	refused: 0,
	broken: 0,
	p50Ms: 1,
	p99Ms: 2,
	cpu: { gateway: 20 * requests, service: 10 * requests, nats: 5 * requests, load: 7 * requests },
	...rest,
});

const variants = [
	{ id: "zeolite", title: "Zeolite", does: "" },
	{ id: "nest", title: "NestJS", does: "" },
];

/** The machine was three times slower in the last two rounds. */
const drifting = {
	variants,
	slice: 1,
	slices: [
		...[3_000, 3_000, 1_000].map((n, round) => slice("nest", round, n)),
		...[6_000, 2_100, 2_200].map((n, round) => slice("zeolite", round, n)),
	],
};

test("quantiles: of what is known, of one, of none, and always between the ends", () => {
	assert.deepEqual(quartiles([5, 1, 2, 4, 3]), { low: 2, median: 3, high: 4, n: 5 });
	assert.equal(quantile([1, 2], 0.5), 1.5);
	assert.deepEqual(quartiles([7]), { low: 7, median: 7, high: 7, n: 1 });
	assert.equal(quantile([], 0.5), Number.NaN);
	const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });
	fc.assert(
		fc.property(values, all => {
			const { low, median, high } = quartiles(all);
			const least = all.reduce((a, b) => Math.min(a, b));
			return least <= low && low <= median && median <= high;
		}),
	);
});

test("shuffled keeps every member, and the same seed gives the same order", () => {
	const all = [1, 2, 3, 4, 5, 6, 7, 8];
	const orders = new Set<string>();
	for (let seed = 0; seed < 50; seed++) {
		const order = shuffled(all, random(seed));
		assert.deepEqual([...order].sort(), all);
		assert.deepEqual(shuffled(all, random(seed)), order);
		orders.add(order.join());
	}
	assert.ok(orders.size > 40);
});

test("a ratio is taken within a round: not a ratio of medians, and not of rounds in which one is missing", () => {
	assert.deepEqual(ratios(drifting.slices, "zeolite", "nest", 64), [2, 0.7, 2.2]);
	const lone = [...drifting.slices, slice("zeolite", 9, 9_999)];
	assert.deepEqual(ratios(lone, "zeolite", "nest", 64), [2, 0.7, 2.2]);
	assert.deepEqual(ratios(drifting.slices, "zeolite", "nest", 8), []);
});

test("what was refused is no throughput, and stands under wrong", () => {
	const refusing = {
		...drifting,
		slices: [slice("nest", 0, 1_000), slice("zeolite", 0, 2_000, { refused: 500, broken: 3 })],
	};
	assert.deepEqual(ratios(refusing.slices, "zeolite", "nest", 64), [1.5]);
	const row = markdown(gatewayTables(refusing))
		.split("\n")
		.find(line => line.startsWith("| Zeolite |"));
	assert.match(row ?? "", /\| 503 \|$/);
});

test("the cost of a request is each process's own, and all but the generator's", () => {
	const { gateway, service, nats, load, total } = costs([slice("zeolite", 0, 1_000)]);
	assert.deepEqual(
		[gateway, service, nats, load, total].map(cost => cost?.median),
		[20, 10, 5, 7, 35],
	);
});

test("a goal is reached by the median, and said so", () => {
	const [goal, ...others] = gatewayGoals(drifting);
	assert.deepEqual(others, []);
	assert.deepEqual(goal?.bound, { least: 2 });
	assert.ok(isReached(2, { least: 2 }) && !isReached(1.99, { least: 2 }));
	assert.ok(isReached(0.5, { most: 0.5 }) && !isReached(0.51, { most: 0.5 }));
	assert.match(markdown(gatewayTables(drifting)), /≥ 2 \| 2\.00 \[1\.35–2\.10\] \| reached/);
});

test("latency: p99 of a round in that of the other in the same round and at the same rate", () => {
	const at = (variant: string, round: number, share: number, p99Ms: number) => ({
		...{ variant, round, share, p99Ms, perSecond: 1, arrivals: 1, ok: 1 },
		...{ shed: 0, wrong: 0, medianMs: 1, maxMs: 1, lateMs: 0 },
	});
	const slices = [
		...[at("nest", 0, 0.7, 40), at("nest", 1, 0.7, 10), at("nest", 0, 0.9, 1)],
		...[at("zeolite", 0, 0.7, 10), at("zeolite", 1, 0.7, 20), at("zeolite", 2, 0.7, 1)],
	];
	assert.deepEqual(p99Ratios(slices, "zeolite", "nest", 0.7), [0.25, 2]);
});

test("nodes: what is used when idle is no cost of a request", () => {
	const cost = (variant: string, micros: number) =>
		slice(variant, 0, 100, { cpu: { gateway: micros, service: micros, nats: 0 } });
	const result = {
		slices: [cost("1", 1_000), cost("8", 9_000)],
		idle: { 1: { gateway: 0, service: 0 }, 8: { gateway: 0, service: 15_900 } },
	};
	assert.deepEqual(nodesGoals(result)[0]?.values, [(18_000 - 15_900) / 2_000]);
});

const run = {
	...{ bench: "gateway", at: "2026-03-04T05:06:07.000Z", version: "0.1.0", commit: "abc1234" },
	...{ node: "v24.0.0", machine: { cpu: "a CPU", cores: 2, memoryGb: 4 } },
	...{ seed: 7, rounds: 3, seconds: 60 },
};
const section = (title: string, result = drifting) => ({
	...{ bench: "gateway", title, run },
	...{ tables: gatewayTables(result), plots: gatewayPlots(result) },
});

test("the page needs no other host and no script, and holds no tag of a result", () => {
	const evil = `"><script>alert('x')</script>`;
	const named = { ...drifting, variants: variants.map(v => ({ ...v, title: evil })) };
	const text = page([section(evil, named)]);
	assert.doesNotMatch(text, /(?:src|href)=|url\(|@import|<script|https?:/);
	assert.match(text, /default-src 'none'/);
	assert.match(text, /&lt;script&gt;/);
});

test("plots: a dot for each round, the goal's line, for a wide and a narrow screen", () => {
	const text = page([section("Gateway")]);
	const overNest = /<figure><figcaption>Throughput in that of NestJS, 64[\s\S]*?<\/figure>/.exec(
		text,
	)?.[0] as string;
	assert.equal(overNest.split('<circle class="round"').length - 1, 2 * 3);
	assert.equal(overNest.split("goal ≥ 2").length - 1, 2);
	assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});

test("figures go between the marks of their bench, those of another stay away", () => {
	const text =
		"a\n<!-- figures: gateway -->\nold\n<!-- end -->\nb\n<!-- figures: memory -->\n<!-- end -->\n";
	const filled = withFigures(text, [section("Gateway")]);
	assert.match(filled, /a\n<!-- figures: gateway -->\n\n2026-03-04, 05:06 UTC · version 0\.1\.0/);
	assert.match(filled, /memory -->\n\nIt has not been run/);
	assert.ok(!filled.includes("old"));
	assert.equal(withFigures(filled, [section("Gateway")]), filled);
});

test("docs/benchmarks.md says what the kept runs say, and nothing has been changed by hand", () => {
	const text = readFileSync(join(root, "docs", "benchmarks.md"), "utf8");
	assert.equal(text.split("<!-- figures: ").length - 1, 6);
	assert.equal(text, withFigures(text), "npm run bench -- --report writes the figures anew");
});
