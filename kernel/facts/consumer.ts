import type { Clock } from "../clock.ts";
import { type Collection, isDuplicate } from "../store/collection.ts";
import { defineModel } from "../store/model.ts";
import type { Receipt, StoredFact } from "./contract.ts";
import type { Outcome } from "./pipe.ts";

const firstBackOffMs = 1_000;
const longestBackOffMs = 300_000;
const triesBeforeParking = 8;
const keptMs = 90 * 86_400_000;

/** How long after its `tries`-th failure a fact is tried again: doubling from 1 s to 5 min. */
export const backOffMs = (tries: number): number =>
	Math.min(longestBackOffMs, firstBackOffMs * 2 ** (tries - 1));

/** A service it needed was away: the fact itself is not to blame, so the try does not count towards parking. */
const isOutage = (error: unknown): boolean => (error as { retryable?: boolean }).retryable === true;

export const receiptsModel = (service: string) =>
	defineModel<Receipt>()({
		name: `${service}_receipts`,
		fields: {
			factId: String,
			name: String,
			state: String,
			tries: Number,
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
		return this.#try(fact, known?.tries ?? 0);
	}

	/** How far this service is with each fact; one it never met is left out. */
	async states(ids: readonly string[]): Promise<Record<string, Receipt["state"]>> {
		const found = await this.#options.receipts.find({ id: { $in: ids.map(id => this.#id(id)) } });
		return Object.fromEntries(found.map(receipt => [receipt.factId, receipt.state]));
	}

	async parked(): Promise<Receipt[]> {
		return this.#options.receipts.find({ state: "parked" }, { sort: { at: -1 }, limit: 500 });
	}

	/** Tries a parked fact again from the first try; it may be parked again. */
	async replay(factId: string): Promise<Receipt["state"] | "unknown"> {
		const { receipts, clock } = this.#options;
		const receipt = await receipts.advance(
			{ id: this.#id(factId), state: "parked" },
			{ $set: { state: "trying", tries: 0, at: clock.now() }, $unset: { nextAt: true } },
		);
		if (!receipt) return (await receipts.get(this.#id(factId)))?.state ?? "unknown";
		await this.#try(receipt.fact as StoredFact, triesBeforeParking - 1);
		return (await receipts.get(this.#id(factId)))?.state ?? "unknown";
	}

	/** Drops receipts that nobody will ask for any more; parked ones stay. */
	async prune(): Promise<void> {
		const { receipts, clock } = this.#options;
		await receipts.remove({ state: "done", at: { $lt: clock.now() - keptMs } });
	}

	#id(factId: string): string {
		return `${this.#options.group}:${factId}`;
	}

	async #try(fact: StoredFact, triesBefore: number): Promise<Outcome> {
		try {
			await this.#options.handle(fact);
		} catch (error) {
			return this.#failed(fact, triesBefore, error);
		}
		await this.#write(fact, { state: "done", tries: triesBefore + 1 });
		return { done: true };
	}

	async #failed(fact: StoredFact, triesBefore: number, error: unknown): Promise<Outcome> {
		const { clock, warn, group } = this.#options;
		const tries = isOutage(error)
			? Math.min(triesBefore + 1, triesBeforeParking - 1)
			: triesBefore + 1;
		const lastError = (error instanceof Error ? error.message : String(error)).slice(0, 500);
		const parked = tries >= triesBeforeParking;
		warn(
			`${group} could not handle ${fact.name} ${fact.id}, try ${tries}${parked ? ", parked" : ""}`,
			error,
		);
		if (parked) {
			await this.#write(fact, { state: "parked", tries, lastError, fact });
			return { done: true };
		}
		const retryInMs = backOffMs(tries);
		await this.#write(fact, {
			state: "trying",
			tries,
			lastError,
			nextAt: clock.now() + retryInMs,
			fact,
		});
		return { done: false, retryInMs };
	}

	/** Writes a receipt unless one says done already: that one wins for ever. */
	async #write(fact: StoredFact, change: Partial<Receipt>): Promise<void> {
		const { receipts, clock } = this.#options;
		const id = this.#id(fact.id);
		const $set = { ...change, at: clock.now() };
		const ended = change.state === "done";
		const $unset = ended ? ({ nextAt: true, lastError: true, fact: true } as const) : undefined;
		const guard = { id, state: { $in: ended ? ["trying", "parked"] : ["trying"] } };
		const update = { $set, ...($unset && { $unset }) };
		if (await receipts.advance(guard, update)) return;
		try {
			await receipts.insert({ id, factId: fact.id, name: fact.name, ...$set } as Receipt);
		} catch (error) {
			if (!isDuplicate(error)) throw error;
			await receipts.advance(guard, update);
		}
	}
}
