import { platformProblem } from "./errors.ts";

export interface Bounds {
	/** How many run at one time. */
	atOnce: number;
	/** How long one may wait for its turn, ms. */
	longestWaitMs: number;
}

interface Waiting {
	since: number;
	begin(): void;
	refuse(error: Error): void;
}

/**
 * Runs costly work a few at a time. Whoever would wait too long is refused instead: a queue without a bound answers
 * everybody after they have gone, at the price of those it could have served.
 */
export class Bounded {
	readonly #bounds: Bounds;
	readonly #now: () => number;
	readonly #queue: Waiting[] = [];
	#running = 0;

	constructor(bounds: Bounds, now: () => number = () => performance.now()) {
		this.#bounds = bounds;
		this.#now = now;
	}

	/**
	 * What the work comes to, once it is its turn.
	 * @throws SERVICE_UNAVAILABLE when that did not come in time; the work was not begun then.
	 */
	async run<T>(work: () => Promise<T>): Promise<T> {
		if (this.#running >= this.#bounds.atOnce) await this.#turn();
		else this.#running++;
		try {
			return await work();
		} finally {
			this.#next();
		}
	}

	#turn(): Promise<void> {
		this.#refuseLate();
		return new Promise((begin, refuse) => this.#queue.push({ since: this.#now(), begin, refuse }));
	}

	/** Hands the place of what ended to the next in time. */
	#next(): void {
		this.#refuseLate();
		const next = this.#queue.shift();
		if (next) next.begin();
		else this.#running--;
	}

	#refuseLate(): void {
		const oldest = this.#now() - this.#bounds.longestWaitMs;
		while (this.#queue[0] && this.#queue[0].since < oldest)
			this.#queue.shift()?.refuse(platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 }));
	}
}
