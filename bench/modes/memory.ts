import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../../deploy/process.ts";
import { freePort } from "../../test/support/ports.ts";
import { mongo } from "../../test/support/servers.ts";
import { memoryOf } from "../harness/cpu.ts";
import { isWhole, type Stage } from "../harness/options.ts";
import { bringPeers } from "../harness/peers.ts";
import { writeResult } from "../harness/results.ts";
import { findVariants, startVariant } from "../harness/variants.ts";
import { markdown } from "../report/format.ts";
import { memoryTables } from "../report/memory.ts";

const usual = { rounds: 3 };
const idleMs = 10_000;
const peers = ["nest", "stock"];
/** Nodes of the product, as `SERVICES` says it: one service with a store, and a gateway. */
const nodes = ["courses", "gateway"];

/** What one idle process holds. */
export interface MemorySlice {
	round: number;
	/** `zeolite`, or the id of a peer. */
	variant: string;
	process: "service" | "gateway";
	/** Resident, MB. */
	residentMb: number;
	/** Its own pages, and its share of those it has in common with others, MB. */
	shareMb: number;
}

/** What the memory bench keeps. */
export interface MemoryResult {
	variants: { id: string; title: string }[];
	slices: MemorySlice[];
}

/**
 * Memory of nodes that have nothing to do, 10 s after they were ready: the product's own, on MongoDB and NATS, beside the
 * peers' processes of the gateway bench.
 */
export async function memory(stage: Stage): Promise<boolean> {
	const { options, world, natsUrl } = stage;
	const { say, seed } = options;
	const began = performance.now();
	const store = await mongo();
	if (!store)
		throw new Error(
			"There is no MongoDB here: mvn --file test/support/mongo dependency:build-classpath",
		);
	bringPeers(say);
	const rounds = options.rounds ?? usual.rounds;
	const variants = (await findVariants()).filter(({ id }) => peers.includes(id));
	const slices: MemorySlice[] = [];
	say(`${rounds} rounds of about 25 s`);
	const env = {
		NATS_URL: natsUrl,
		MONGO_URL: store.url,
		REDIS_URL: "",
		NODE_ENV: "production",
		NAMESPACE: `bench-memory-${process.pid}`,
		SERVICE_SECRET_KEY: "a-secret-for-benches-0123456789abcdef",
		MESH: nodes.join(),
		LOG_LEVEL: "warn",
	};
	try {
		for (let round = 0; round < rounds; round++) {
			const product: MeshProcess[] = [];
			const running = [];
			const end = () => {
				for (const node of product) void node.end("SIGKILL");
			};
			process.once("exit", end);
			try {
				for (const services of nodes)
					product.push(new MeshProcess({ name: services, services, port: await freePort() }, env));
				await Promise.all(product.map(node => node.start()));
				for (const variant of variants) running.push(await startVariant(variant, world, natsUrl));
				await pause(idleMs);
				const held = [
					...product.map(({ part, pid }) => ({
						variant: "zeolite",
						process: part.services === "gateway" ? ("gateway" as const) : ("service" as const),
						pid: pid as number,
					})),
					...running.flatMap(({ variant, children }) =>
						children.map(({ role, child }) => ({
							variant: variant.id,
							process: role === "gateway" ? ("gateway" as const) : ("service" as const),
							pid: child.pid,
						})),
					),
				];
				for (const { pid, ...of } of held) slices.push({ round, ...of, ...memoryOf(pid) });
			} finally {
				process.off("exit", end);
				await Promise.all([
					...product.map(node => node.end("SIGKILL")),
					...running.map(one => one.end()),
				]);
			}
			say(`round ${round + 1} of ${rounds}`);
		}
		const measured: MemoryResult = {
			variants: [
				{ id: "zeolite", title: "Zeolite" },
				...variants.map(({ id, title }) => ({ id, title })),
			],
			slices,
		};
		const run = { bench: "memory", seed, rounds, seconds: (performance.now() - began) / 1_000 };
		say(`kept in ${writeResult(run, measured, isWhole(options))}`);
		console.log(markdown(memoryTables(measured)));
		return true;
	} finally {
		await store.stop();
	}
}
