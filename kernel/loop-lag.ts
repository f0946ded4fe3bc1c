import { performance } from "node:perf_hooks";

const everyMs = 50;
const samples = 5;
const standingMs = 200;

/**
 * How late this process's event loop runs. Of the last samples the least counts: a pause for garbage or one burst is
 * over with the next turn, a queue that stands is not (CoDel, RFC 8289 §3.1, tells them apart in the same way).
 */
export class LoopLag {
	readonly #late: number[] = [];
	#timer: NodeJS.Timeout | undefined;

	start(): void {
		let due = performance.now() + everyMs;
		this.#timer = setInterval(() => {
			const now = performance.now();
			this.add(now - due);
			due = now + everyMs;
		}, everyMs).unref();
	}

	stop(): void {
		clearInterval(this.#timer);
		this.#late.length = 0;
	}

	/** @param ms how late a turn of the loop came. */
	add(ms: number): void {
		this.#late.push(Math.max(0, ms));
		if (this.#late.length > samples) this.#late.shift();
	}

	/** What every turn of late was late by, ms. */
	get standingMs(): number {
		return this.#late.length < samples ? 0 : Math.min(...this.#late);
	}

	/** Whether this process has more to do than it can: every turn of late was 200 ms late. */
	get isOverloaded(): boolean {
		return this.standingMs >= standingMs;
	}
}
