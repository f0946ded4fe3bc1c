import type { StoredFact } from "./contract.ts";
import type { Outcome, Pipe, Subscription } from "./pipe.ts";

const retryMs = 1_000;

/** The pipe of the embedded mode: deliveries in this process. What a kill takes from it, the sweep brings again. */
export class MemoryPipe implements Pipe {
	readonly #subscriptions: Subscription[] = [];
	readonly #running = new Map<Promise<void>, string>();
	readonly #waiting = new Map<NodeJS.Timeout, string>();

	async start(): Promise<void> {}

	async publish(fact: StoredFact): Promise<void> {
		for (const subscription of this.#subscriptions)
			if (subscription.fact === fact.name) this.#later(subscription, fact, 0);
	}

	async subscribe(subscription: Subscription): Promise<void> {
		this.#subscriptions.push(subscription);
	}

	async unsubscribe(group: string): Promise<void> {
		for (let i = this.#subscriptions.length - 1; i >= 0; i--)
			if (this.#subscriptions[i]?.group === group) this.#subscriptions.splice(i, 1);
		for (const [timer, owner] of this.#waiting) {
			if (owner !== group) continue;
			clearTimeout(timer);
			this.#waiting.delete(timer);
		}
		await Promise.all(
			[...this.#running].filter(([, owner]) => owner === group).map(([run]) => run),
		);
	}

	async stop(): Promise<void> {
		for (const group of new Set(this.#subscriptions.map(s => s.group)))
			await this.unsubscribe(group);
	}

	#later(subscription: Subscription, fact: StoredFact, delayMs: number): void {
		const timer = setTimeout(() => {
			this.#waiting.delete(timer);
			const run = this.#deliver(subscription, fact).finally(() => this.#running.delete(run));
			this.#running.set(run, subscription.group);
		}, delayMs);
		this.#waiting.set(timer, subscription.group);
	}

	async #deliver(subscription: Subscription, fact: StoredFact): Promise<void> {
		// A receipt that could not be kept: nothing is known of this delivery, so it comes again.
		const failed = (): Outcome => ({ done: false, retryInMs: retryMs });
		const outcome = await subscription.handle(structuredClone(fact)).catch(failed);
		if (!outcome.done && this.#subscriptions.includes(subscription))
			this.#later(subscription, fact, outcome.retryInMs);
	}
}
