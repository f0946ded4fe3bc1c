import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import { platformOf } from "../platform.ts";
import { Collection } from "./collection.ts";
import type { Doc, Model } from "./model.ts";

/**
 * Opens a collection in this node's database: MongoDB where there is a `MONGO_URL`, else the embedded store.
 * A store that breaks or loses its link makes the node unready.
 */
export async function openCollection<T extends Doc>(
	broker: ServiceBroker,
	model: Model<T>,
): Promise<Collection<T>> {
	const { env, problems } = platformOf(broker);
	if (env.MONGO_URL) {
		const { openMongo } = await import("./mongo.ts");
		const driver = await openMongo(broker, model, env.MONGO_URL, env.NAMESPACE, problem => {
			if (problem) problems.set("store", problem);
			else problems.delete("store");
		});
		return new Collection(model, driver);
	}
	const { openNedb } = await import("./nedb.ts");
	const file =
		env.DATA_DIR === ":memory:" ? undefined : join(env.DATA_DIR, "store", `${model.name}.db`);
	const driver = await openNedb(broker, model, file, reason => problems.set("store", reason));
	return new Collection(model, driver);
}
