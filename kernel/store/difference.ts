import { isDeepStrictEqual } from "node:util";
import type { Change } from "./guard.ts";

/** What may be told of a document: an id, an amount, a state, or a list of these. */
export type Telling = string | number | boolean | (string | number | boolean)[];

/** One thing that changed. Without `before` and `after`: that it changed is all that is told. */
export interface ToldChange {
	path: string;
	/** Not there where the field was not. */
	before?: Telling;
	/** Not there where the field is gone. */
	after?: Telling;
}

type Fields = Record<string, unknown>;

/** What every write moves, and the fact of it tells by its own time: no change in itself. */
const moved = "updatedAt";

const isPlain = (value: unknown): value is Fields =>
	typeof value === "object" && value !== null && !Array.isArray(value);

const isTelling = (value: unknown): value is Telling =>
	Array.isArray(value)
		? value.every(item => typeof item !== "object")
		: value !== undefined && typeof value !== "object";

const fieldOf = (path: string): string => path.split(".", 1)[0] as string;

const childOf = (value: unknown, key: string): unknown =>
	isPlain(value) && Object.hasOwn(value, key) ? value[key] : undefined;

const valueAt = (doc: unknown, path: string): unknown => path.split(".").reduce(childOf, doc);

const pathsOf = (change: Change): string[] =>
	Object.values(change).flatMap(fields => Object.keys(fields));

/** The fields that a change names. */
export const fieldsOf = (change: Change): string[] =>
	[...new Set(pathsOf(change).map(fieldOf))].filter(field => field !== moved);

/** A document as it is after a change; what the change leaves undefined stays. */
export function applied<T extends object>(doc: T, { $set, $unset, $inc }: Change): T {
	const after = structuredClone(doc);
	const alter = (path: string, make: (value: unknown) => unknown) => {
		const was = valueAt(after, path);
		const value = make(was);
		if (value === was) return;
		const parts = path.split(".");
		const last = parts.pop() as string;
		let at = after as Fields;
		for (const part of parts) {
			const inner = childOf(at, part);
			const parent = isPlain(inner) ? inner : {};
			at[part] = parent;
			at = parent;
		}
		if (value === undefined) delete at[last];
		else at[last] = value;
	};
	for (const [path, value] of Object.entries($set ?? {}))
		if (value !== undefined) alter(path, () => structuredClone(value));
	for (const [path, gone] of Object.entries($unset ?? {})) if (gone) alter(path, () => undefined);
	for (const [path, by] of Object.entries($inc ?? {}))
		alter(path, value => ((value as number | undefined) ?? 0) + by);
	return after;
}

/** The paths that a pattern (`refunds.*.status`) means in two states of a document. */
function* expanded(pattern: string[], before: unknown, after: unknown, at = ""): Generator<string> {
	const [part, ...rest] = pattern;
	if (part === undefined) return yield at;
	const states = [before, after].filter(isPlain);
	for (const key of part === "*" ? new Set(states.flatMap(Object.keys)) : [part])
		yield* expanded(rest, childOf(before, key), childOf(after, key), at ? `${at}.${key}` : key);
}

/** The paths in `field` whose values may be told, as both states have nothing else there. */
const tellable = (told: readonly string[], field: string, before: Fields, after: Fields) =>
	new Set(
		told
			.filter(pattern => fieldOf(pattern) === field)
			.flatMap(pattern => [...expanded(pattern.split("."), before, after)])
			.filter(path =>
				[before, after]
					.map(doc => valueAt(doc, path))
					.every(value => value === undefined || isTelling(value)),
			),
	);

/** A value without what is told of it; undefined where nothing is left. */
function remainder(value: unknown, path: string, told: ReadonlySet<string>): unknown {
	if (told.has(path)) return undefined;
	if (!isPlain(value)) return value;
	const left = Object.entries(value)
		.map(([key, inner]) => [key, remainder(inner, `${path}.${key}`, told)] as const)
		.filter(([, inner]) => inner !== undefined);
	return left.length > 0 ? Object.fromEntries(left) : undefined;
}

/**
 * What differs between two states of a document: values at paths that may be told, of anything else the name of its
 * field. No key of a sub-document is named that `told` does not name: it may be a word of somebody's.
 */
function changesOf(
	told: readonly string[],
	before: Fields,
	after: Fields,
	fields: readonly string[],
): ToldChange[] {
	return fields.flatMap(field => {
		const paths = tellable(told, field, before, after);
		const changes: ToldChange[] = [];
		for (const path of paths) {
			const [was, is] = [valueAt(before, path), valueAt(after, path)] as (Telling | undefined)[];
			if (isDeepStrictEqual(was, is)) continue;
			changes.push({
				path,
				...(was !== undefined && { before: was }),
				...(is !== undefined && { after: is }),
			});
		}
		const [was, is] = [before, after].map(doc => remainder(doc[field], field, paths));
		return isDeepStrictEqual(was, is) ? changes : [...changes, { path: field }];
	});
}

/** What a new document brings. @param told paths whose values may be told. */
export const changesOfInsert = (told: readonly string[], doc: Fields): ToldChange[] =>
	changesOf(
		told,
		{},
		doc,
		Object.keys(doc).filter(field => field !== moved),
	);

const overlap = (a: string, b: string): boolean =>
	`${a}.`.startsWith(`${b}.`) || b.startsWith(`${a}.`);

/**
 * What a change does to a document that was read, and the query that holds as long as that is still so: each value
 * that is told, and any other that both databases can compare. A sub-document that is set as a whole is compared as
 * it was read.
 * @param told paths whose values may be told.
 */
export function changesOfUpdate(
	told: readonly string[],
	before: Fields,
	change: Change,
): { changes: ToldChange[]; held: object } {
	const after = applied(before, change);
	const fields = fieldsOf(change);
	const paths = pathsOf(change).filter(path => fieldOf(path) !== moved);
	const leaves = fields
		.flatMap(field => [...tellable(told, field, before, after)])
		.filter(leaf => paths.some(path => overlap(leaf, path)));
	const held: Fields = {};
	for (const path of [...leaves, ...paths]) {
		const value = valueAt(before, path);
		if (value === undefined) held[path] = { $exists: false };
		else if (isTelling(value)) held[path] = value;
	}
	return { changes: changesOf(told, before, after, fields), held };
}
