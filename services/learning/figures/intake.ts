import { AsyncResource } from "node:async_hooks";
import { defineMixin } from "../../../kernel/implement.ts";
import { Rounds } from "../../../mixins/rounds.mixin.ts";

/** Takes in what one fact tells. @returns the places that are to be counted again for it. */
export type TakeIn = () => Promise<readonly string[]>;

interface Told {
	takeIn: TakeIn;
	failure?: { error: unknown };
}

/** Takes in facts, and counts once for all that came while it counted before. */
export class Intake {
	readonly #rounds = new Rounds();
	readonly #told = new Map<string, Told[]>();

	/**
	 * Takes in one fact about `key` in the next round about it: all that is told by then is taken in, and after that
	 * counted. A fact is done once it is counted; one that cannot be taken in fails alone, a count fails for all in it.
	 * @param recount counts for the round where this is the first in it
	 */
	async take(
		key: string,
		takeIn: TakeIn,
		recount: (places: ReadonlySet<string>) => Promise<unknown>,
	): Promise<void> {
		const mine: Told = { takeIn: AsyncResource.bind(takeIn) };
		const waiting = this.#told.get(key);
		if (waiting) waiting.push(mine);
		else this.#told.set(key, [mine]);
		await this.#rounds.join(key, async () => {
			const places = await takeAll(this.#next(key));
			if (places.size > 0) await recount(places);
		});
		if (mine.failure) throw mine.failure.error;
	}

	#next(key: string): Told[] {
		const told = this.#told.get(key) ?? [];
		this.#told.delete(key);
		return told;
	}
}

async function takeAll(told: readonly Told[]): Promise<Set<string>> {
	const places = new Set<string>();
	await Promise.all(
		told.map(async one => {
			try {
				for (const place of await one.takeIn()) places.add(place);
			} catch (error) {
				one.failure = { error };
			}
		}),
	);
	return places;
}

/** Gives a service `this.intake`. */
export const TakesIn = defineMixin({
	brings: undefined as { intake: Intake } | undefined,
	async started(this: { intake: Intake }) {
		this.intake = new Intake();
	},
});
