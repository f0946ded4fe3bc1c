import { check, checkTraces } from "../harness/check.ts";
import { isWhole, type Stage } from "../harness/options.ts";
import { bringPeers } from "../harness/peers.ts";
import { writeResult } from "../harness/results.ts";
import { type Block, measure, type Slice } from "../harness/slices.ts";
import { findVariants, type Running, startVariant, type Variant } from "../harness/variants.ts";
import { requireWrk } from "../harness/wrk.ts";
import { markdown } from "../report/format.ts";
import { gatewayTables } from "../report/gateway.ts";

const usual = { rounds: 12, seconds: 1, connections: [1, 8, 64, 256] };
/** Where everything is measured, and what takes a body. */
const mainConnections = 64;
const warmUpSeconds = 3;
/** How often the processes are started anew: how well V8 compiles one is chance, and lasts as long as the process. */
const starts = 3;
/** Of `--small`: a constant rate, because it is to need no wrk. */
const small = { rounds: 1, seconds: 0.5, perSecond: 200, connections: 100 };
/** wrk's own start, and the readings around it, s. */
const sliceOverhead = 0.2;

/** What the gateway bench keeps. */
export interface GatewayResult {
	variants: Pick<Variant, "id" | "title" | "does">[];
	/** Seconds of a slice. */
	slice: number;
	slices: Slice[];
}

/** The variants that a run measures: those asked for, and for a small one what needs neither peers nor much time. */
async function chosen({ options }: Stage): Promise<Variant[]> {
	const all = await findVariants();
	const wanted = options.small ? ["zeolite", "bare"] : options.variants;
	const unknown = wanted?.filter(id => !all.some(variant => variant.id === id)) ?? [];
	if (unknown.length > 0)
		throw new Error(`There is no variant ${unknown}; there are ${all.map(v => v.id).join(", ")}`);
	return all.filter(({ id }) => wanted?.includes(id) ?? true);
}

/** Which variants are measured at which connections: those aside at 64 alone, as are writes, which not all take part in. */
function blocksOf(all: readonly Running[], connections: readonly number[]): Block[] {
	const inFull = all.filter(({ variant }) => !variant.isAside);
	const reads = connections.map((n): Block => {
		const variants = n === mainConnections || connections.length === 1 ? all : inFull;
		return { scenario: "get", connections: n, variants };
	});
	const takesWrites = ["zeolite", "nest", "raw", "bare"];
	const writers = all.filter(({ variant }) => takesWrites.includes(variant.id));
	return connections.includes(mainConnections) && writers.length > 1
		? [...reads, { scenario: "post", connections: mainConnections, variants: writers }]
		: reads;
}

const smallBlocks = (variants: readonly Running[]): Block[] =>
	(["get", "post"] as const).map(scenario => ({ ...small, scenario, variants }));

/** Starts the variants and measures some rounds of them. */
async function measureAnew(
	stage: Stage,
	variants: readonly Variant[],
	size: { rounds: number; before: number; seconds: number },
): Promise<Slice[]> {
	const { options, world, natsUrl } = stage;
	const { say } = options;
	const all: Running[] = [];
	try {
		for (const variant of variants) {
			say(`starting ${variant.id}: ${variant.title}`);
			const running = await startVariant(variant, world, natsUrl);
			all.push(running);
			await check(running, world);
		}
		const blocks = options.small
			? smallBlocks(all)
			: blocksOf(all, options.connections ?? usual.connections);
		const slicesOfRound = blocks.reduce((sum, block) => sum + block.variants.length, 0);
		const takes =
			size.rounds * slicesOfRound * (size.seconds + sliceOverhead) + all.length * 2 * warmUpSeconds;
		say(
			`${size.rounds} rounds of ${slicesOfRound} slices of ${size.seconds} s: about ${Math.ceil(takes / 60)} min`,
		);
		const slices = await measure(stage, blocks, { ...size, warmUp: () => warmUpSeconds });
		for (const running of all) await checkTraces(running);
		return slices;
	} finally {
		await Promise.all(all.map(running => running.end()));
	}
}

/**
 * All variants at once on one nats-server, in slices of load that take turns.
 * @returns whether nothing went wrong
 */
export async function gateway(stage: Stage): Promise<boolean> {
	const { options } = stage;
	const { say } = options;
	if (!options.small) requireWrk();
	const began = performance.now();
	const variants = await chosen(stage);
	if (variants.some(({ isPeer }) => isPeer)) bringPeers(say);
	const { rounds = usual.rounds, seconds = usual.seconds } = options.small ? small : options;
	const each = options.small ? rounds : Math.ceil(rounds / starts);
	const slices: Slice[] = [];
	for (let before = 0; before < rounds; before += each) {
		const size = { rounds: Math.min(each, rounds - before), before, seconds };
		slices.push(...(await measureAnew(stage, variants, size)));
	}
	const measured: GatewayResult = {
		variants: variants.map(({ id, title, does }) => ({ id, title, does })),
		slice: seconds,
		slices,
	};
	const { seed } = options;
	const run = { bench: "gateway", seed, rounds, seconds: (performance.now() - began) / 1_000 };
	if (!options.small) say(`kept in ${writeResult(run, measured, isWhole(options))}`);
	console.log(markdown(gatewayTables(measured)));
	return slices.every(({ refused, broken }) => refused + broken === 0);
}
