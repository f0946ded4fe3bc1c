/** Something that works by itself while the broker is up: a consumer of facts, a schedule. */
export interface Runner {
	start(): Promise<void>;
	/** Once every runner of the node has started. */
	allStarted?(): Promise<void>;
	/** Takes no new work, waits for what is running, lets go of what it holds. */
	stop(): Promise<void>;
}

/** Starts runners once the broker is up and stops them before its services stop. */
export class Runners {
	readonly #runners: Runner[] = [];
	#up = false;

	async add(runner: Runner): Promise<void> {
		this.#runners.push(runner);
		if (!this.#up) return;
		await runner.start();
		await runner.allStarted?.();
	}

	async start(): Promise<void> {
		this.#up = true;
		await Promise.all(this.#runners.map(runner => runner.start()));
		await Promise.all(this.#runners.map(runner => runner.allStarted?.()));
	}

	async stop(): Promise<void> {
		this.#up = false;
		await Promise.allSettled(this.#runners.splice(0).map(runner => runner.stop()));
	}
}
