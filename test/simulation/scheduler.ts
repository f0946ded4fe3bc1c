import { random } from "../support/random.ts";

/** A process or a party outside: whose code goes on when what it waits for has happened. */
export interface Owner {
	readonly name: string;
	/** A process, which does not sleep through hours: it goes on until it waits for others. */
	readonly isProcess?: boolean;
}

/** Something that was begun and has not happened yet. */
export interface Pending {
	owner: Owner;
	/** What it is, for the trace. */
	words: () => string;
	/** Does it, and lets its owner go on. */
	go(): void;
	/** Does it although its owner is dead and nobody hears of it; without, it dies with its owner. */
	orphan?: (() => void) | undefined;
	/** Not before this step. */
	heldUntil?: number;
}

interface Timer {
	owner: Owner;
	/** ms */
	due: number;
	fire(): void;
}

const nobody: Owner = { name: "nobody" };
const longestHold = 150;

/**
 * Owns everything that is waited for and the time. Nothing goes on by itself: one pending thing after the other is
 * drawn, done, and what follows from it runs until all of it waits again.
 */
export class Scheduler {
	readonly random: () => number;
	/** ms since the epoch, of a clock that nothing but the scheduler moves. */
	now: number;
	step = 0;
	/** While true nothing is held back, lost or doubled any more. */
	isCalm = false;
	/** Whose code runs. */
	owner: Owner = nobody;
	/** What happened, in words, where it is kept. */
	readonly trace: string[] | undefined;
	readonly #start: number;
	readonly #pending: Pending[] = [];
	readonly #timers = new Set<Timer>();
	#nextTimer = Number.POSITIVE_INFINITY;
	/** How far the clock is to move once no process has anything to do, ms. */
	#toPass = 0;

	/** @param now ms */
	constructor(seed: number, now: number, keepsTrace: boolean) {
		this.random = random(seed);
		this.now = now;
		this.#start = now;
		this.trace = keepsTrace ? [] : undefined;
	}

	/** A whole number in 0..n, n excluded. */
	int(n: number): number {
		return Math.floor(this.random() * n);
	}

	/** Whether something of this probability happens; never once all is calm. */
	mishap(probability: number): boolean {
		return !this.isCalm && this.random() < probability;
	}

	chance(probability: number): boolean {
		return this.random() < probability;
	}

	pick<T>(items: readonly T[]): T {
		return items[this.int(items.length)] as T;
	}

	/** One of several by weight. */
	weighted<T>(items: readonly (readonly [weight: number, item: T])[]): T {
		let left = this.random() * items.reduce((sum, [weight]) => sum + weight, 0);
		for (const [weight, item] of items) {
			left -= weight;
			if (left < 0) return item;
		}
		return (items[0] as readonly [number, T])[1];
	}

	/** Something begins; now and then it is held back for long. */
	add(pending: Pending): void {
		if (this.mishap(0.03)) pending.heldUntil = this.step + this.int(longestHold);
		this.#pending.push(pending);
	}

	/** Something that takes one step. @param survives whether it may still happen when its owner dies. */
	ask<T>(owner: Owner, words: () => string, act: () => T, survives = false): Promise<T> {
		return new Promise((resolve, reject) => {
			this.add({
				owner,
				words,
				go() {
					try {
						resolve(act());
					} catch (error) {
						reject(error);
					}
				},
				orphan: survives ? () => void quietly(act) : undefined,
			});
		});
	}

	/** @param ms from now */
	after(owner: Owner, ms: number, fire: () => void): Timer {
		const timer = { owner, due: this.now + Math.max(0, ms || 0), fire };
		this.#timers.add(timer);
		this.#nextTimer = Math.min(this.#nextTimer, timer.due);
		return timer;
	}

	clear(timer: unknown): void {
		this.#timers.delete(timer as Timer);
	}

	/** @param ms how far the clock moves. */
	pass(ms: number): void {
		this.now += ms;
		if (this.#nextTimer > this.now) return;
		this.#nextTimer = Number.POSITIVE_INFINITY;
		for (const timer of this.#timers)
			if (timer.due <= this.now) {
				this.#timers.delete(timer);
				this.#pending.push({ owner: timer.owner, words: () => "a timer rings", go: timer.fire });
			} else this.#nextTimer = Math.min(this.#nextTimer, timer.due);
	}

	/** Lets a time pass that is longer than any process takes for what it has begun. @param ms */
	passLong(ms: number): void {
		this.#toPass += ms;
	}

	/**
	 * Does one pending thing. Where nothing is pending the clock moves to the next timer.
	 * @param until not past this instant, ms.
	 * @returns whether there was anything.
	 */
	take(until = Number.POSITIVE_INFINITY): boolean {
		this.step++;
		this.pass(this.isCalm ? 1 : 1 + this.int(8));
		const pending = this.#toPass > 0 ? this.#drawOfProcess() : this.#draw();
		if (!pending && this.#toPass > 0) {
			this.pass(this.#toPass);
			this.#toPass = 0;
			return true;
		}
		if (pending) {
			this.note(pending.owner, pending.words);
			this.owner = pending.owner;
			pending.go();
			return true;
		}
		if (this.#nextTimer > until) return false;
		this.pass(this.#nextTimer - this.now);
		return true;
	}

	/** Everything runs on until it waits again. */
	settle(): Promise<void> {
		return new Promise(resolve => setImmediate(resolve));
	}

	/** A process dies: what it waited for never goes on. Writes and calls on their way may still arrive. */
	bury(owner: Owner, mayArrive: boolean): void {
		const own = this.#pending.filter(pending => pending.owner === owner);
		for (const pending of own) {
			this.#pending.splice(this.#pending.indexOf(pending), 1);
			const { orphan, words } = pending;
			if (!orphan || this.chance(0.5)) continue;
			const late = { owner: nobody, words: () => `of the dead: ${words()}`, go: orphan };
			if (mayArrive) this.add(late);
			else {
				this.note(nobody, late.words);
				orphan();
			}
		}
		for (const timer of this.#timers) if (timer.owner === owner) this.#timers.delete(timer);
	}

	note(owner: Owner, words: () => string): void {
		this.trace?.push(
			`${String(this.step).padStart(5)} ${duration(this.now - this.#start).padStart(9)}  ${owner.name}: ${words()}`,
		);
	}

	#drawOfProcess(): Pending | undefined {
		const own = [...this.#pending.keys()].filter(index => this.#pending[index]?.owner.isProcess);
		return own.length > 0 ? this.#remove(this.pick(own)) : undefined;
	}

	#draw(): Pending | undefined {
		const all = this.#pending;
		if (all.length === 0) return undefined;
		for (let tries = 0; tries < 4; tries++) {
			const index = this.int(all.length);
			if (this.isCalm || ((all[index] as Pending).heldUntil ?? 0) <= this.step)
				return this.#remove(index);
		}
		const soonest = all.reduce(
			(best, { heldUntil = 0 }, index) =>
				heldUntil < ((all[best] as Pending).heldUntil ?? 0) ? index : best,
			0,
		);
		return this.#remove(soonest);
	}

	#remove(index: number): Pending {
		const all = this.#pending;
		const taken = all[index] as Pending;
		const last = all.pop() as Pending;
		if (last !== taken) all[index] = last;
		return taken;
	}
}

function quietly(act: () => unknown): void {
	try {
		act();
	} catch {
		// Nobody is left to hear of it.
	}
}

function duration(ms: number): string {
	if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
	if (ms < 3_600_000) return `${(ms / 60_000).toFixed(1)} min`;
	return ms < 86_400_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} d`;
}
