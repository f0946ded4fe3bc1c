import type { Contracts } from "../contracts.ts";
import { columns } from "./describe.ts";
import { Refusal } from "./problem.ts";

/** What an action under the role `explain:<prefix>` answers, as far as it is shown. */
export interface Explained {
	summary: string;
	entries: readonly { at: string; source: string; text: string; by?: string }[];
}

/**
 * The action that explains what an id names, found by the id's prefix (`pay_…`).
 * @throws Refusal where nobody explains such ids
 */
export function explainerOf(contracts: Contracts, id: string): string {
	const prefix = id.split("_")[0] as string;
	const action = contracts.provider(`explain:${prefix}`);
	if (action) return action;
	const known = contracts.all.flatMap(({ provides = {} }) =>
		Object.keys(provides).flatMap(role =>
			role.startsWith("explain:") ? `${role.slice("explain:".length)}_…` : [],
		),
	);
	throw new Refusal(`explain <id>, an id that begins with one of: ${known.join(", ")}`);
}

/** What happened, a line each, oldest first. */
export const explainedText = ({ summary, entries }: Explained): string =>
	[
		summary,
		columns(
			entries.map(({ at, source, text, by }) => [at, source, by ? `${text} (${by})` : text]),
			"  ",
		),
	].join("\n");
