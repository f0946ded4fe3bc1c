import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { root } from "../../support/node.ts";
import type { Drill, Figure, Outcome } from "../drill.ts";

/** A planted defect and what the drill said of it. */
export interface Caught {
	defect: string;
	why: string;
	broken: string[];
}

/** A drill's run as `bench/results/<name>.json` keeps it. */
export interface Result extends Outcome {
	drill: string;
	title: string;
	mustHold: string;
	size: object;
	seed: number;
	/** ISO 8601 */
	at: string;
	version: string;
	commit: string;
	node: string;
	machine: { cpu: string; cores: number; memoryGb: number };
	seconds: number;
	caught: Caught[];
}

export const resultFile = (drill: string): string =>
	join(root, "bench", "results", `${drill}.json`);

/** What is kept of a drill's last run at full size; null where there was none. */
export function readResult(drill: string): Result | null {
	const file = resultFile(drill);
	return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Result) : null;
}

/** Keeps a run; what planted defects it caught stays from the run before. */
export function writeResult(
	drill: Drill,
	size: object,
	seed: number,
	seconds: number,
	outcome: Outcome,
): void {
	const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
	const git = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" });
	const { name, title, mustHold } = drill;
	const [cpu] = cpus();
	write({
		drill: name,
		title,
		mustHold,
		size,
		seed,
		at: new Date().toISOString(),
		version,
		commit: git.stdout?.trim() ?? "",
		node: process.version,
		machine: {
			cpu: cpu?.model ?? "",
			cores: cpus().length,
			memoryGb: Math.round(totalmem() / 2 ** 30),
		},
		seconds: Math.round(seconds),
		...outcome,
		caught: readResult(name)?.caught ?? [],
	});
}

/** Keeps what was caught beside the drill's last run. @returns false where there is none yet. */
export function writeCaught(drill: string, caught: readonly Caught[]): boolean {
	const result = readResult(drill);
	if (!result) return false;
	const others = result.caught.filter(old => !caught.some(({ defect }) => defect === old.defect));
	write({ ...result, caught: [...others, ...caught] });
	return true;
}

function write(result: Result): void {
	const file = resultFile(result.drill);
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, JSON.stringify(result));
	spawnSync(join(root, "node_modules", ".bin", "biome"), ["format", "--write", file]);
}

/** Median, 99th percentile and largest of many values; of none all are 0. */
export function spread(values: readonly number[], unit: string): Figure {
	const sorted = [...values].sort((a, b) => a - b);
	const at = (q: number) => rounded(sorted[Math.ceil(q * sorted.length) - 1] ?? sorted[0] ?? 0);
	return { unit, median: at(0.5), p99: at(0.99), max: at(1), n: sorted.length };
}

/** How many instants (ms) fall into each second since `from`: points for a series. */
export function perSecond(instants: readonly number[], from: number): [number, number][] {
	const counts: number[] = [];
	for (const instant of instants) {
		const second = Math.max(0, Math.floor((instant - from) / 1_000));
		counts[second] = (counts[second] ?? 0) + 1;
	}
	return Array.from(counts, (count, second): [number, number] => [second, count ?? 0]);
}

export const rounded = (value: number): number => Math.round(value * 100) / 100;
