import type { StoredFact } from "../../kernel/facts/contract.ts";
import type { Pipe, Subscription } from "../../kernel/facts/pipe.ts";
import type { SimulatedNode } from "./node.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

const ackWaitMs = 5_000;

interface Durable {
	group: string;
	fact: string;
	/** Who listens now. */
	listeners: Map<SimulatedNode, Subscription>;
}

/**
 * Facts between processes: one durable per group and fact, delivered at least once and in no order. Some deliveries are
 * lost and some come twice; one whose acknowledgement is lost, or whose process dies, comes again.
 */
export class Stream {
	readonly #scheduler: Scheduler;
	readonly #owner: Owner = { name: "stream" };
	readonly #durables = new Map<string, Durable>();
	readonly #underWay = new Map<object, { node: SimulatedNode; again(): void }>();

	readonly #acknowledged: (node: SimulatedNode) => void;

	/** @param acknowledged told when a process is done with a fact. */
	constructor(scheduler: Scheduler, acknowledged: (node: SimulatedNode) => void) {
		this.#scheduler = scheduler;
		this.#acknowledged = acknowledged;
	}

	/** The stream as one process reaches it. */
	pipe(node: SimulatedNode): Pipe {
		const nothing = async () => {};
		return {
			start: nothing,
			stop: nothing,
			unsubscribe: nothing,
			publish: fact => this.#publish(node, JSON.parse(JSON.stringify(fact))),
			subscribe: async subscription => {
				const { group, fact } = subscription;
				const key = `${group} ${fact}`;
				const durable = this.#durables.get(key) ?? { group, fact, listeners: new Map() };
				this.#durables.set(key, durable);
				durable.listeners.set(node, subscription);
			},
		};
	}

	/** A process died: what it had in hand comes again. */
	lose(node: SimulatedNode): void {
		for (const { listeners } of this.#durables.values()) listeners.delete(node);
		for (const [delivery, { node: holder, again }] of [...this.#underWay]) {
			if (holder !== node) continue;
			this.#underWay.delete(delivery);
			again();
		}
	}

	#publish(node: SimulatedNode, fact: StoredFact): Promise<void> {
		const scheduler = this.#scheduler;
		return scheduler.ask(
			node,
			() => `publishes ${fact.name} ${fact.id}`,
			() => {
				if (scheduler.mishap(0.05)) throw new Error("the stream does not answer");
				for (const durable of this.#durables.values()) {
					if (durable.fact !== fact.name || scheduler.mishap(0.05)) continue;
					this.#send(durable, fact);
					if (scheduler.mishap(0.1)) this.#send(durable, fact);
				}
				if (scheduler.mishap(0.03)) throw new Error("the stream's answer is lost");
			},
			true,
		);
	}

	#send(durable: Durable, fact: StoredFact): void {
		const { group, listeners } = durable;
		this.#scheduler.add({
			owner: this.#owner,
			words: () => `delivers ${fact.name} ${fact.id} to ${group}`,
			go: () => {
				const node = listeners.size > 0 && this.#scheduler.pick([...listeners.keys()]);
				if (node) this.#hand(durable, node, fact);
				else this.#sendAfter(durable, fact, ackWaitMs);
			},
		});
	}

	#sendAfter(durable: Durable, fact: StoredFact, ms: number): void {
		this.#scheduler.after(this.#owner, ms, () => this.#send(durable, fact));
	}

	#hand(durable: Durable, node: SimulatedNode, fact: StoredFact): void {
		const scheduler = this.#scheduler;
		const delivery = {};
		const again = (ms = ackWaitMs) => this.#sendAfter(durable, fact, ms);
		this.#underWay.set(delivery, { node, again });
		scheduler.note(node, () => `handles ${fact.name} ${fact.id}`);
		scheduler.owner = node;
		(durable.listeners.get(node) as Subscription).handle(JSON.parse(JSON.stringify(fact))).then(
			outcome => {
				if (!this.#underWay.delete(delivery)) return;
				if (!outcome.done) again(outcome.retryInMs);
				else if (scheduler.mishap(0.03)) again();
				this.#acknowledged(node);
			},
			() => this.#underWay.delete(delivery) && again(1_000),
		);
	}
}
