import { type Audit, auditFacts, auditOf } from "../audit.ts";
import { currentPlace } from "../tracing/scope.ts";
import type { Place } from "../tracing/traceparent.ts";
import { changesOfInsert, changesOfUpdate, fieldsOf, type ToldChange } from "./difference.ts";
import {
	type Change,
	checkChange,
	checkGuard,
	checkValue,
	type Guard,
	UnsupportedQuery,
} from "./guard.ts";
import type { Doc, Model } from "./model.ts";

/**
 * The two databases behind one interface; documents carry `_id`, and what is handed out is nobody else's. Only `nedb.ts`
 * and `mongo.ts` implement it.
 */
export interface Driver {
	insert(doc: Raw): Promise<void>;
	find(query: object, options: FindOptions): Promise<Raw[]>;
	/** The document after the change, or null when no document held the guard. */
	update(guard: object, change: Change): Promise<Raw | null>;
	remove(guard: object): Promise<number>;
	/** Counts up to `limit`. */
	count(query: object, limit: number): Promise<number>;
	close(): Promise<void>;
}
export type Raw = Record<string, unknown> & { _id: string };
export type Sort = Readonly<Record<string, 1 | -1>>;
export interface FindOptions {
	sort?: Sort;
	limit?: number;
	skip?: number;
	/** Fields that are not read. */
	without?: readonly string[];
}

/** A unique index refused a write; `field` is the one that was taken (`id` for the document's own). */
export class DuplicateError extends Error {
	readonly field: string;
	constructor(field: string) {
		super(`${field} is taken`);
		this.name = "DuplicateError";
		this.field = field;
	}
}

/** Whether a write failed because `field` (any, where not given) was taken. */
export const isDuplicate = (error: unknown, field?: string): error is DuplicateError =>
	error instanceof DuplicateError && (field === undefined || error.field === field);

/** A fact to be written with a change; the store gives it its place in the outbox and in the trace of who writes it. */
export interface OutgoingFact extends Partial<Place> {
	id: string;
	name: string;
	v: number;
	at: string;
	data: Record<string, unknown>;
}

export interface Page<T> {
	items: T[];
	page: number;
	pageSize: number;
	/** Exact up to 10,000. */
	total: number;
	totalIsLowerBound?: true;
	nextCursor?: string;
}

export interface ListParams {
	page?: number;
	pageSize?: number;
	cursor?: string;
}

const countedUpTo = 10_000;

/** How often an audited change is tried on what was read, before it is made without values being told. */
const heldTries = 20;

/** Where a list goes on: the sort value (null where the last item has none) and id of the last item. */
type Position = [value: string | number | null, id: string];

const encodeCursor = (value: unknown, id: string): string =>
	Buffer.from(JSON.stringify([value ?? null, id])).toString("base64url");

function decodeCursor(cursor: string, type: "string" | "number"): Position | null {
	try {
		const parsed: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
		if (!Array.isArray(parsed) || typeof parsed[1] !== "string") return null;
		const [value, id] = parsed;
		return value === null || typeof value === type ? [value, id] : null;
	} catch {
		return null;
	}
}

/** A copy that shares nothing and has no undefined member. Documents are JSON, see `checkValue`. */
const copied = <V>(value: V): V => JSON.parse(JSON.stringify(value)) as V;

/**
 * Documents of one kind, owned by one service. Every state change is one guarded update of one document; facts go out
 * in the same write.
 */
export class Collection<T extends Doc> {
	readonly model: Model<T>;
	readonly #driver: Driver;
	/** Told after each write that carried facts, so that they can be published at once. */
	onFacts: (subjectId: string, facts: readonly OutgoingFact[]) => void = () => {};
	/** Told of each document that was inserted or changed, before whoever wrote it goes on. */
	onChange: ((doc: T) => Promise<void>) | undefined;

	constructor(model: Model<T>, driver: Driver) {
		this.model = model;
		this.#driver = driver;
	}

