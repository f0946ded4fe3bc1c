import type { Drill, Outcome } from "../drill.ts";
import { sourcesWith } from "./planted.ts";

export interface Play<S extends object> {
	size: S;
	seed: number;
	/** Name of a planted defect. */
	defect?: string;
	say(line: string): void;
	/** Ends what the drill started, as soon as it strikes. */
	signal?: AbortSignal;
}

/** Runs a drill once and ends all it started. @throws what the drill itself threw, or its end. */
export async function play<S extends object>(drill: Drill<S>, options: Play<S>): Promise<Outcome> {
	const { size, seed, defect, say, signal } = options;
	const cleanups: (() => unknown)[] = [];
	const run = { seed, say, after: (cleanup: () => unknown) => void cleanups.unshift(cleanup) };
	const work = async () => {
		const planted = defect === undefined ? undefined : drill.defects[defect];
		if (defect !== undefined && !planted)
			throw new Error(`${drill.name} has no defect ${defect}: ${Object.keys(drill.defects)}`);
		const sources = planted && sourcesWith(run, planted);
		return drill.run({ ...run, ...(sources && { sources }) }, size);
	};
	const ended = new Promise<never>((_, reject) =>
		signal?.addEventListener("abort", () => reject(signal.reason)),
	);
	const outcome = await Promise.race([work(), ended]).catch((error: Error) => error);
	const failures: string[] = [];
	for (const cleanup of cleanups)
		try {
			await cleanup();
		} catch (error) {
			failures.push(`at its end: ${(error as Error).message}`);
		}
	if (outcome instanceof Error) throw outcome;
	return { ...outcome, broken: [...outcome.broken, ...failures] };
}
