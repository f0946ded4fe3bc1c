import { Refusal } from "./problem.ts";

const shown = 3;

/** Edits (insert, delete, replace, swap of neighbours) between two texts: optimal string alignment. */
function distance(a: string, b: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		for (let j = 1; j <= b.length; j++) {
			const replaced = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
			let best = Math.min(replaced, (last[j] as number) + 1, (row[j - 1] as number) + 1);
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
				best = Math.min(best, (beforeLast[j - 2] as number) + 1);
			row.push(best);
		}
		beforeLast = last;
		last = row;
	}
	return last[b.length] as number;
}

/** How far a name is from what was typed; undefined where it cannot have been meant. */
function farness(typed: string, name: string): number | undefined {
	const lower = name.toLowerCase();
	const part = lower.slice(lower.indexOf(".") + 1);
	if (part === typed || lower.startsWith(`${typed}.`)) return 0;
	if (lower.startsWith(typed)) return 1 + (lower.length - typed.length) / lower.length;
	const edits = Math.min(distance(typed, lower), distance(typed, part) + 1);
	return edits <= Math.max(1, Math.floor(typed.length / 3)) ? edits : undefined;
}

/** The names nearest to a mistyped one, at most three. */
export function nearest(typed: string, names: Iterable<string>): string[] {
	const wanted = typed.toLowerCase();
	const meant = new Map<string, number>();
	for (const name of names) {
		const far = farness(wanted, name);
		if (far !== undefined) meant.set(name, far);
	}
	const least = Math.min(...meant.values());
	return [...meant.keys()].filter(name => meant.get(name) === least).slice(0, shown);
}

/** Refuses a name that there is not: what is wrong, and which names may have been meant. */
export function unknownName(what: string, typed: string, names: Iterable<string>): Refusal {
	const meant = nearest(typed, names);
	const question = meant.length > 0 ? `. Did you mean ${meant.join(", ")}?` : "";
	return new Refusal(what + question);
}
