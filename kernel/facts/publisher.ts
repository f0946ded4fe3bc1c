import type { Clock } from "../clock.ts";
import type { Contracts } from "../contracts.ts";
import type { Collection, OutgoingFact } from "../store/collection.ts";
import type { Doc } from "../store/model.ts";
import type { Receipt, StoredFact } from "./contract.ts";
import type { Pipe } from "./pipe.ts";

const receiptDueMs = 30_000;
/** Then the sweep is due, which knows whether anybody still has to hear of it. */
const patienceMs = receiptDueMs;
const batch = 200;

export interface PublisherOptions {
	collections: readonly Collection<Doc>[];
	pipe: Pipe;
	contracts: Contracts;
	/** Services the whole deployment has; a fact waits for the receipts of those that consume it. */
	mesh: ReadonlySet<string>;
	clock: Clock;
	/** Asks one consumer for receipts. */
	receipts(group: string, ids: string[]): Promise<Record<string, Receipt["state"]>>;
	warn(message: string, error: unknown): void;
}

export interface Sweep {
	pending: number;
	published: number;
	settled: number;
}

/** One service's outboxes: publishes what was written, and lets go of it only on the consumers' own receipts. */
export class Publisher {
	readonly #options: PublisherOptions;
	/** When a fact was last published again by this node, ms. */
	readonly #again = new Map<string, number>();

	constructor(options: PublisherOptions) {
		this.#options = options;
	}

	/** Publishes at once, or when the pipe is back; what fails here for long the sweep brings. */
	publish(subjectId: string, facts: readonly OutgoingFact[]): void {
		const { pipe, warn } = this.#options;
		for (const fact of facts)
			pipe
				.publish({ ...fact, subjectId }, fact.id, patienceMs)
				.catch(error => warn(`${fact.name} ${fact.id} waits for the sweep`, error));
	}

	/**
	 * Takes facts out of the outboxes that every wanted group has a receipt for, and publishes again, under a new
	 * message id, those that a group never met within 30 s. One that no group wants leaves once the pipe has taken it.
	 * @param now do not wait the 30 s.
	 */
	async sweep(now: boolean): Promise<Sweep> {
		const total: Sweep = { pending: 0, published: 0, settled: 0 };
		const seen = new Set<string>();
		for (const collection of this.#options.collections) {
			let after = "";
			for (;;) {
				const docs = await collection.outboxes(batch, after);
				if (docs.length === 0) break;
				after = docs.at(-1)?.id ?? after;
				for (const doc of docs) if (doc.facts.length === 0) await collection.settleEmpty(doc);
				const facts = docs.flatMap(doc => doc.facts.map(fact => ({ ...fact, subjectId: doc.id })));
				for (const { id } of facts) seen.add(id);
				const part = await this.#sweepBatch(collection, facts, now);
				total.pending += part.pending;
				total.published += part.published;
				total.settled += part.settled;
			}
		}
		for (const id of this.#again.keys()) if (!seen.has(id)) this.#again.delete(id);
		return total;
	}

	/** Facts still in outboxes and the age of the oldest, ms. */
	async pending(): Promise<{ pending: number; oldestMs: number }> {
		let pending = 0;
		let oldest = this.#options.clock.now();
		for (const collection of this.#options.collections)
			for (const { facts } of await collection.outboxes(1_000)) {
				pending += facts.length;
				for (const fact of facts) oldest = Math.min(oldest, Date.parse(fact.at));
			}
		return { pending, oldestMs: this.#options.clock.now() - oldest };
	}

	async #sweepBatch(
		collection: Collection<Doc>,
		facts: StoredFact[],
		now: boolean,
	): Promise<Sweep> {
		const states = await this.#states(facts);
		const sweep: Sweep = { pending: 0, published: 0, settled: 0 };
		let isPipeThere = true;
		for (const fact of facts) {
			const wanted = this.#wanted(fact.name);
			const known = wanted.map(group => states.get(group)?.[fact.id]);
			// What nobody has to handle has no receipt to show that it ever left: it leaves now, a second time mostly.
			if (wanted.length === 0 && isPipeThere) isPipeThere = await this.#publishAgain(fact, fact.id);
			const isOut = wanted.length > 0 || isPipeThere;
			if (isOut && known.every(state => state === "done" || state === "parked")) {
				if (await collection.settleFact(fact.subjectId, fact.id)) sweep.settled++;
				continue;
			}
			sweep.pending++;
			const isUnmet = wanted.some(group => states.has(group) && !states.get(group)?.[fact.id]);
			if (isUnmet && isPipeThere && this.#isDue(fact, now)) {
				isPipeThere = await this.#publishAgain(fact);
				if (isPipeThere) sweep.published++;
			}
		}
		return sweep;
	}

	/**
	 * Receipts by group. A group that does not answer is left out: nothing leaves an outbox without it, and nothing is
	 * published again for one that is away, which would find each copy on its return.
	 */
	async #states(facts: readonly StoredFact[]) {
		const { receipts, warn } = this.#options;
		const asked = new Map<string, string[]>();
		for (const fact of facts)
			for (const group of this.#wanted(fact.name))
				asked.set(group, [...(asked.get(group) ?? []), fact.id]);
		const states = new Map<string, Record<string, Receipt["state"]>>();
		for (const [group, ids] of asked)
			for (let i = 0; i < ids.length; i += 500)
				try {
					const part = await receipts(group, ids.slice(i, i + 500));
					states.set(group, { ...states.get(group), ...part });
				} catch (error) {
					warn(`${group} does not say which facts it handled`, error);
					states.delete(group);
					break;
				}
		return states;
	}

	#wanted(fact: string): string[] {
		const { contracts, mesh } = this.#options;
		return contracts.consumersOf(fact).filter(group => mesh.has(group));
	}

	#isDue(fact: StoredFact, now: boolean): boolean {
		const last = this.#again.get(fact.id) ?? Date.parse(fact.at);
		return now || this.#options.clock.now() - last >= receiptDueMs;
	}

	/** @param messageId a new one where not given; under the fact's own the pipe drops it where it just had it. */
	async #publishAgain(
		fact: StoredFact,
		messageId = `${fact.id}:${this.#options.clock.now()}`,
	): Promise<boolean> {
		const { pipe, clock, warn } = this.#options;
		try {
			await pipe.publish(fact, messageId);
			this.#again.set(fact.id, clock.now());
			return true;
		} catch (error) {
			warn(`${fact.name} ${fact.id} could not be published again`, error);
			return false;
		}
	}
}
