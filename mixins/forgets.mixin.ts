import { forget } from "../kernel/cache.ts";
import type { ActionName } from "../kernel/contract.ts";
import { defineMixin } from "../kernel/implement.ts";
import type { Collection } from "../kernel/store/collection.ts";
import type { Doc, Model } from "../kernel/store/model.ts";

// biome-ignore lint/suspicious/noExplicitAny: each model has its own document
type AnyModel = Model<any>;

/** What of a changed document the answers of an action are about. */
type About<M extends Record<string, AnyModel>> = {
	[K in keyof M]: M[K] extends Model<infer T> ? (doc: T) => string : never;
};

/**
 * After each change of these collections the answers of `action` about what was changed are forgotten, before the change
 * is answered: who changed it sees it. Stands after the `Store` that opens them.
 */
export const Forgets = <M extends Record<string, AnyModel>>(action: ActionName, about: About<M>) =>
	defineMixin({
		brings: undefined,
		async started(this: { broker: unknown } & Record<string, Collection<Doc>>) {
			const { broker } = this;
			for (const [name, aboutOf] of Object.entries(about)) {
				const collection = this[name] as Collection<Doc>;
				collection.onChange = doc => forget(broker, action, aboutOf(doc as never));
			}
		},
	});
