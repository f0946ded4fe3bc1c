// npm test [-- <folder under test/, or path> ...]
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec, type TestEvent } from "node:test/reporters";
import { MISSING } from "../test/support/servers.ts";

const root = path.dirname(import.meta.dirname);
process.chdir(root);
// A quarter and more of the CPU time that a process of the product takes to start is compiling its sources.
process.env.NODE_COMPILE_CACHE ??= path.join(root, ".cache/compile");
// So is more than a third of what the MongoDB wire server takes, which lives for half a minute at a time.
process.env.JAVA_TOOL_OPTIONS ??= "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

/** Folders whose files start no process and share nothing, so that they may run side by side. */
const SIDE_BY_SIDE = new Set(["unit", "contract", "service", "simulation"]);
/** Folders whose files need no process each: what they load is loaded once, which is half of their CPU time. */
const TOGETHER = new Set(["unit"]);
/** Folders whose files mostly wait for processes of their own: two at a time. */
const TWO_AT_A_TIME = new Set(["integration", "e2e"]);
const TYPES = "test/types";
const SILENT_MS = 300_000;

const SLOWEST = 10;

const count = { passed: 0, failed: 0, skipped: 0 };
/** What the tests of each file took, ms. */
const took = new Map<string, number>();
const missing = new Set<string>();
const problems: string[] = [];
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
	process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));

/** The test files that the arguments mean, all when there are none, and whether to check types. */
function select(args: string[]): { files: string[]; types: boolean } {
	const all = globSync("test/**/*.test.ts").sort();
	if (args.length === 0) return { files: all, types: true };
	const files = new Set<string>();
	let types = false;
	for (const arg of args) {
		const places = [path.relative(root, path.resolve(arg)), path.join("test", arg)];
		const under = (file: string) =>
			places.some(place => `${file}/`.startsWith(`${path.normalize(place).replace(/\/$/, "")}/`));
		const found = all.filter(under);
		for (const file of found) files.add(file);
		if (under(TYPES)) types = true;
		else if (found.length === 0) problems.push(`No test is called ${arg}.`);
	}
	return { files: [...files], types };
}

/**
 * Runs each file in a process of its own, those that need none in one for all, and prints what they say.
 * @param timeout how long one test may take, ms
 */
async function runFiles(chosen: string[], concurrency: number, timeout: number): Promise<void> {
	const together = chosen.filter(file => TOGETHER.has(folderOf(file)));
	const files =
		together.length > 1
			? ["test/together.ts", ...chosen.filter(file => !together.includes(file))]
			: chosen;
	if (files.length === 0 || interrupted.signal.aborted) return;
	const stalled = new AbortController();
	const silence = setTimeout(() => {
		problems.push(`No test said anything for ${SILENT_MS / 1000} s, so the run was ended.`);
		stalled.abort();
	}, SILENT_MS);
	const signal = AbortSignal.any([interrupted.signal, stalled.signal]);
	const events = run({ files, concurrency, timeout, signal, argv: together });
	const counted = async function* (source: AsyncIterable<TestEvent>) {
		for await (const event of source) {
			silence.refresh();
			if (event.type === "test:pass") tally(event.data, true);
			if (event.type === "test:fail") tally(event.data, false);
			yield event;
		}
	};
	await pipeline(events, counted, new spec(), process.stdout, { end: false });
	clearTimeout(silence);
}

function folderOf(file: string): string {
	return file.split(path.sep)[1] ?? "";
}

type Outcome = Extract<TestEvent, { type: "test:pass" | "test:fail" }>["data"];

function tally(outcome: Outcome, passed: boolean): void {
	const { file, nesting } = outcome;
	if (file && nesting === 0 && !isFile(outcome))
		took.set(file, (took.get(file) ?? 0) + outcome.details.duration_ms);
	if (outcome.name.startsWith(MISSING)) missing.add(outcome.name.slice(MISSING.length));
	if (outcome.skip !== undefined || outcome.todo !== undefined) count.skipped++;
	else if (outcome.details.type === "suite") {
		if (!passed && failureType(outcome) !== "subtestsFailed") count.failed++;
	} else if (!passed) count.failed++;
	else if (!isFile(outcome)) count.passed++;
}

/** The runner reports a file without a test as a test that passed, and a broken file as failed. */
function isFile({ name, file, nesting }: Outcome): boolean {
	return nesting === 0 && file !== undefined && path.resolve(name) === file;
}

function failureType({ details }: Outcome): string | undefined {
	const error = "error" in details ? details.error : undefined;
	return error && "failureType" in error ? String(error.failureType) : undefined;
}

function checkTypes(): void {
	if (interrupted.signal.aborted) return;
	const tsc = path.join("node_modules", "typescript", "bin", "tsc");
	const { status } = spawnSync(process.execPath, [tsc], { stdio: "inherit" });
	console.log(status === 0 ? "✔ types" : "✖ types (tsc)");
	if (status === 0) count.passed++;
	else count.failed++;
}

const { files, types } = select(process.argv.slice(2));
if (problems.length === 0) {
	const isLight = (file: string) => SIDE_BY_SIDE.has(folderOf(file));
	const waits = (file: string) => TWO_AT_A_TIME.has(folderOf(file));
	// They wait for a third of their time.
	await runFiles(files.filter(isLight), availableParallelism() + 1, 60_000);
	await runFiles(files.filter(waits), 2, 600_000);
	await runFiles(
		files.filter(file => !isLight(file) && !waits(file)),
		1,
		600_000,
	);
	const slowest = [...took].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
	if (slowest.length > 1) console.log("\nThe slowest files:");
	for (const [file, ms] of slowest)
		console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${path.relative(root, file)}`);
	if (files.length > 0 && count.passed + count.failed === 0) problems.push("No test ran.");
	if (types) checkTypes();
}

if (interrupted.signal.aborted) problems.push(interrupted.signal.reason.message);
if (missing.size > 0) {
	console.log(`\n${process.env.CI ? "Failed" : "Skipped"} because a server is missing:`);
	for (const suite of missing) console.log(`  ${suite}`);
}
for (const problem of problems) console.error(`\n${problem}`);
console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
if (count.failed > 0 || problems.length > 0 || (process.env.CI && missing.size > 0))
	process.exitCode = 1;
