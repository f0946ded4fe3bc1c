// npm run bench -- [gateway|latency|purchases|nodes|memory|cache …] [--report]: how fast, beside what; docs/benchmarks.md.
import { parseArgs } from "node:util";
import { nats } from "../test/support/servers.ts";
import { cpuMicros } from "./harness/cpu.ts";
import type { Options, Stage } from "./harness/options.ts";
import { makeWorld } from "./harness/world.ts";

const benches = {
	gateway: async () => (await import("./modes/gateway.ts")).gateway,
	latency: async () => (await import("./modes/latency.ts")).latency,
	purchases: async () => (await import("./modes/purchases.ts")).purchases,
	nodes: async () => (await import("./modes/nodes.ts")).nodes,
	memory: async () => (await import("./modes/memory.ts")).memory,
	cache: async () => (await import("./modes/cache.ts")).cache,
};
type Bench = keyof typeof benches;

const help = `npm run bench -- [<bench> …] [options]

  gateway     requests per second and CPU time per request, beside NestJS and others; 10 min
  latency     p99 at a constant rate, beside NestJS; 8 min
  purchases   purchases per second and start-up, embedded and on a mesh; 6 min
  nodes       CPU time per request with 1 to 8 nodes of a service; 5 min
  memory      memory of an idle node; 2 min
  cache       reads with Redis and without: latency, CPU time, hit rate; 4 min

  --report              draws bench/results/bench.html and writes the figures into docs/benchmarks.md
  --profile             gateway: where the time goes, by CPU profiles, in place of how much of it
  --variants <id>,…     only these
  --connections <n>,…   of the closed loop (gateway, nodes)
  --rounds <n>          --seconds <n>, whole ones, of a slice
  --seed <n>
  --keep                keeps the figures of a run of other sizes than the usual
  --small               tiny: shows that the gateway bench works
`;

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		rounds: { type: "string" },
		seconds: { type: "string" },
		connections: { type: "string" },
		variants: { type: "string" },
		seed: { type: "string", default: String(Date.now() % 1_000_000) },
		small: { type: "boolean", default: false },
		profile: { type: "boolean", default: false },
		keep: { type: "boolean", default: false },
		report: { type: "boolean", default: false },
		help: { type: "boolean", default: false },
	},
});

/** A whole number above 0. @throws Error that names the option */
function count(option: string, text: string): number {
	if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${option} takes a whole number, not ${text}`);
	return Number(text);
}

const isBench = (name: string): name is Bench => Object.hasOwn(benches, name);

function chosen(): Bench[] {
	const unknown = positionals.filter(name => !isBench(name));
	if (unknown.length > 0)
		throw new Error(`No bench is called ${unknown}; there are ${Object.keys(benches).join(", ")}`);
	if (positionals.length > 0) return positionals.filter(isBench);
	return values.report ? [] : ["gateway"];
}

async function main(): Promise<boolean> {
	if (values.help) {
		console.log(help);
		return true;
	}
	const began = performance.now();
	const optional = (option: "rounds" | "seconds") =>
		values[option] === undefined ? undefined : count(option, values[option]);
	const options: Options = {
		seed: Number(values.seed),
		rounds: optional("rounds"),
		seconds: optional("seconds"),
		connections: values.connections?.split(",").map(text => count("connections", text)),
		variants: values.variants?.split(","),
		small: values.small,
		profile: values.profile,
		keep: values.keep,
		say: line =>
			console.error(`${((performance.now() - began) / 1_000).toFixed(0).padStart(6)} s  ${line}`),
	};
	let isRight = true;
	const wanted = chosen();
	if (options.small && wanted.some(bench => bench !== "gateway"))
		throw new Error("--small is for the gateway alone");
	for (const bench of wanted) {
		const run =
			options.profile && bench === "gateway"
				? (await import("./modes/profile.ts")).profile
				: await benches[bench]();
		const server = await nats();
		if (!server)
			throw new Error(
				"There is no nats-server here: go install github.com/nats-io/nats-server/v2@v2.15.0",
			);
		const world = makeWorld(options.seed);
		const { pid } = server;
		const stage: Stage = {
			options,
			world,
			natsUrl: server.url,
			natsCpu: () => (pid === undefined ? 0 : cpuMicros(pid)),
		};
		try {
			isRight = (await run(stage)) && isRight;
		} finally {
			await server.stop();
			world.end();
		}
	}
	if (values.report) {
		const { writeReport } = await import("./report/report.ts");
		for (const file of writeReport()) console.log(file);
	}
	return isRight;
}

// What was started ends with this process.
for (const [signal, code] of [
	["SIGINT", 130],
	["SIGTERM", 143],
	["SIGHUP", 129],
] as const)
	process.once(signal, () => process.exit(code));

main().then(
	isRight => process.exit(isRight ? 0 : 1),
	error => {
		console.error(error instanceof Error ? error.message : error);
		process.exit(1);
	},
);
