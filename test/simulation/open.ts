import { Collection } from "../../kernel/store/collection.ts";
import type { Doc, Model } from "../../kernel/store/model.ts";
import type { SimulatedBroker } from "./node.ts";

/** Stands for `kernel/store/open.ts`: the collections of a simulated process lie in its world. */
export async function openCollection<T extends Doc>(
	broker: unknown,
	model: Model<T>,
): Promise<Collection<T>> {
	return new Collection(model, (broker as SimulatedBroker).openDriver(model as never));
}
