import type { Clock } from "../clock.ts";
import { Backfill } from "./backfill.ts";
import type { Collection } from "./collection.ts";
import type { Change, Guard } from "./guard.ts";
import type { Doc } from "./model.ts";

const dayMs = 86_400_000;
const batch = 100;
/** So many batches are gone through at once at most. */
const mostBatches = 10;

/** What stands where words were that are past their retention. */
export const pastRetention = "removed, past its retention";

/** A document that is kept for ever, and its content until that is past its retention. */
export interface Ageing extends Doc {
	/** When it was settled, ms: since then its content ages. 0 once that is removed; unset while it is not settled. */
	agesFrom?: number;
}

/** What the model of such documents has for it; the index holds what is unset too, so that it can be found by that. */
export const ageing = {
	fields: { agesFrom: Number },
	indexes: { agesFrom: {} },
} as const;

export interface RetentionNeeds<T extends Ageing> {
	collection: Collection<T>;
	clock: Clock;
	/** How long content is kept. */
	days: number | "off";
	/** What a document is that nobody needs the content of. */
	settled: Guard;
	/** When a settled one was, ms. */
	settledAt(doc: T): number;
	/** Takes its content away. */
	without(doc: T): Pick<Change, "$set" | "$unset">;
}

/**
 * Ends the content of what is settled; the document stays, and with it that its effect was had. Each end is one update
 * guarded by what was read: any number may go through a collection at once, beside whatever else changes it.
 */
export class Retention<T extends Ageing> {
	readonly #needs: RetentionNeeds<T>;
	readonly #dates: Backfill<T>;

	constructor(needs: RetentionNeeds<T>) {
		this.#needs = needs;
		const { collection, clock, settled, settledAt } = needs;
		this.#dates = new Backfill({
			collection,
			clock,
			missing: { ...settled, agesFrom: { $exists: false } },
			change: doc => ({ $set: { agesFrom: Math.max(1, settledAt(doc)) } }),
		});
	}

	/** Goes through what is due, 1,000 at most. @returns how many lost their content. */
	async end(): Promise<number> {
		const { collection, clock, days, settled, without } = this.#needs;
		if (days === "off") return 0;
		await this.#dates.run();
		const until = clock.now() - days * dayMs;
		let ended = 0;
		for (let n = 0; n < mostBatches; n++) {
			const due = await collection.find(
				{ agesFrom: { $gt: 0, $lte: until } },
				{ sort: { agesFrom: 1 }, limit: batch },
			);
			for (const doc of due) {
				const { id, agesFrom } = doc;
				const { $set, $unset } = without(doc);
				const done = await collection.advance(
					{ ...settled, id, agesFrom },
					{ $set: { ...$set, agesFrom: 0 }, $unset: { ...$unset } },
				);
				if (done) ended++;
			}
			if (due.length < batch) break;
		}
		return ended;
	}
}
