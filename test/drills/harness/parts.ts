import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../../../deploy/process.ts";
import type { Part } from "../../../deploy/split.ts";

/** How long an orchestrator waits before it starts what has ended again. */
const restartMs = 100;
const readyMs = 60_000;

/** A process of the mesh under a supervisor that starts it again, on its port and as a new node, however it ended. */
export class StagePart {
	readonly part: Part;
	readonly #make: () => MeshProcess;
	#process: MeshProcess;
	#wanted = false;
	#isReady = false;
	/** How often it ended without being told to stop. */
	deaths = 0;

	/** @param env of its process. @param sources directory of them; the repository's where not given. */
	constructor(
		part: Part,
		env: Record<string, string>,
		onLine: (line: string) => void,
		sources?: string,
	) {
		this.part = part;
		this.#make = () => new MeshProcess(part, env, onLine, sources);
		this.#process = this.#make();
	}

	get name(): string {
		return this.part.name;
	}

	get url(): string {
		return this.#process.url;
	}

	get pid(): number | undefined {
		return this.#process.isUp ? this.#process.pid : undefined;
	}

	/** Its name in the mesh, another at each start. */
	get nodeId(): string | undefined {
		return this.#process.nodeId;
	}

	/** Whether it was ready and has not ended since. */
	get isReady(): boolean {
		return this.#isReady && this.#process.isUp;
	}

	/** Starts it and keeps it up from now on; resolves when it is ready. @throws Error where this start fails. */
	async start(): Promise<void> {
		this.#process = this.#make();
		await this.#process.start();
		this.#isReady = true;
		this.#wanted = true;
		void this.#supervise();
	}

	/** Resolves when it is ready. @throws Error where it is not within 60 s. */
	async ready(): Promise<void> {
		const until = Date.now() + readyMs;
		while (!this.isReady) {
			if (Date.now() > until) throw new Error(`${this.name} is not ready after ${readyMs} ms`);
			await pause(20);
		}
	}

	/** SIGKILL; resolves when it is gone. Its supervisor starts it again: see `ready`. */
	async kill(): Promise<void> {
		await this.#process.end("SIGKILL");
	}

	/** SIGSTOP: its connections stay open and nothing answers. */
	pause(): void {
		if (this.pid) process.kill(this.pid, "SIGSTOP");
	}

	/** SIGCONT. */
	resume(): void {
		if (this.pid) process.kill(this.pid, "SIGCONT");
	}

	/** Sends SIGTERM, or another signal, and waits for its end; it stays down until `start`. @returns its exit code. */
	async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
		this.#wanted = false;
		return this.#process.end(signal);
	}

	async #supervise(): Promise<void> {
		for (;;) {
			await this.#process.ended();
			this.#isReady = false;
			if (this.#wanted) await pause(restartMs);
			if (!this.#wanted) return;
			this.deaths++;
			this.#process = this.#make();
			this.#isReady = await this.#process.start().then(
				() => true,
				() => this.#process.end("SIGKILL").then(() => false),
			);
		}
	}
}
