import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServiceBroker } from "moleculer";
import moleculerDb from "moleculer-db";
import { type Driver, DuplicateError, type FindOptions, type Raw } from "./collection.ts";
import type { Change } from "./guard.ts";
import { embeddedIndexes, fewestLast } from "./indexes.ts";
import type { Doc, Model } from "./model.ts";

const compactEveryMs = 600_000;

/** The part of NeDB that is used here; moleculer-db brings it without types. */
interface Nedb {
	insertAsync(doc: object): Promise<Raw>;
	findAsync(query: object): Cursor;
	countAsync(query: object): Promise<number>;
	updateAsync(
		query: object,
		change: object,
		options: { returnUpdatedDocs: true },
	): Promise<{ numAffected: number; affectedDocuments: Raw | null }>;
	removeAsync(query: object, options: { multi: true }): Promise<number>;
	ensureIndexAsync(index: { fieldName: string; unique?: boolean; sparse?: boolean }): Promise<void>;
	indexes: Readonly<Record<string, { getMatching(value: unknown): readonly unknown[] }>>;
	stopAutocompaction(): void;
	setAutocompactionInterval(ms: number): void;
}
interface Cursor extends Promise<Raw[]> {
	projection(fields: Readonly<Record<string, 0>>): Cursor;
	sort(sort: object): Cursor;
	limit(count: number): Cursor;
	skip(count: number): Cursor;
}

/** NeDB refuses a file whose last line was torn by a kill: cut it back to the last whole line. */
async function cutTornLine(file: string): Promise<void> {
	const size = (await stat(file).catch(() => null))?.size ?? 0;
	if (size === 0) return;
	const handle = await open(file, "r+");
	try {
		const chunk = 65_536;
		for (let end = size; end > 0; end -= chunk) {
			const start = Math.max(0, end - chunk);
			const { buffer } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
			const newline = buffer.lastIndexOf(0x0a);
			if (newline === -1) continue;
			if (start + newline + 1 < size) await handle.truncate(start + newline + 1);
			return;
		}
		await handle.truncate(0);
	} finally {
		await handle.close();
	}
}

const isTaken = (error: unknown): error is Error & { key: unknown } =>
	(error as { errorType?: string }).errorType === "uniqueViolated";

/** A fault of the file system (`ENOSPC`, `EIO`, …), not of the caller. */
const isFault = (error: unknown): error is Error =>
	typeof (error as { code?: unknown }).code === "string";

/**
 * Opens a collection in the embedded store: NeDB through moleculer-db's memory adapter.
 * @param file where it is kept; in memory only without one.
 * @param onBroken told once when an append failed; from then on the collection is closed: what follows a torn record
 *   would be lost, and what NeDB still holds in memory was never kept.
 */
export async function openNedb<T extends Doc>(
	broker: ServiceBroker,
	model: Model<T>,
	file: string | undefined,
	onBroken: (reason: string) => void,
): Promise<Driver> {
	if (file) {
		await mkdir(dirname(file), { recursive: true, mode: 0o700 });
		await cutTornLine(file);
	}
	const adapter = new moleculerDb.MemoryAdapter(file ? { filename: file } : undefined);
	adapter.init(broker, {} as never);
	await adapter.connect();
	const { db } = adapter as unknown as { db: Nedb };
	const indexes = Object.entries(embeddedIndexes(model));
	for (const [fieldName, index] of indexes) await db.ensureIndexAsync({ fieldName, ...index });
	if (file) db.setAutocompactionInterval(compactEveryMs);

	const unique = ["_id", ...indexes.filter(([, index]) => index.unique).map(([field]) => field)];

	/** NeDB tells the value that was taken, not the field: it is the one where another document has it. */
	const takenField = async (key: unknown, values: Record<string, unknown>): Promise<string> => {
		for (const field of unique)
			if (values[field] === key && (await db.countAsync({ [field]: key })) > 0)
				return field === "_id" ? "id" : field;
		return "id";
	};

	const sharing = (field: string, value: unknown) => db.indexes[field]?.getMatching(value).length;

	let broken: string | undefined;
	const checkOpen = () => {
		if (broken) throw new Error(`The collection ${model.name} is closed: ${broken}`);
	};
	const write = async <R>(values: object, operation: () => Promise<R>): Promise<R> => {
		checkOpen();
		try {
			return await operation();
		} catch (error) {
			if (isTaken(error))
				throw new DuplicateError(await takenField(error.key, values as Record<string, unknown>));
			if (isFault(error)) {
				broken = error.message;
				onBroken(`${model.name}: ${broken}`);
			}
			throw error;
		}
	};

	return {
		insert: doc => write(doc, async () => void (await db.insertAsync(doc))),
		async find(query, { sort, limit, skip, without = [] }: FindOptions) {
			checkOpen();
			let cursor = db
				.findAsync(fewestLast(query, sharing))
				.projection(Object.fromEntries(without.map(field => [field, 0])));
			if (sort) cursor = cursor.sort(sort);
			if (skip) cursor = cursor.skip(skip);
			if (limit) cursor = cursor.limit(limit);
			return cursor;
		},
		update: (guard, change: Change) =>
			write(change.$set ?? {}, async () => {
				const { affectedDocuments } = await db.updateAsync(guard, change, {
					returnUpdatedDocs: true,
				});
				return affectedDocuments ?? null;
			}),
		remove: guard => write({}, () => db.removeAsync(guard, { multi: true })),
		async count(query, limit) {
			checkOpen();
			return Math.min(await db.countAsync(fewestLast(query, sharing)), limit);
		},
		async close() {
			db.stopAutocompaction();
		},
	};
}
