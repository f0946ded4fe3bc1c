import { defineMixin } from "../kernel/implement.ts";

interface Round {
	hasBegun: boolean;
	done: Promise<void>;
}

/** Work about one thing, one round after the other within this process; who comes before a round begins shares it. */
export class Rounds {
	readonly #last = new Map<string, Round>();

	/**
	 * Waits for a round about `key` that begins after this call, and fails as it does: what was there before the call, the
	 * round has seen.
	 * @param run begins the round where none is waiting to begin
	 */
	async join(key: string, run: () => Promise<void>): Promise<void> {
		const last = this.#last.get(key);
		if (last && !last.hasBegun) return last.done;
		const begin = () => {
			round.hasBegun = true;
			return run();
		};
		const before = last?.done ?? Promise.resolve();
		const round: Round = { hasBegun: false, done: before.then(begin, begin) };
		this.#last.set(key, round);
		try {
			await round.done;
		} finally {
			if (this.#last.get(key) === round) this.#last.delete(key);
		}
	}
}

/** Gives a service `this.rounds`. */
export const InRounds = defineMixin({
	brings: undefined as { rounds: Rounds } | undefined,
	async started(this: { rounds: Rounds }) {
		this.rounds = new Rounds();
	},
});
