import type { Clock } from "../clock.ts";
import type { Collection } from "./collection.ts";
import type { Change, Guard } from "./guard.ts";
import type { Doc } from "./model.ts";

const dayMs = 86_400_000;
const batch = 100;
/** So many batches are gone through at once at most. */
const mostBatches = 10;

export interface BackfillNeeds<T extends Doc> {
	collection: Collection<T>;
	clock: Clock;
	/** Documents that lack the field. */
	missing: Guard;
	/** What each of them gets. */
	change(doc: T): Change;
}

/**
 * Gives documents a field of which the version that stored them did not know. Such a version may run beside this one, so
 * once a day.
 */
export class Backfill<T extends Doc> {
	readonly #needs: BackfillNeeds<T>;
	#looksAgainAt = 0;

	constructor(needs: BackfillNeeds<T>) {
		this.#needs = needs;
	}

	/** Goes through those that are left, 1,000 at most; does nothing for a day once there were none. */
	async run(): Promise<void> {
		const { collection, clock, missing, change } = this.#needs;
		if (clock.now() < this.#looksAgainAt) return;
		for (let n = 0; n < mostBatches; n++) {
			const found = await collection.find(missing, { limit: batch });
			for (const doc of found) await collection.advance({ ...missing, id: doc.id }, change(doc));
			if (found.length < batch) {
				this.#looksAgainAt = clock.now() + dayMs;
				return;
			}
		}
	}
}
