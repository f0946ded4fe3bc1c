// npm run simulate [-- <seed> | <from> <to>] [<defect>]: purchases and refunds under every mishap; one seed with its trace.
import { type DefectName, defects } from "../test/simulation/defects.ts";
import { simulationOf } from "../test/simulation/loader.ts";
import { withShortIds } from "../test/simulation/words.ts";
import type { Failure } from "../test/simulation/world.ts";

const everyMs = 2_000;
const failuresShown = 10;

const numbers = process.argv.slice(2).filter(arg => /^\d+$/.test(arg));
const [defect, ...unknown] = process.argv.slice(2).filter(arg => !/^\d+$/.test(arg));
if (unknown.length > 0 || (defect && !(defect in defects)))
	throw new Error(`A defect is one of: ${Object.keys(defects).join(", ")}`);
const { simulate } = await simulationOf(defect as DefectName | undefined);

const [from = 1, to = numbers.length > 0 ? from : 10_000] = numbers.map(Number);
process.exitCode = (from === to ? await replay(from) : await runAll(from, to)) ? 0 : 1;

/** Runs one seed and tells all that happened. */
async function replay(seed: number): Promise<boolean> {
	const run = await simulate(seed, { trace: true }).catch((error: Failure) => error);
	const isRight = "print" in run;
	const end = isRight ? [`seed ${seed}: all is well`] : [run.message];
	for (const line of withShortIds([...(run.trace ?? []), ...end])) console.log(line);
	return isRight;
}

/** Runs seeds one after the other, past the first few that fail. */
async function runAll(first: number, last: number): Promise<boolean> {
	const began = performance.now();
	const reached: Record<string, number> = {};
	let failed = 0;
	let told = began;
	let done = 0;
	for (let seed = first; seed <= last && failed < failuresShown; seed++) {
		try {
			const { counts } = await simulate(seed);
			for (const [what, times] of Object.entries(counts))
				reached[what] = (reached[what] ?? 0) + times;
		} catch (error) {
			failed++;
			console.log(withShortIds([(error as Failure).message]).join(""));
		}
		done++;
		if (performance.now() - told < everyMs) continue;
		told = performance.now();
		console.log(`${seed} of ${last}, ${rate(done, began)}, ${failed} failed`);
	}
	for (const [what, times] of Object.entries(reached))
		console.log(`${String(times).padStart(8)} × ${what}`);
	console.log(`${done} seeds, ${rate(done, began)}, ${failed} failed`);
	return failed === 0;
}

function rate(done: number, since: number): string {
	return `${Math.round((done * 1_000) / (performance.now() - since))} seeds/s`;
}