	/** @throws DuplicateError @throws UnsupportedQuery */
	async insert(doc: T, ownFacts: readonly OutgoingFact[] = []): Promise<T> {
		const { id, ...rest } = doc;
		this.#checkFields(Object.keys(rest));
		checkValue(this.model.name, rest);
		const audit = auditOf(this);
		const facts = traced(
			audit
				? [...ownFacts, ...this.#told(audit, id, changesOfInsert(this.#tellable, copied(rest)))]
				: ownFacts,
		);
		const outbox = Object.fromEntries(facts.map(fact => [fact.id, fact]));
		checkValue("outbox", outbox);
		const raw = copied({
			_id: id,
			...rest,
			...(facts.length > 0 && { outbox, outboxSize: facts.length }),
		});
		await this.#driver.insert(copied(raw));
		if (facts.length > 0) this.onFacts(raw._id, facts);
		return this.#written(raw);
	}

	async get(id: string): Promise<T | null> {
		return this.findOne({ id });
	}

	async findOne(guard: Guard): Promise<T | null> {
		const [found] = await this.find(guard, { limit: 1 });
		return found ?? null;
	}

	async find(guard: Guard, options: Omit<FindOptions, "without"> = {}): Promise<T[]> {
		return this.#find(guard, options);
	}

	/** Documents without these of their fields: long ones, which nobody asked for. */
	async findWithout<F extends keyof T & string>(
		without: readonly F[],
		guard: Guard,
	): Promise<Omit<T, F>[]> {
		this.#checkFields(without);
		return this.#find(guard, { without });
	}

	async #find(guard: Guard, options: FindOptions): Promise<T[]> {
		const { sort } = options;
		if (sort) this.#checkFields(Object.keys(sort).filter(field => field !== "id"));
		const found = await this.#driver.find(this.#query(guard), {
			...options,
			...(sort && { sort: toSort(sort) }),
		});
		return found.map(raw => this.#out(raw));
	}

	/**
	 * Applies `change` to the one document that holds `guard`, with its facts in the same write.
	 * @returns the document after the change, or null when the guard did not hold.
	 * @throws DuplicateError @throws UnsupportedQuery
	 */
	async advance(
		guard: Guard,
		change: Change,
		facts: readonly OutgoingFact[] = [],
	): Promise<T | null> {
		checkChange(change);
		this.#checkFields(Object.values(change).flatMap(fields => Object.keys(fields)));
		const query = this.#query(guard);
		const changed = cleaned(change);
		if (facts.length === 0 && Object.keys(changed).length === 0) return this.findOne(guard);
		const audit = auditOf(this);
		return audit
			? this.#updateAudited(audit, query, changed, facts)
			: this.#update(query, changed, facts);
	}

	/**
	 * Removes what holds the guard. A document with facts outstanding stays.
	 * @throws UnsupportedQuery in an audited action: nothing is left to carry the fact that tells it.
	 */
	async remove(guard: Guard): Promise<number> {
		const audit = auditOf(this);
		if (audit)
			throw new UnsupportedQuery(
				`${audit.action} is audited and cannot remove from ${this.model.name}: mark what has ended`,
			);
		return this.#driver.remove({
			$and: [this.#query(guard), { $or: [{ outboxSize: { $exists: false } }, { outboxSize: 0 }] }],
		});
	}

	/** Exact up to `limit`. */
	async count(guard: Guard, limit: number = countedUpTo): Promise<number> {
		return this.#driver.count(this.#query(guard), limit);
	}

	/**
	 * One page of a list. A cursor wins over a page number; one that cannot be read starts from the beginning. What is not
	 * all on the page is counted after it was read: the total is never less than what is shown, and may be of a moment later.
	 * @param sort one field; ties are broken by id.
	 */
	async list(guard: Guard, params: ListParams, sort: Sort): Promise<Page<T>> {
		const [field, direction] = Object.entries(sort)[0] as [string, 1 | -1];
		const pageSize = params.pageSize ?? 20;
		const page = params.page ?? 1;
		const type = sortsAsNumber(this.model, field) ? "number" : "string";
		const after = params.cursor ? decodeCursor(params.cursor, type) : null;
		const order = toSort({ [field]: direction, id: direction });
		const skip = after ? 0 : (page - 1) * pageSize;
		const limit = pageSize + 1;
		const found = after
			? await this.#findIn(stretches(field, direction, after), guard, order, limit)
			: await this.#driver.find(this.#query(guard), { sort: order, limit, skip });
		const seen = found.length > 0 ? skip + found.length : 0;
		const isAtEnd = !after && found.length < limit && (found.length > 0 || skip === 0);
		const counted = isAtEnd ? seen : Math.max(seen, await this.count(guard, countedUpTo + 1));
		const items = found.slice(0, pageSize).map(raw => this.#out(raw));
		const last = found.length > pageSize ? found[pageSize - 1] : undefined;
		return {
			items,
			page,
			pageSize,
			total: Math.min(counted, countedUpTo),
			...(counted > countedUpTo && { totalIsLowerBound: true as const }),
			...(last && {
				nextCursor: encodeCursor(field === "id" ? last._id : last[field], last._id),
			}),
		};
	}

	/** What holds the guard in one stretch after the other, each in this order, up to `limit` in all. */
	async #findIn(
		stretches: readonly object[],
		guard: Guard,
		sort: Sort,
		limit: number,
	): Promise<Raw[]> {
		const found: Raw[] = [];
		for (const stretch of stretches) {
			const query = { ...this.#query(guard), $and: [stretch] };
			found.push(...(await this.#driver.find(query, { sort, limit: limit - found.length })));
			if (found.length === limit) break;
		}
		return found;
	}

	/** Documents with facts in their outbox, oldest first. */
	async outboxes(limit: number, afterId = ""): Promise<OutboxDoc[]> {
		const found = await this.#driver.find(
			{ outboxSize: { $gt: 0 }, _id: { $gt: afterId } },
			{ sort: { _id: 1 }, limit },
		);
		return found.map(raw => ({
			id: raw._id,
			size: raw.outboxSize as number,
			facts: Object.values((raw.outbox ?? {}) as Record<string, OutgoingFact>),
		}));
	}

	/** Frees a document whose outbox is empty and not counted so: a fact written twice under one id counts twice. */
	async settleEmpty({ id, size }: OutboxDoc): Promise<void> {
		await this.#driver.update({ _id: id, outboxSize: size }, { $set: { outboxSize: 0 } });
	}

	/** Takes a fact out of its document's outbox, once. */
	async settleFact(id: string, factId: string): Promise<boolean> {
		const raw = await this.#driver.update(
			{ _id: id, [`outbox.${factId}`]: { $exists: true } },
			{ $unset: { [`outbox.${factId}`]: true }, $inc: { outboxSize: -1 } },
		);
		return raw !== null;
	}

	async close(): Promise<void> {
		await this.#driver.close();
	}

	async #update(
		query: object,
		change: Change,
		untraced: readonly OutgoingFact[],
	): Promise<T | null> {
		const facts = traced(untraced);
		const raw = await this.#driver.update(
			query,
			facts.length === 0 ? change : withFacts(change, copied(facts)),
		);
		if (!raw) return null;
		if (facts.length > 0) this.onFacts(raw._id, facts);
		return this.#written(raw);
	}

	async #written(raw: Raw): Promise<T> {
		const doc = this.#out(raw);
		if (this.onChange) await this.onChange(doc);
		return doc;
	}

	/**
	 * An update that tells what it changes, in the same write: made on the state that was read, or read again. Where
	 * others are faster for ever, it is made on what is there and tells no value.
	 */
	async #updateAudited(
		audit: Audit,
		query: object,
		change: Change,
		facts: readonly OutgoingFact[],
	): Promise<T | null> {
		for (let tries = 1; ; tries++) {
			const [before] = await this.#driver.find(query, { limit: 1 });
			if (!before) return null;
			const isHeld = tries <= heldTries;
			const { changes, held } = isHeld
				? changesOfUpdate(this.#tellable, before, change)
				: { changes: fieldsOf(change).map(path => ({ path })), held: {} };
			const updated = await this.#update({ _id: before._id, $and: [query, held] }, change, [
				...facts,
				...this.#told(audit, before._id, changes),
			]);
			if (updated || !isHeld) return updated;
		}
	}

	get #tellable(): readonly string[] {
		return this.model.told ?? [];
	}

	#told(audit: Audit, id: string, changes: readonly ToldChange[]): OutgoingFact[] {
		return auditFacts(audit, { collection: this.model.name, id }, changes);
	}

	#out(raw: Raw): T {
		const { _id, outbox: _outbox, outboxSize: _size, ...rest } = raw;
		return { id: _id, ...rest } as unknown as T;
	}

	#query(guard: Guard): object {
		const { id, ...rest } = checkGuard(guard);
		this.#checkFields(Object.keys(rest));
		return id === undefined ? rest : { ...rest, _id: id };
	}

	/** Mongoose refuses what the model does not have, NeDB would take it; neither id nor outbox is a caller's to change. */
	#checkFields(paths: readonly string[]): void {
		for (const path of paths)
			if (!Object.hasOwn(this.model.fields, path.split(".")[0] as string))
				throw new UnsupportedQuery(`${this.model.name} has no field ${path} to be used here`);
	}
}

