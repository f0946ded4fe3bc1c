import type { Index } from "./model.ts";

/** An index as MongoDB is asked for it. */
export interface MongoIndex {
	key: Readonly<Record<string, 1>>;
	unique?: boolean;
	sparse?: boolean;
}

/** What a model says of them. */
interface Indexed {
	indexes: Partial<Record<string, Index>>;
	compound?: readonly (readonly [string, ...string[]])[];
}

const outboxes = { outboxSize: { sparse: true } } as const;

/** What the embedded store keeps: of several fields the first, since it walks no index in order. */
export function embeddedIndexes({ indexes, compound = [] }: Indexed): Record<string, Index> {
	const firsts = compound.map(([field]): [string, Index] => [field, {}]);
	const single = Object.entries(indexes).flatMap(([field, index = {}]) =>
		index.keys ? [] : [[field, index] as const],
	);
	return { ...outboxes, ...Object.fromEntries([...firsts, ...single]) };
}

/** What MongoDB keeps. Those of several fields end with the id, so that ties have their place in a list. */
export function mongoIndexes({ indexes, compound = [] }: Indexed): MongoIndex[] {
	const single = Object.entries<Index | undefined>({ ...outboxes, ...indexes });
	return [
		...single.map(([field, { keys, ...options } = {}]) => ({
			key: { [keys ? `${field}.$**` : field]: 1 as const },
			...options,
		})),
		...compound.map(fields => ({
			key: Object.fromEntries([...fields, "_id"].map(field => [field, 1 as const])),
		})),
	];
}

/**
 * A query in the order in which the embedded store is best asked: of the fields that are compared with a value it takes
 * the last one that has an index, here that whose value the fewest documents share.
 * @param sharing how many do; undefined where the field has no index.
 */
export function fewestLast(
	query: object,
	sharing: (field: string, value: unknown) => number | undefined,
): object {
	const counted = Object.entries(query).flatMap(([field, value]) => {
		const count = typeof value === "object" ? undefined : sharing(field, value);
		return count === undefined ? [] : [{ field, value, count }];
	});
	if (counted.length < 2) return query;
	const { field, value } = counted.reduce((a, b) => (b.count < a.count ? b : a));
	const { [field]: _, ...others } = query as Record<string, unknown>;
	return { ...others, [field]: value };
}
