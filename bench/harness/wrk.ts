import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { tie } from "./children.ts";
import type { Scenario, World } from "./world.ts";

/** What came of a slice of load. */
export interface Burst {
	requests: number;
	seconds: number;
	/** Answered, but not with 2xx or 3xx. */
	refused: number;
	/** Connections that could not be made or broke, and requests without an answer in time. */
	broken: number;
	p50Ms: number;
	p99Ms: number;
	/** CPU time of the generator itself, µs. */
	cpuMicros: number;
}

export interface BurstPlan {
	url: string;
	world: World;
	scenario: Scenario;
	connections: number;
	/** Whole ones: wrk takes no others. */
	seconds: number;
	/** Which of the requests is the first. */
	from: number;
}

/** @throws Error that says how to get it, where there is no wrk here. */
export function requireWrk(): void {
	if (spawnSync("wrk", ["--version"], { stdio: "ignore" }).error)
		throw new Error("There is no wrk here, which makes the load: apt-get install wrk");
}

/**
 * A closed loop by wrk: as many requests under way as there are connections, each sent when the one before is answered.
 * Good for throughput; its latencies leave out who would have come meanwhile.
 * @throws Error where wrk says nothing
 */
export async function burst(plan: BurstPlan): Promise<Burst> {
	const { url, world, scenario, connections, seconds, from } = plan;
	const script = join(import.meta.dirname, "..", "wrk.lua");
	const child = spawn(
		"wrk",
		["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "5s", "-s", script, url],
		{
			env: {
				...process.env,
				BENCH_PLAN: join(world.dir, `${scenario}.lua`),
				BENCH_FROM: String(from),
			},
			stdio: ["ignore", "pipe", "pipe"],
		},
	);
	tie(child);
	let printed = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			printed += text;
		});
	await once(child, "close");
	const line = /^BENCH (\{.*\})$/m.exec(printed)?.[1];
	if (!line) throw new Error(`wrk said nothing of use:\n${printed}`);
	const said = JSON.parse(line) as Record<
		"requests" | "micros" | "refused" | "sockets" | "timeouts" | "p50" | "p99" | "cpu",
		number
	>;
	return {
		requests: said.requests,
		seconds: said.micros / 1e6,
		refused: said.refused,
		broken: said.sockets + said.timeouts,
		p50Ms: said.p50 / 1_000,
		p99Ms: said.p99 / 1_000,
		cpuMicros: said.cpu,
	};
}
