import {
	type Driver,
	DuplicateError,
	type FindOptions,
	type Raw,
	type Sort,
} from "../../kernel/store/collection.ts";
import type { Change } from "../../kernel/store/guard.ts";
import type { Doc, Model } from "../../kernel/store/model.ts";
import type { Owner, Scheduler } from "./scheduler.ts";
import { changeInWords, guardInWords } from "./words.ts";

type Query = Record<string, unknown>;

/** A document's value at a path; undefined where there is none. */
function at(doc: object, path: string): unknown {
	let value: unknown = doc;
	for (const part of path.split(".")) {
		if (typeof value !== "object" || value === null) return undefined;
		value = (value as Record<string, unknown>)[part];
	}
	return value;
}

const isLike = (a: unknown, b: unknown): boolean =>
	typeof a === typeof b && (typeof a === "string" || typeof a === "number");

const operators: Record<string, (value: unknown, operand: never) => boolean> = {
	$in: (value, operand: unknown[]) => operand.includes(value),
	$exists: (value, operand: boolean) => (value !== undefined) === operand,
	$gt: (value, operand) => isLike(value, operand) && (value as never) > operand,
	$gte: (value, operand) => isLike(value, operand) && (value as never) >= operand,
	$lt: (value, operand) => isLike(value, operand) && (value as never) < operand,
	$lte: (value, operand) => isLike(value, operand) && (value as never) <= operand,
};

function holds(doc: object, query: Query): boolean {
	return Object.entries(query).every(([path, condition]) => {
		if (path === "$and") return (condition as Query[]).every(part => holds(doc, part));
		if (path === "$or") return (condition as Query[]).some(part => holds(doc, part));
		const value = at(doc, path);
		if (typeof condition !== "object" || condition === null) return value === condition;
		return Object.entries(condition).every(([operator, operand]) =>
			(operators[operator] as (v: unknown, o: unknown) => boolean)(value, operand),
		);
	});
}

function frozen<T>(value: T): T {
	if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
	for (const part of Object.values(value)) frozen(part);
	return Object.freeze(value);
}

/** A copy in which one path is another, and nothing that is not on it is copied. */
function withPath(doc: object, [key, ...rest]: string[], value: unknown): object {
	const own = doc as Record<string, unknown>;
	const name = key as string;
	const next =
		rest.length === 0 ? value : withPath((own[name] as object | undefined) ?? {}, rest, value);
	if (next !== undefined) return { ...own, [name]: next };
	const { [name]: _gone, ...others } = own;
	return others;
}

function changed(doc: Raw, { $set = {}, $unset = {}, $inc = {} }: Change): Raw {
	let after: object = doc;
	for (const [path, value] of Object.entries($set)) after = withPath(after, path.split("."), value);
	for (const path of Object.keys($unset))
		if (at(after, path) !== undefined) after = withPath(after, path.split("."), undefined);
	for (const [path, by] of Object.entries($inc))
		after = withPath(after, path.split("."), ((at(after, path) as number) ?? 0) + by);
	return after as Raw;
}

/** What is absent is the least, as in both databases. */
function order(a: unknown, b: unknown): number {
	if (a === b) return 0;
	if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
	return (a as never) < (b as never) ? -1 : 1;
}

const bySort = (sort: Sort) => (a: Raw, b: Raw) => {
	for (const [path, direction] of Object.entries(sort)) {
		const difference = order(at(a, path), at(b, path));
		if (difference !== 0) return difference * direction;
	}
	return 0;
};

export interface ShelfOptions {
	/** An order for what is asked for without one; as inserted where not given. */
	shuffle?: (found: Raw[]) => Raw[];
	onWrite?: (collection: string, before: Raw | undefined, after: Raw) => void;
}

/**
 * One collection in memory, exactly as the embedded store has it, and many times as fast. Documents are frozen: who
 * changes what the store handed out is told.
 */
export class Shelf {
	readonly #docs = new Map<string, Raw>();
	readonly #name: string;
	readonly #unique: readonly string[];
	readonly #options: ShelfOptions;

