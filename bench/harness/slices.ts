import { setTimeout as pause } from "node:timers/promises";
import { startLoad } from "../../test/drills/harness/load.ts";
import type { Stage } from "./options.ts";
import { random, shuffled } from "./stats.ts";
import type { Role, Running } from "./variants.ts";
import type { Scenario } from "./world.ts";
import { type Burst, burst } from "./wrk.ts";

/** A slice of load on one variant: what came of it, and what it cost. */
export interface Slice {
	round: number;
	scenario: Scenario;
	/** Of the closed loop; at a constant rate the most there may be. */
	connections: number;
	/** Requests per second, where they come at a constant rate. */
	perSecond?: number;
	variant: string;
	requests: number;
	seconds: number;
	refused: number;
	broken: number;
	p50Ms: number;
	p99Ms: number;
	/** CPU time of the slice, µs, by who used it; `load` is the generator. */
	cpu: Partial<Record<Role | "nats" | "load", number>>;
}

/** How many of the requests a constant rate takes in turn: every course with some token. */
const inTurn = 1_000;
const answerMs = 5_000;

/** Load at a constant rate, by the drills' generator. */
async function steady(url: string, stage: Stage, at: Load): Promise<Burst> {
	const { scenario, connections, seconds, perSecond = 0 } = at;
	const { arrivals, shed, failed, cut, timedOut, notSent, latency } = await startLoad({
		bases: [url],
		requests: stage.world.requests(scenario).slice(0, inTurn),
		steps: [{ perSecond, seconds }],
		inFlight: connections,
		timeoutMs: answerMs,
	}).report;
	return {
		requests: arrivals,
		seconds,
		refused: shed + failed,
		broken: cut + timedOut + notSent,
		p50Ms: latency?.median ?? Number.NaN,
		p99Ms: latency?.p99 ?? Number.NaN,
		cpuMicros: 0,
	};
}

/** How a slice is loaded. */
type Load = Pick<Slice, "round" | "scenario" | "connections" | "perSecond"> & { seconds: number };

/**
 * Loads a variant for a while and reads its processes' CPU time before and after.
 * @param at with a rate at that rate, else in a closed loop by wrk; `from` is the number of the first request.
 */
export async function slice(
	stage: Stage,
	running: Running,
	at: Load & { from: number },
): Promise<Slice> {
	const { round, scenario, connections, seconds, perSecond, from } = at;
	const { url, variant } = running;
	const { world } = stage;
	const before = { ...running.cpu(), nats: stage.natsCpu() };
	const { cpuMicros: load, ...came } = perSecond
		? await steady(url, stage, at)
		: await burst({ url, world, scenario, connections, seconds, from });
	const after = { ...running.cpu(), nats: stage.natsCpu() };
	const spent = Object.entries(after).map(([role, micros]) => [
		role,
		Math.round(micros - (before[role as Role] ?? 0)),
	]);
	const cpu = { ...Object.fromEntries(spent), ...(load > 0 && { load }) };
	const loaded = { round, scenario, connections, ...(perSecond && { perSecond }) };
	return { ...loaded, variant: variant.id, ...came, cpu };
}

/** What is measured in each round: a scenario at a number of connections, and on which variants. */
export interface Block {
	scenario: Scenario;
	connections: number;
	/** At a constant rate in place of a closed loop. */
	perSecond?: number;
	variants: readonly Running[];
}

export interface Size {
	rounds: number;
	before?: number;
	seconds: number;
	warmUp(of: Running): number;
}

/**
 * Measures every block in every round, blocks and the variants within one in random order, so that what is compared lies
 * seconds apart. Each variant is warmed up first.
 * @param size how long a slice is, and how long a variant is warmed up for each scenario, whole seconds; how many rounds
 * there are, and how many there were before these.
 */
export async function measure(
	stage: Stage,
	blocks: readonly Block[],
	{ rounds, before = 0, seconds, warmUp }: Size,
): Promise<Slice[]> {
	const { seed, say } = stage.options;
	const next = random(seed + before);
	const slices: Slice[] = [];
	const from = () => Math.floor(next() * 8_000);
	const loops = blocks.filter(({ perSecond }) => !perSecond);
	for (const running of new Set(loops.flatMap(block => block.variants)))
		for (const { scenario, connections } of warmUps(loops, running)) {
			say(`warming up ${running.variant.id} (${scenario})`);
			const at = { round: -1, scenario, connections, seconds: warmUp(running), from: 0 };
			await slice(stage, running, at);
		}
	const started = performance.now();
	for (let round = before; round < before + rounds; round++) {
		for (const { variants, ...load } of shuffled(blocks, next)) {
			for (const running of shuffled(variants, next)) {
				const at = { round, ...load, seconds, from: from() };
				const measured = await slice(stage, running, at);
				slices.push(measured);
				const { requests, refused, broken } = measured;
				if (refused + broken > 0)
					say(`${running.variant.id}: of ${requests}, ${refused} refused and ${broken} broken`);
			}
			await pause(50);
		}
		const done = round + 1 - before;
		const left = ((performance.now() - started) / done) * (rounds - done);
		say(`round ${done} of ${rounds}, about ${Math.round(left / 1_000)} s to go`);
	}
	return slices;
}

/** One of each scenario that a variant is measured in. */
const warmUps = (blocks: readonly Block[], running: Running): Block[] =>
	[...Map.groupBy(blocks, block => block.scenario).values()].flatMap(
		ofOne => ofOne.findLast(block => block.variants.includes(running)) ?? [],
	);