/** Facts with the place in the trace of what writes them, which whoever handles them continues. */
function traced(facts: readonly OutgoingFact[]): readonly OutgoingFact[] {
	const place = facts.length > 0 && currentPlace();
	return place ? facts.map(fact => ({ ...fact, ...place })) : facts;
}

/** The change without what it leaves out; an empty one would replace the document. */
const cleaned = (change: Change): Change =>
	Object.fromEntries(
		Object.entries(change)
			.map(([operator, fields]) => [operator, copied(fields)] as const)
			.filter(([, fields]) => Object.keys(fields).length > 0),
	);

export interface OutboxDoc {
	id: string;
	/** How many facts were counted in. */
	size: number;
	facts: OutgoingFact[];
}

function withFacts(change: Change, facts: readonly OutgoingFact[]): Change {
	return {
		...change,
		$set: {
			...change.$set,
			...Object.fromEntries(facts.map(fact => [`outbox.${fact.id}`, fact])),
		},
		$inc: { ...change.$inc, outboxSize: facts.length },
	};
}

const toSort = ({ id, ...rest }: Sort): Sort => ({ ...rest, ...(id && { _id: id }) });

const sortsAsNumber = ({ fields }: Pick<Model<Doc>, "fields">, field: string): boolean =>
	fields[field] === Number || (fields[field] as { type?: unknown } | undefined)?.type === Number;

/**
 * What comes after the cursor in the sort order, in which an item without a value is the least: stretches one after the
 * other, each within bounds that an index has.
 */
function stretches(field: string, direction: 1 | -1, [value, id]: Position): object[] {
	const further = { _id: { [direction === 1 ? "$gt" : "$lt"]: id } };
	if (field === "id") return [further];
	const none = { [field]: { $exists: false } };
	if (value === null) {
		const rest = { ...none, ...further };
		return direction === 1 ? [rest, { [field]: { $exists: true } }] : [rest];
	}
	const [from, beyond] = direction === 1 ? ["$gte", "$gt"] : ["$lte", "$lt"];
	const rest = { [field]: { [from]: value }, $or: [{ [field]: { [beyond]: value } }, further] };
	return direction === 1 ? [rest] : [rest, none];
}
