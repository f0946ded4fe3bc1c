// npm run drills [-- <name>…] [--small] [--defect <name>|all] [--seed <n>] [--report]: faults under load, and what holds.
import { parseArgs } from "node:util";
import type { Drill, Outcome } from "../test/drills/drill.ts";
import { findDrills } from "../test/drills/harness/find.ts";
import { play } from "../test/drills/harness/play.ts";
import { type Caught, writeCaught, writeResult } from "../test/drills/harness/results.ts";

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		small: { type: "boolean", default: false },
		defect: { type: "string" },
		seed: { type: "string", default: String(Date.now() % 1_000_000) },
		report: { type: "boolean", default: false },
	},
});
const seed = Number(values.seed);
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
	process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));

let isRight = true;
if (!values.report || positionals.length > 0 || values.defect)
	for (const drill of await findDrills(positionals)) {
		if (interrupted.signal.aborted) break;
		isRight = (await (values.defect ? defects(drill, values.defect) : once(drill))) && isRight;
	}
if (values.report) {
	const { writeReport } = await import("../test/drills/harness/report.ts");
	console.log(await writeReport());
}
process.exit(isRight ? 0 : 1);

/** @param defect planted; where there is one, or with `--small`, the small size. */
async function run(drill: Drill, defect?: string): Promise<{ outcome: Outcome; seconds: number }> {
	const planted = defect === undefined ? undefined : drill.defects[defect];
	const size = values.small || defect ? { ...drill.small, ...planted?.size } : drill.full;
	console.log(`\n${drill.name}${defect ? `, planted: ${defect}` : ""}, seed ${seed}`);
	console.log(`  ${drill.title}: ${JSON.stringify(size)}`);
	const from = performance.now();
	const stamp = () => `${((performance.now() - from) / 1_000).toFixed(1)} s`.padStart(8);
	const outcome = await play(drill, {
		size,
		seed,
		...(defect && { defect }),
		say: line => console.log(`  ${stamp()}  ${line}`),
		signal: interrupted.signal,
	});
	print(outcome);
	return { outcome, seconds: (performance.now() - from) / 1_000 };
}

/** Runs a drill and keeps its figures where it ran at full size. @returns whether all held. */
async function once(drill: Drill): Promise<boolean> {
	try {
		const { outcome, seconds } = await run(drill);
		if (!values.small) writeResult(drill, drill.full, seed, seconds, outcome);
		return outcome.broken.length === 0;
	} catch (error) {
		console.error(error);
		return false;
	}
}

/** Runs a drill on the product with each defect. @returns whether it caught all. */
async function defects(drill: Drill, wanted: string): Promise<boolean> {
	const names = wanted === "all" ? Object.keys(drill.defects) : [wanted];
	const caught: Caught[] = [];
	for (const defect of names) {
		const { outcome } = await run(drill, defect);
		if (outcome.broken.length === 0) console.log(`  ${defect} WAS NOT CAUGHT`);
		else
			caught.push({
				defect,
				why: drill.defects[defect]?.why ?? "",
				broken: outcome.broken.slice(0, 5),
			});
	}
	if (!writeCaught(drill.name, caught))
		console.log(`  not kept: ${drill.name} has not run at full size yet`);
	return caught.length === names.length;
}

function print({ counts, figures, broken }: Outcome): void {
	for (const [name, count] of Object.entries(counts))
		console.log(`  ${String(count).padStart(9)}  ${name}`);
	for (const [name, figure] of Object.entries(figures)) {
		const { unit } = figure;
		const text =
			"value" in figure
				? `${figure.value} ${unit}`
				: `median ${figure.median} ${unit}, p99 ${figure.p99} ${unit}, max ${figure.max} ${unit} of ${figure.n}`;
		console.log(`  ${name}: ${text}`);
	}
	for (const line of broken) console.log(`  BROKEN: ${line}`);
	console.log(broken.length === 0 ? "  all held" : `  ${broken.length} things did not hold`);
}
