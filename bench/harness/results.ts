import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
/** Where runs are kept that are none to cite: with other sizes than the defaults. */
const tries = join(root, ".cache", "bench");

/** What every kept run says of itself. */
export interface Run {
	bench: string;
	/** ISO 8601, when it ended. */
	at: string;
	version: string;
	/** Of the sources; with a `+` where they had changed since. */
	commit: string;
	node: string;
	machine: { cpu: string; cores: number; memoryGb: number };
	seed: number;
	rounds: number;
	/** How long it took. */
	seconds: number;
}

export const resultFile = (bench: string): string =>
	join(root, "bench", "results", `bench-${bench}.json`);

/** The kept run of a bench; null where there is none. */
export function readResult<T>(bench: string): (Run & T) | null {
	const file = resultFile(bench);
	return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Run & T) : null;
}

const git = (...args: string[]): string =>
	spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";

/**
 * Keeps a run with all that was measured.
 * @param isWhole of the default size; any other is kept apart, where nothing cites it.
 * @returns the file
 */
export function writeResult(
	run: Pick<Run, "bench" | "seed" | "rounds" | "seconds">,
	measured: object,
	isWhole: boolean,
): string {
	const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
	const changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!bench/results");
	const result: Run = {
		...run,
		seconds: Math.round(run.seconds),
		at: new Date().toISOString(),
		version,
		commit: git("rev-parse", "--short", "HEAD") + (changed ? "+" : ""),
		node: process.version,
		machine: {
			cpu: cpus()[0]?.model ?? "",
			cores: cpus().length,
			memoryGb: Math.round(totalmem() / 2 ** 30),
		},
	};
	const file = isWhole ? resultFile(run.bench) : join(tries, `bench-${run.bench}.json`);
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, JSON.stringify({ ...result, ...measured }));
	spawnSync(join(root, "node_modules", ".bin", "biome"), ["format", "--write", file]);
	return file;
}

/** A number with as many digits as it is good for: four. */
export const rounded = (value: number): number => Number(value.toPrecision(4));
