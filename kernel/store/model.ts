import type { SchemaDefinition } from "mongoose";

/** A document as services see it; in the database its id is `_id`. */
export interface Doc {
	id: string;
}

export interface Index {
	unique?: boolean;
	/** Documents without the field are not in it, so that a unique key may be absent many times. */
	sparse?: boolean;
	/** Each key of a sub-document by itself; the embedded store looks through all documents for them. */
	keys?: true;
}

/** One collection: its Mongoose fields, and what it is found by. */
export interface Model<T extends Doc> {
	name: string;
	fields: SchemaDefinition;
	indexes: Partial<Record<keyof T & string, Index>>;
	/**
	 * Indexes on several fields: those that are compared for equality, then the one that is sorted by, in either direction;
	 * ties by id. The embedded store finds by the first and sorts what it found.
	 */
	compound?: readonly (readonly [keyof T & string, ...(keyof T & string)[]])[];
	/**
	 * Paths whose values an audit may tell: ids, amounts and states, never what somebody is called or wrote. `*` stands
	 * for any key of a sub-document (`refunds.*.status`), which must be an id.
	 */
	told?: readonly ((keyof T & string) | `${keyof T & string}.${string}`)[];
	/** A type only. */
	document?: T;
}

/**
 * Declares a collection for both databases. Mongoose is only loaded where there is a `MONGO_URL`.
 * @example defineModel<Session>()({ name: "sessions", fields: { userId: String }, indexes: { userId: {} } })
 */
export const defineModel =
	<T extends Doc>() =>
	(model: Omit<Model<T>, "document">): Model<T> =>
		model;
