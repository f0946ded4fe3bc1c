import type { OutgoingFact } from "../../kernel/store/collection.ts";
import type { Change } from "../../kernel/store/guard.ts";

const longest = 80;

/** What says nothing about what happened. */
const isNoise = (path: string): boolean =>
	["updatedAt", "askAt", "asks", "outboxSize", "body", "postedAt"].includes(path);

function valueInWords(value: unknown): string {
	const text = typeof value === "string" ? value : JSON.stringify(value);
	return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** A guard by the document it names and the version that it must have. */
export function guardInWords(guard: Record<string, unknown>): string {
	const [first = {}] = (guard.$and ?? []) as Record<string, unknown>[];
	const { _id = first._id, version = first.version, ...others } = guard;
	const more = Object.keys(others).filter(path => path !== "$and");
	const at = version === undefined ? "" : ` at version ${version}`;
	return `${_id}${at}${more.length > 0 ? ` where ${valueInWords(others)}` : ""}`;
}

/** What a change sets, takes away and tells. */
export function changeInWords({ $set = {}, $unset = {}, $inc = {} }: Change): string {
	const set = Object.entries($set).flatMap(([path, value]) => {
		if (isNoise(path)) return [];
		if (path === "outbox")
			return Object.values(value as object).map(fact => `tells ${(fact as OutgoingFact).name}`);
		if (path.startsWith("outbox.")) return [`tells ${(value as OutgoingFact).name}`];
		if (path.startsWith("log.")) return [`(${(value as { what: string }).what})`];
		return [`${path} = ${valueInWords(value)}`];
	});
	const gone = Object.keys($unset).filter(path => !isNoise(path));
	const counted = Object.entries($inc).filter(([path]) => path !== "version" && !isNoise(path));
	return [
		...set,
		...gone.map(path => `no ${path}`),
		...counted.map(([path, by]) => `${path} ${by < 0 ? by : `+${by}`}`),
	].join(", ");
}

/** Lines in which each id is short: the first payment is `pay_1`. */
export function withShortIds(lines: readonly string[]): string[] {
	const short = new Map<string, string>();
	const made = new Map<string, number>();
	return lines.map(line =>
		line.replaceAll(/\b([a-z]{2,6})_[0-9a-f]{8}-[0-9a-f-]{27}/g, (id, prefix: string) => {
			const known = short.get(id);
			if (known) return known;
			const count = (made.get(prefix) ?? 0) + 1;
			made.set(prefix, count);
			short.set(id, `${prefix}_${count}`);
			return `${prefix}_${count}`;
		}),
	);
}
