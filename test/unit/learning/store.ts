import { after } from "node:test";
import { ServiceBroker } from "moleculer";
import type { Driver } from "../../../kernel/store/collection.ts";
import type { Doc, Model } from "../../../kernel/store/model.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";

/** A store of one collection in memory, for a test file. */
export async function memoryDriver<T extends Doc>(model: Model<T>): Promise<Driver> {
	const broker = new ServiceBroker({ logger: false, skipProcessEventRegistration: true });
	const driver = await openNedb(broker, model, undefined, () => {});
	after(() => driver.close());
	return driver;
}
