/** One line of the product made wrong: exact text, replaced in a private copy of the sources that the mesh then runs. */
export interface Defect {
	/** Path from the root of the repository. */
	file: string;
	/** What stands there, exactly once. */
	from: string;
	to: string;
	why: string;
	/** Over the drill's small size, where that is too small to show it. */
	size?: object;
}

/** A fault under load, and what must hold through it. */
export interface Drill<S extends object = object> {
	name: string;
	/** What is done, in a few words. */
	title: string;
	mustHold: string;
	/** Of `npm test`: a minute on two busy cores. */
	small: S;
	full: S;
	/** Planted: each makes the drill fail. */
	defects: Record<string, Defect>;
	run(run: Run, size: S): Promise<Outcome>;
}

/** What a drill is given. */
export interface Run {
	/** As node:test's: called in reverse order at the end. */
	after(cleanup: () => unknown): void;
	seed: number;
	/** Directory of the sources that the mesh runs; another where a defect is planted. */
	sources?: string;
	/** A line of progress. */
	say(line: string): void;
}

/** One value, or how many were spread. */
export type Figure =
	| { unit: string; value: number }
	| { unit: string; median: number; p99: number; max: number; n: number };

export interface Outcome {
	counts: Record<string, number>;
	/** Times and ratios, by name. */
	figures: Record<string, Figure>;
	/** Over the time of the run, seconds since its start; for the plots. */
	series: { name: string; unit: string; points: [number, number][] }[];
	marks: { at: number; label: string }[];
	/** What did not hold; empty when all did. */
	broken: string[];
}
