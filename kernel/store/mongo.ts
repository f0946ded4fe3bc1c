import type { ServiceBroker } from "moleculer";
import type { Connection, Model as MongooseModel, Query, Schema } from "mongoose";
import { platformProblem } from "../errors.ts";
import { type Driver, DuplicateError, type FindOptions, type Raw } from "./collection.ts";
import { type MongoIndex, mongoIndexes } from "./indexes.ts";
import type { Doc, Model } from "./model.ts";

/** One connection per process and database, owned here: the adapter's own would be closed by any stopping service. */
interface Shared {
	connection: Promise<Connection>;
	users: number;
	/** Indexes that are made, one collection after the other: each takes a place in the pool for as long as it lasts. */
	indexing: Promise<void>;
}
const connections = new Map<string, Shared>();

async function connect(url: string, namespace: string): Promise<Connection> {
	const { default: mongoose } = await import("mongoose");
	mongoose.set("strictQuery", "throw");
	const connection = await mongoose
		.createConnection(url, {
			dbName: namespace,
			writeConcern: { w: "majority", journal: true },
			readConcern: { level: "majority" },
			serverSelectionTimeoutMS: 5_000,
			// A server that hangs is noticed by its heartbeat, within 5 s; what waits for it ends then.
			heartbeatFrequencyMS: 2_000,
			connectTimeoutMS: 3_000,
			socketTimeoutMS: 10_000,
			bufferCommands: false,
			maxPoolSize: 20,
			autoIndex: false,
			autoCreate: false,
		})
		.asPromise();
	return connection.setMaxListeners(0);
}

/** Mongoose makes an empty array of each array that is absent, which is neither what was written nor what NeDB keeps. */
function withoutDefaults(schema: Schema): void {
	schema.eachPath((_path, type) => {
		if (type.instance === "Array") type.default(undefined);
		if (type.schema) withoutDefaults(type.schema);
	});
}

const duplicateField = (error: unknown): string | undefined => {
	const { code, keyPattern, message } = error as {
		code?: number;
		keyPattern?: object;
		message?: string;
	};
	if (code !== 11_000) return undefined;
	const index = /index: (?:\S+\.\$)?(\w+?)_(?:-?1)?(?:\s|$)/.exec(message ?? "")?.[1];
	const field = Object.keys(keyPattern ?? {})[0] ?? index ?? "_id";
	return field === "_id" || field === "" ? "id" : field;
};

const away = () => platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 }, "MongoDB is away");

/** Whether no server answered, or the one that did is none to write to any more. */
const isAway = (error: unknown): boolean => {
	const { name, errorLabels = [] } = error as { name?: string; errorLabels?: readonly string[] };
	return (
		/Network|PoolCleared|ServerSelection|NotConnected/.test(name ?? "") ||
		errorLabels.includes("RetryableWriteError")
	);
};

/**
 * Opens a collection in MongoDB through moleculer-db-adapter-mongoose. Unique indexes are made first, of an empty
 * collection all; others meanwhile: what is found without them is right, only slowly, and many documents take long.
 * While that is lost every call fails at once with SERVICE_UNAVAILABLE.
 * @param onLink told when the link to the database goes and comes.
 */
export async function openMongo<T extends Doc>(
	broker: ServiceBroker,
	model: Model<T>,
	url: string,
	namespace: string,
	onLink: (problem: string | null) => void,
): Promise<Driver> {
	const key = `${url} ${namespace}`;
	const shared = connections.get(key) ?? {
		connection: connect(url, namespace),
		users: 0,
		indexing: Promise.resolve(),
	};
	connections.set(key, shared);
	shared.users++;
	const connection = await shared.connection;
	const { default: MongooseAdapter } = await import("moleculer-db-adapter-mongoose");
	const { default: mongoose } = await import("mongoose");

	const schema = new mongoose.Schema(
		{ _id: String, ...model.fields, outbox: { type: Object }, outboxSize: Number } as never,
		{ strict: "throw", versionKey: false, minimize: false, collection: model.name },
	);
	withoutDefaults(schema);
	const compiled = (connection.models[model.name] ??
		connection.model(model.name, schema)) as MongooseModel<Raw>;
	const adapter = new MongooseAdapter<never>(url);
	adapter.init(broker, { schema: { model: compiled } } as never);

	/** All in one, which goes through the documents once; the server is waited for as long as it takes. */
	const makeIndexes = async (indexes: readonly MongoIndex[]) => {
		if (indexes.length === 0) return;
		await compiled.collection.createIndexes([...indexes], { socketTimeoutMS: 0 } as never);
	};
	const indexes = mongoIndexes(model);
	const isEmpty = (await compiled.estimatedDocumentCount()) === 0;
	await makeIndexes(indexes.filter(({ unique }) => isEmpty || unique));
	let isIndexed = isEmpty;
	let isClosed = false;
	const indexInTurn = () => {
		shared.indexing = shared.indexing.then(async () => {
			if (isIndexed || isClosed) return;
			try {
				await makeIndexes(indexes.filter(({ unique }) => !unique));
				isIndexed = true;
			} catch (error) {
				if (!isClosed) broker.logger.warn(`Indexes of ${model.name} could not be made`, error);
			}
		});
	};
	indexInTurn();

	let isLost = false;
	const lost = () => {
		isLost = true;
		onLink("the link to MongoDB is lost");
	};
	const back = () => {
		isLost = false;
		onLink(null);
		indexInTurn();
	};
	connection.on("disconnected", lost);
	connection.on("connected", back);

	const guarded = async <R>(operation: () => Promise<R>): Promise<R> => {
		if (isLost) throw away();
		try {
			return await operation();
		} catch (error) {
			if (isAway(error)) throw away();
			const field = duplicateField(error);
			throw field ? new DuplicateError(field) : error;
		}
	};

	return {
		insert: doc => guarded(async () => void (await adapter.insert(doc as never))),
		find: (query, { sort = {}, limit, skip, without = [] }: FindOptions) =>
			guarded(async () => {
				const fields = Object.entries(sort).map(([field, way]) =>
					way === 1 ? field : `-${field}`,
				);
				const cursor = adapter.createCursor({
					query,
					...(fields.length > 0 && { sort: fields }),
					limit,
					offset: skip,
				});
				const chosen = (cursor as unknown as Query<Raw[], Raw>).select(
					Object.fromEntries(without.map(field => [field, 0])),
				);
				return (await chosen.lean().exec()) as unknown as Raw[];
			}),
		update: (guard, change) =>
			guarded(
				async () =>
					(await compiled
						.findOneAndUpdate(guard as never, change as never, { returnDocument: "after" })
						.lean()
						.exec()) as unknown as Raw | null,
			),
		remove: guard =>
			guarded(async () => (await adapter.removeMany(guard as never)) as unknown as number),
		count: (query, limit) =>
			guarded(async () => compiled.countDocuments(query as never, { limit })),
		async close() {
			isClosed = true;
			connection.off("disconnected", lost);
			connection.off("connected", back);
			shared.users--;
			if (shared.users > 0) return;
			connections.delete(key);
			await connection.close();
		},
	};
}
