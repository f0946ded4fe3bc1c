import { setTimeout as pause } from "node:timers/promises";
import { random } from "../../support/random.ts";
import type { StagePart } from "./parts.ts";

/** Marks for the plots: what was done, in seconds since the run's start. */
export class Marks {
	readonly all: { at: number; label: string }[] = [];
	/** ms since 1970. */
	readonly start = Date.now();

	add(label: string): void {
		this.all.push({ at: this.seconds(), label });
	}

	/** Since the start. */
	seconds(): number {
		return Math.round((Date.now() - this.start) / 10) / 100;
	}
}

export interface Kills {
	victims: readonly StagePart[];
	times: number;
	seed: number;
	/** How much of the work is done, 0..1: the kills are spread over all of it. */
	progress(): number;
	/** Told after each. */
	onKill(victim: StagePart): void;
}

/**
 * SIGKILLs a victim at a random moment of each `times`-th part of the work: one of those that are ready then, so that
 * one may die while another is on its way back, and that were killed least. Resolves when all are ready again.
 * @returns how long each took to be ready again, ms.
 */
export async function killAtRandom(kills: Kills): Promise<number[]> {
	const { victims, times, seed, progress, onKill } = kills;
	const next = random(seed);
	const back: Promise<number>[] = [];
	const killed = new Map<StagePart, number>();
	const timesKilled = (victim: StagePart) => killed.get(victim) ?? 0;
	for (let i = 0; i < times; i++) {
		const moment = (i + next() * 0.9) / times;
		const choice = next();
		while (progress() < moment || !victims.some(({ isReady }) => isReady)) await pause(5);
		const ready = victims.filter(({ isReady }) => isReady);
		const least = Math.min(...ready.map(timesKilled));
		const due = ready.filter(part => timesKilled(part) === least);
		const victim = due[Math.floor(choice * due.length)] as StagePart;
		killed.set(victim, least + 1);
		const at = Date.now();
		await victim.kill();
		onKill(victim);
		back.push(victim.ready().then(() => Date.now() - at));
	}
	return Promise.all(back);
}

/** Does something every so often (ms) until stopped, one after the other. */
export async function every(ms: number, stop: AbortSignal, work: () => unknown): Promise<void> {
	while (!stop.aborted) {
		await work();
		await pause(ms, undefined, { signal: stop }).catch(() => {});
	}
}
