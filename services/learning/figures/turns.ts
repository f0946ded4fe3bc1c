import { defineMixin } from "../../../kernel/implement.ts";

/** Does what is about one thing one after the other, within this process. */
export class Turns {
	readonly #last = new Map<string, Promise<unknown>>();

	/** Waits for what was asked for about `key` before, whatever became of it, then does this. */
	async take<R>(key: string, run: () => Promise<R>): Promise<R> {
		const before = this.#last.get(key) ?? Promise.resolve();
		const mine = before.then(run, run);
		this.#last.set(key, mine);
		try {
			return await mine;
		} finally {
			if (this.#last.get(key) === mine) this.#last.delete(key);
		}
	}
}

/** Gives a service `this.turns`. */
export const InTurn = defineMixin({
	brings: undefined as { turns: Turns } | undefined,
	async started(this: { turns: Turns }) {
		this.turns = new Turns();
	},
});
