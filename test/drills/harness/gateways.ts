import { setTimeout as pause } from "node:timers/promises";

const everyMs = 100;
const answerMs = 1_000;

/** A load balancer without the load: follows the readiness of each gateway and gives out the ready ones in turn. */
export class Gateways {
	readonly #urls = new Set<string>();
	readonly #ready = new Set<string>();
	#turn = 0;
	#stopped = false;

	/** Every gateway it knows, ready or not. */
	get all(): readonly string[] {
		return [...this.#urls];
	}

	get ready(): readonly string[] {
		return [...this.#ready];
	}

	/** The next ready one; where none is, one of all, as a load balancer fails open. */
	next(): string {
		const from = this.#ready.size > 0 ? this.ready : this.all;
		return from[this.#turn++ % from.length] as string;
	}

	/** Asks it for its readiness each 100 ms from now on; resolves after the first answer. */
	async add(url: string): Promise<void> {
		if (this.#urls.has(url)) return;
		this.#urls.add(url);
		await this.#ask(url);
		void this.#follow(url);
	}

	remove(url: string): void {
		this.#urls.delete(url);
		this.#ready.delete(url);
	}

	stop(): void {
		this.#stopped = true;
	}

	async #follow(url: string): Promise<void> {
		while (!this.#stopped && this.#urls.has(url)) {
			await this.#ask(url);
			await pause(everyMs);
		}
	}

	async #ask(url: string): Promise<void> {
		const isReady = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(answerMs) }).then(
			async answer => {
				await answer.arrayBuffer();
				return answer.ok;
			},
			() => false,
		);
		if (isReady && this.#urls.has(url)) this.#ready.add(url);
		else this.#ready.delete(url);
	}
}
