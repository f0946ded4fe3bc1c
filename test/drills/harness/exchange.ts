import { setTimeout as pause } from "node:timers/promises";
import type { Outcome } from "../drill.ts";
import type { Marks } from "./faults.ts";
import type { StagePart } from "./parts.ts";
import { spread } from "./results.ts";
import type { Stage } from "./stage.ts";

/** A process told to stop must have ended by then. */
const longestStopMs = 10_000;

/** One process that took the place of another. */
export interface Exchanged {
	/** Of the split: `gateway-1`, `money`. */
	name: string;
	/** From the start of the new one to the end of the old, ms since 1970. */
	from: number;
	to: number;
	/** From the signal to the end of the old one. */
	drainMs: number;
	/** Exit code of the old one, null where a signal ended it. */
	code: number | null;
}

/** Rolling exchange of processes: the new one has joined before the old one is told to stop. */
export class Exchange {
	/** All that were made. */
	readonly made: Exchanged[] = [];
	readonly #stage: Stage;
	readonly #marks: Marks;
	readonly #names = new Map<string, string>();

	constructor(stage: Stage, marks: Marks) {
		this.#stage = stage;
		this.#marks = marks;
	}

	/** The process that has the place of a part of the split now, first of all that part itself. */
	current(name: string): StagePart {
		return this.#stage.part(this.#names.get(name) ?? name);
	}

	/**
	 * Starts a process beside a part's present one and ends that.
	 * @param sources of the new one, the run's where not given.
	 * @param besideMs how long both serve.
	 */
	async replace(name: string, sources?: string, besideMs = 0): Promise<Exchanged> {
		const old = this.current(name);
		const from = Date.now();
		const next = `${name}-${this.made.length + 1}`;
		await this.#stage.add(old.part.services, next, sources);
		this.#names.set(name, next);
		await pause(besideMs);
		const told = Date.now();
		this.#marks.add(name);
		const code = await this.#stage.remove(old);
		const one = { name, from, to: Date.now(), drainMs: Date.now() - told, code };
		this.made.push(one);
		return one;
	}

	/** Whether an instant, ms since 1970, falls into an exchange. */
	isDuring(at: number): boolean {
		return this.made.some(({ from, to }) => at >= from && at <= to);
	}

	/** How long the parts took to drain. */
	get figures(): Outcome["figures"] {
		const byName = Map.groupBy(this.made, ({ name }) => name);
		return Object.fromEntries(
			[...byName].map(([name, all]) => [
				`${name} told to stop until it ended`,
				spread(
					all.map(({ drainMs }) => drainMs),
					"ms",
				),
			]),
		);
	}

	/** A sentence for each that did not end as it should. */
	get broken(): string[] {
		return this.made.flatMap(({ name, code, drainMs }) => [
			...(code === 0 ? [] : [`${name} ended with ${code ?? "a signal"}, not 0`]),
			...(drainMs < longestStopMs ? [] : [`${name} took ${drainMs} ms to end`]),
		]);
	}
}
