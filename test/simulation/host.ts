import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
import type { Scheduler } from "./scheduler.ts";

let running: Scheduler | undefined;

const real = {
	setTimeout: globalThis.setTimeout,
	clearTimeout: globalThis.clearTimeout,
	dateNow: Date.now,
	performanceNow: performance.now.bind(performance),
	randomBytes: crypto.randomBytes,
	pause: timers.setTimeout,
};

/**
 * While a simulation runs, the time, the timers and the random bytes of this whole process are its own: that is what
 * makes a run the same each time.
 */
function install(): void {
	globalThis.setTimeout = ((fire: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
		running
			? running.after(running.owner, ms, () => fire(...args))
			: real.setTimeout(fire, ms, ...args)) as typeof globalThis.setTimeout;
	globalThis.clearTimeout = (timer => {
		if (running) running.clear(timer);
		else real.clearTimeout(timer);
	}) as typeof globalThis.clearTimeout;
	Date.now = () => running?.now ?? real.dateNow();
	performance.now = () => running?.now ?? real.performanceNow();
	crypto.randomBytes = ((size: number) => {
		if (!running) return real.randomBytes(size);
		const { int } = running;
		return Buffer.from(Array.from({ length: size }, () => int.call(running, 256)));
	}) as typeof crypto.randomBytes;
	timers.setTimeout = (<T>(ms: number, value: T) => {
		const scheduler = running;
		if (!scheduler) return real.pause(ms, value);
		return new Promise<T>(resolve => scheduler.after(scheduler.owner, ms, () => resolve(value)));
	}) as typeof timers.setTimeout;
	syncBuiltinESMExports();
}

install();

/** Runs something in a scheduler's time. A rejection that nobody hears of is told to `onUnheard`. */
export async function inTimeOf<T>(
	scheduler: Scheduler,
	onUnheard: (error: unknown) => void,
	run: () => Promise<T>,
): Promise<T> {
	if (running) throw new Error("another simulation runs in this process");
	const others = process.listeners("unhandledRejection");
	process.removeAllListeners("unhandledRejection");
	process.on("unhandledRejection", onUnheard);
	running = scheduler;
	try {
		return await run();
	} finally {
		running = undefined;
		process.off("unhandledRejection", onUnheard);
		for (const listener of others) process.on("unhandledRejection", listener);
	}
}
