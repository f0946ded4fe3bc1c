import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { nodeFlags } from "./node-flags.ts";
import type { Part } from "./split.ts";

const here = resolve(import.meta.dirname, "..");
const readyMs = 60_000;
/** So many of its last lines are told where it ends too early. */
const lastLines = 5;

/** One process of a local mesh. */
export class MeshProcess {
	readonly part: Part;
	readonly #env: Record<string, string>;
	readonly #onLine: (line: string) => void;
	readonly #root: string;
	#child: ChildProcess | undefined;
	#nodeId: string | undefined;

	/**
	 * @param onLine gets each line the process prints.
	 * @param root where the sources are.
	 */
	constructor(
		part: Part,
		env: Record<string, string>,
		onLine: (line: string) => void = () => {},
		root: string = here,
	) {
		this.part = part;
		this.#env = env;
		this.#onLine = onLine;
		this.#root = root;
	}

	get url(): string {
		return `http://127.0.0.1:${this.part.port}`;
	}

	/** Its name in the mesh, another at each start. */
	get nodeId(): string | undefined {
		return this.#nodeId;
	}

	get pid(): number | undefined {
		return this.#child?.pid;
	}

	/** Whether it was started and has not ended. */
	get isUp(): boolean {
		return (
			this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
		);
	}

	/** Starts it; resolves when it is ready. @throws Error when it ends or is not ready within 60 s. */
	async start(): Promise<void> {
		const { name, services, port } = this.part;
		this.#nodeId = `${name}-${Date.now().toString(36)}`;
		const child = spawn(process.execPath, [...nodeFlags, "start.ts"], {
			cwd: this.#root,
			env: {
				...process.env,
				...this.#env,
				SERVICES: services,
				PORT: String(port),
				NODE_ID: this.#nodeId,
			},
			stdio: ["ignore", "pipe", "pipe"],
		});
		this.#child = child;
		const last: string[] = [];
		for (const stream of [child.stdout, child.stderr])
			stream?.setEncoding("utf8").on("data", (text: string) => {
				for (const line of text.split("\n").filter(Boolean)) {
					if (last.push(line) > lastLines) last.shift();
					this.#onLine(line);
				}
			});
		const started = Date.now();
		while (Date.now() - started < readyMs) {
			if (!this.isUp) throw new Error([`${name} ended before it was ready`, ...last].join("\n"));
			const answer = await fetch(`${this.url}/readyz`).catch(() => null);
			await answer?.arrayBuffer();
			if (answer?.ok) return;
			await pause(50);
		}
		throw new Error(`${name} was not ready within ${readyMs} ms`);
	}

	/** Sends a signal and waits until the process has ended; its exit code, null where a signal ended it. */
	async end(signal: NodeJS.Signals): Promise<number | null> {
		const child = this.#child;
		if (!child || !this.isUp) return child?.exitCode ?? null;
		const exited = once(child, "exit") as Promise<[number | null]>;
		child.kill(signal);
		const [code] = await exited;
		return code;
	}

	/** Resolves when the process has ended, whatever ended it. */
	async ended(): Promise<void> {
		if (this.#child && this.isUp) await once(this.#child, "exit");
	}
}
