import type { TestContext } from "node:test";
import { ServiceBroker } from "moleculer";
import { Collection } from "../../../kernel/store/collection.ts";
import type { Doc, Model } from "../../../kernel/store/model.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";

/** A collection in memory, with the unique indexes of its model. */
export async function memoryCollection<T extends Doc>(
	t: TestContext,
	model: Model<T>,
): Promise<Collection<T>> {
	const broker = new ServiceBroker({ logger: false, skipProcessEventRegistration: true });
	const collection = new Collection(model, await openNedb(broker, model, undefined, () => {}));
	t.after(() => collection.close());
	return collection;
}
