import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import { watchedWrites } from "../crash-point.ts";
import { platformOf } from "../platform.ts";
import { Collection, type Driver } from "./collection.ts";
import type { Doc, Model } from "./model.ts";

/**
 * Opens a collection in this node's database: MongoDB where there is a `MONGO_URL`, else the embedded store.
 * A store that breaks or loses its link makes the node unready.
 * @param owner the service whose crash points its writes are; none where they are no part of what a service does.
 */
export async function openCollection<T extends Doc>(
	broker: ServiceBroker,
	model: Model<T>,
	owner?: string,
): Promise<Collection<T>> {
	const { env } = platformOf(broker);
	const driver = await openDriver(broker, model);
	return new Collection(model, owner ? watchedWrites(env, owner, model.name, driver) : driver);
}

async function openDriver<T extends Doc>(broker: ServiceBroker, model: Model<T>): Promise<Driver> {
	const { env, problems } = platformOf(broker);
	if (env.MONGO_URL) {
		const { openMongo } = await import("./mongo.ts");
		return openMongo(broker, model, env.MONGO_URL, env.NAMESPACE, problem => {
			if (problem) problems.set("store", problem);
			else problems.delete("store");
		});
	}
	const { openNedb } = await import("./nedb.ts");
	const file =
		env.DATA_DIR === ":memory:" ? undefined : join(env.DATA_DIR, "store", `${model.name}.db`);
	return openNedb(broker, model, file, reason => problems.set("store", reason));
}