	constructor({ name, indexes }: Model<Doc>, options: ShelfOptions = {}) {
		this.#name = name;
		this.#unique = Object.entries(indexes)
			.filter(([, index]) => index?.unique)
			.map(([field]) => field);
		this.#options = options;
	}

	get all(): readonly Raw[] {
		return [...this.#docs.values()];
	}

	insert(doc: Raw): void {
		if (this.#docs.has(doc._id)) throw new DuplicateError("id");
		this.#keep(undefined, doc);
	}

	find(query: Query, options: FindOptions): Raw[] {
		const { sort, skip = 0, limit = Number.POSITIVE_INFINITY, without = [] } = options;
		const { shuffle = found => found } = this.#options;
		const found = this.#matching(query);
		const ordered = sort ? found.sort(bySort(sort)) : shuffle(found);
		const page = ordered.slice(skip, skip + (limit || Number.POSITIVE_INFINITY));
		const isRead = ([field]: [string, unknown]) => !without.includes(field);
		return page.map(doc => Object.fromEntries(Object.entries(doc).filter(isRead)) as Raw);
	}

	update(guard: Query, change: Change): Raw | null {
		const [before] = this.#matching(guard);
		return before ? this.#keep(before, changed(before, change)) : null;
	}

	remove(guard: Query): number {
		const gone = this.#matching(guard);
		for (const { _id } of gone) this.#docs.delete(_id);
		return gone.length;
	}

	count(query: Query, limit: number): number {
		return Math.min(this.#matching(query).length, limit);
	}

	#matching(query: Query): Raw[] {
		const { _id } = query;
		if (typeof _id !== "string") return this.all.filter(doc => holds(doc, query));
		const doc = this.#docs.get(_id);
		return doc && holds(doc, query) ? [doc] : [];
	}

	#keep(before: Raw | undefined, doc: Raw): Raw {
		for (const field of this.#unique) {
			const value = doc[field];
			if (value === undefined || value === before?.[field]) continue;
			for (const other of this.#docs.values())
				if (other !== before && other[field] === value) throw new DuplicateError(field);
		}
		this.#docs.set(doc._id, frozen(doc));
		this.#options.onWrite?.(this.#name, before, doc);
		return doc;
	}
}

/** The link between a process and its database broke: whether what was asked happened is not known. */
export class LinkLost extends Error {}

/**
 * A shelf as one process reaches it: each operation is a step of the scheduler, and a write may outlive its process.
 * @param breaks how probably the link breaks during an operation.
 */
export const drivenBy = (
	scheduler: Scheduler,
	owner: Owner,
	name: string,
	shelf: Shelf,
	breaks: () => number,
): Driver => {
	const step = <T>(survives: boolean, act: () => T, words: () => string) => {
		const over = () => {
			if (!scheduler.mishap(breaks())) return act();
			const happened = scheduler.chance(0.5);
			scheduler.note(owner, () => `loses its database, ${happened ? "after" : "before"} that`);
			if (happened) act();
			throw new LinkLost("the link to the database is lost");
		};
		return scheduler.ask(owner, () => `${name}: ${words()}`, over, survives);
	};
	const json = JSON.stringify;
	return {
		insert: doc =>
			step(
				true,
				() => shelf.insert(doc),
				() => `inserts ${changeInWords({ $set: doc })}`,
			),
		find: (query, options) =>
			step(
				false,
				() => shelf.find(query as Query, options),
				() => `finds ${json(query)}`,
			),
		update: (guard, change) =>
			step(
				true,
				() => shelf.update(guard as Query, change),
				() => `updates ${guardInWords(guard as Query)}: ${changeInWords(change)}`,
			),
		remove: guard =>
			step(
				true,
				() => shelf.remove(guard as Query),
				() => `removes ${json(guard)}`,
			),
		count: (query, limit) =>
			step(
				false,
				() => shelf.count(query as Query, limit),
				() => `counts ${json(query)}`,
			),
		close: async () => {},
	};
};
