import type { Clock } from "../clock.ts";
import { isOutage } from "../errors.ts";
import { type Collection, isDuplicate } from "../store/collection.ts";
import { defineModel } from "../store/model.ts";
import type { Receipt, StoredFact } from "./contract.ts";
import type { Outcome } from "./pipe.ts";

const firstBackOffMs = 1_000;
const longestBackOffMs = 300_000;
const triesBeforeParking = 8;
const keptMs = 90 * 86_400_000;
const overdueMs = 30_000;

/** How long after its `tries`-th failure a fact is tried again: doubling from 1 s to 5 min. */
export const backOffMs = (tries: number): number =>
	Math.min(longestBackOffMs, firstBackOffMs * 2 ** (tries - 1));

const reasonOf = (error: unknown): string =>
	(error instanceof Error ? error.message : String(error)).slice(0, 500);

export const receiptsModel = (service: string) =>
	defineModel<Receipt>()({
		name: `${service}_receipts`,
		fields: {
			factId: String,
			name: String,
			state: String,
			tries: Number,
			outages: Number,
			nextAt: Number,
			lastError: String,
			at: Number,
			fact: { type: Object },
		},
		indexes: { state: {}, at: {} },
	});

export interface ConsumerOptions {
	group: string;
	receipts: Collection<Receipt>;
	clock: Clock;
	/** Runs the service's handler; its effect is idempotent. */
	handle(fact: StoredFact): Promise<void>;
	/** Told how long after it was written (ms) a fact was handled. */
	onDone(lagMs: number): void;
	warn(message: string, error: unknown): void;
}

/**
 * One service's side of facts: runs the handler, then writes the receipt, then lets the pipe acknowledge. Tries are
 * counted in the receipt, so that neither a restart nor another node starts over.
 */
export class Consumer {
	readonly #options: ConsumerOptions;

	constructor(options: ConsumerOptions) {
		this.#options = options;
	}

	async receive(fact: StoredFact): Promise<Outcome> {
		const { receipts, clock } = this.#options;
		const known = await receipts.get(this.#id(fact.id));
		if (known && known.state !== "trying") return { done: true };
		const wait = (known?.nextAt ?? 0) - clock.now();
		if (wait > 0) return { done: false, retryInMs: wait };
		return this.#try(fact, known);
	}

	/**
	 * How far this service is with each fact. One it never met is left out, and so is one whose next try is 30 s
	 * overdue: the pipe has lost it (a purge, a restart in embedded mode), and it has to be published again.
	 */
	async states(ids: readonly string[]): Promise<Record<string, Receipt["state"]>> {
		const { receipts, clock } = this.#options;
		const found = await receipts.find({ id: { $in: ids.map(id => this.#id(id)) } });
		const isLost = ({ state, nextAt, at }: Receipt) =>
			state === "trying" && clock.now() - (nextAt ?? at) >= overdueMs;
		return Object.fromEntries(
			found.filter(receipt => !isLost(receipt)).map(({ factId, state }) => [factId, state]),
		);
	}

	async parked(): Promise<Receipt[]> {
		return this.#options.receipts.find({ state: "parked" }, { sort: { at: -1 }, limit: 500 });
	}

	/** Tries a parked fact once more. It stays parked, and so in sight, until a try succeeds. */
	async replay(factId: string): Promise<Receipt["state"] | "unknown"> {
		const { receipts, handle } = this.#options;
		const receipt = await receipts.get(this.#id(factId));
		if (receipt?.state !== "parked") return receipt?.state ?? "unknown";
		const fact = receipt.fact as StoredFact;
		const tries = receipt.tries + 1;
		try {
			await handle(fact);
		} catch (error) {
			await this.#park(fact, tries, error);
			return "parked";
		}
		await this.#done(fact, tries);
		return "done";
	}

	/** Drops receipts that nobody will ask for any more; parked ones stay. */
	async prune(): Promise<void> {
		const { receipts, clock } = this.#options;
		await receipts.remove({ state: "done", at: { $lt: clock.now() - keptMs } });
	}

	#id(factId: string): string {
		return `${this.#options.group}:${factId}`;
	}

	async #try(fact: StoredFact, known: Receipt | null): Promise<Outcome> {
		try {
			await this.#options.handle(fact);
		} catch (error) {
			return this.#failed(fact, known, error);
		}
		await this.#done(fact, (known?.tries ?? 0) + 1);
		return { done: true };
	}

	async #done(fact: StoredFact, tries: number): Promise<void> {
		const { clock, onDone } = this.#options;
		await this.#write(fact, { state: "done", tries });
		onDone(clock.now() - Date.parse(fact.at));
	}

	async #failed(fact: StoredFact, known: Receipt | null, error: unknown): Promise<Outcome> {
		const { clock, warn, group } = this.#options;
		// The fact itself is not to blame, so the try does not count towards parking.
		const isAway = isOutage(error);
		const tries = (known?.tries ?? 0) + (isAway ? 0 : 1);
		const outages = (known?.outages ?? 0) + (isAway ? 1 : 0);
		if (tries >= triesBeforeParking) {
			await this.#park(fact, tries, error);
			return { done: true };
		}
		warn(`${group} could not handle ${fact.name} ${fact.id}, try ${tries + outages}`, error);
		const retryInMs = backOffMs(tries + outages);
		await this.#write(fact, {
			state: "trying",
			tries,
			outages,
			lastError: reasonOf(error),
			nextAt: clock.now() + retryInMs,
			fact,
		});
		return { done: false, retryInMs };
	}

	async #park(fact: StoredFact, tries: number, error: unknown): Promise<void> {
		const { warn, group } = this.#options;
		warn(`${group} could not handle ${fact.name} ${fact.id}, try ${tries}, parked`, error);
		await this.#write(fact, { state: "parked", tries, lastError: reasonOf(error), fact });
	}

	/** Writes a receipt unless one says done already: that one wins for ever. */
	async #write(fact: StoredFact, change: Partial<Receipt>): Promise<void> {
		const { receipts, clock } = this.#options;
		const id = this.#id(fact.id);
		const $set = { ...change, at: clock.now() };
		const isDone = change.state === "done";
		const $unset = isDone ? ({ nextAt: true, lastError: true, fact: true } as const) : {};
		const guard = {
			id,
			state: { $in: change.state === "trying" ? ["trying"] : ["trying", "parked"] },
		};
		const update = { $set, $unset };
		if (await receipts.advance(guard, update)) return;
		try {
			await receipts.insert({ id, factId: fact.id, name: fact.name, ...$set } as Receipt);
		} catch (error) {
			if (!isDuplicate(error)) throw error;
			await receipts.advance(guard, update);
		}
	}
}
