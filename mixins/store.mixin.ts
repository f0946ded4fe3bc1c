import type { ServiceBroker } from "moleculer";
import { defineMixin } from "../kernel/implement.ts";
import type { Collection } from "../kernel/store/collection.ts";
import type { Doc, Model } from "../kernel/store/model.ts";
import { openCollection } from "../kernel/store/open.ts";

type Collections<M> = { [K in keyof M]: M[K] extends Model<infer T> ? Collection<T> : never };

/**
 * Gives a service its collections, each under the name it is listed by: `Store({ payments: PaymentModel })` is
 * `this.payments`. They are opened before the service starts and closed after it stopped.
 */
// biome-ignore lint/suspicious/noExplicitAny: each model has its own document
export const Store = <M extends Record<string, Model<any>>>(models: M) =>
	defineMixin({
		brings: undefined as (Collections<M> & { collections: Collection<Doc>[] }) | undefined,
		async started(this: { broker: unknown; name: string; collections: Collection<Doc>[] }) {
			this.collections = [];
			for (const [name, model] of Object.entries(models)) {
				const collection = await openCollection(this.broker as ServiceBroker, model, this.name);
				this.collections.push(collection);
				Object.assign(this, { [name]: collection });
			}
		},
		async stopped(this: { collections: Collection<Doc>[] }) {
			for (const collection of this.collections) await collection.close();
		},
	});
