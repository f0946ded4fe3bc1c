import { setTimeout as pause } from "node:timers/promises";
import { check } from "../harness/check.ts";
import { isWhole, type Stage } from "../harness/options.ts";
import { writeResult } from "../harness/results.ts";
import { type Block, measure, type Slice } from "../harness/slices.ts";
import { type Running, startVariant, zeolite } from "../harness/variants.ts";
import { requireWrk } from "../harness/wrk.ts";
import { markdown } from "../report/format.ts";
import { nodesTables } from "../report/nodes.ts";

const usual = { rounds: 12, seconds: 1, connections: [64, 256] };
const counts = [1, 2, 4, 8];
/** For each of the nodes that share the load, so that all of them are warm. */
const warmUpSeconds = 3;
const idleSeconds = 10;
/** Requests per second that no number of nodes has trouble with, and how many may be under way. */
const constant = { perSecond: 500, connections: 250 };

/** What the nodes bench keeps: `variant` of a slice is the number of nodes that have the service. */
export interface NodesResult {
	slices: Slice[];
	/** CPU time that the gateway and so many nodes use when nobody asks anything, µs per second, by number of nodes. */
	idle: Record<string, { gateway: number; service: number }>;
}

/** Lets all of them be idle for a while, at once. */
async function idleCosts(all: readonly Running[]): Promise<NodesResult["idle"]> {
	const before = all.map(running => running.cpu());
	await pause(idleSeconds * 1_000);
	return Object.fromEntries(
		all.map((running, i) => {
			const after = running.cpu();
			const spent = (role: "gateway" | "service") =>
				Math.round(((after[role] ?? 0) - (before[i]?.[role] ?? 0)) / idleSeconds);
			return [running.variant.id, { gateway: spent("gateway"), service: spent("service") }];
		}),
	);
}

/**
 * CPU time of a request, all processes together, with 1 to 8 nodes of a service behind one gateway: in a closed loop and
 * at a constant rate.
 * @returns whether nothing went wrong
 */
export async function nodes(stage: Stage): Promise<boolean> {
	const { options, world, natsUrl } = stage;
	const { say, seed } = options;
	requireWrk();
	const began = performance.now();
	const all: Running[] = [];
	try {
		for (const count of counts) {
			say(`starting a gateway and ${count} of the service`);
			const running = await startVariant(
				zeolite(String(count), `${count} nodes`, {}, count),
				world,
				natsUrl,
			);
			all.push(running);
			await check(running, world);
		}
		const { rounds = usual.rounds, seconds = usual.seconds } = options;
		const loops = options.connections ?? usual.connections;
		const blocks: Block[] = [
			...loops.map(connections => ({ scenario: "get" as const, connections, variants: all })),
			{ scenario: "get", ...constant, variants: all },
		];
		say(`about ${Math.ceil((rounds * blocks.length * all.length * (seconds + 0.3)) / 60)} min`);
		const warmUp = ({ variant }: Running) => warmUpSeconds * Number(variant.id);
		const slices = await measure(stage, blocks, { rounds, seconds, warmUp });
		const measured: NodesResult = { slices, idle: await idleCosts(all) };
		const run = { bench: "nodes", seed, rounds, seconds: (performance.now() - began) / 1_000 };
		say(`kept in ${writeResult(run, measured, isWhole(options))}`);
		console.log(markdown(nodesTables(measured)));
		return slices.every(({ refused, broken }) => refused + broken === 0);
	} finally {
		await Promise.all(all.map(running => running.end()));
	}
}
