import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const readyMs = 60_000;
const keptLines = 20;
/** What a measured process may take over from this one; everything else is said by who starts it. */
const inherited = ["PATH", "HOME", "TMPDIR", "NODE_OPTIONS"];

const running = new Set<ChildProcess>();
process.on("exit", () => {
	for (const child of running) child.kill("SIGKILL");
});

/** Ends a child with this process, whatever ends this one but SIGKILL. */
export function tie(child: ChildProcess): void {
	running.add(child);
	child.once("exit", () => running.delete(child));
}

/** A Node process that is measured. It says `ready` over IPC, and ends where that is cut off. */
export class Child {
	readonly name: string;
	readonly #process: ChildProcess;
	readonly #lines: string[] = [];

	private constructor(name: string, child: ChildProcess) {
		this.name = name;
		this.#process = child;
		for (const stream of [child.stdout, child.stderr])
			stream?.setEncoding("utf8").on("data", (text: string) => {
				this.#lines.push(...text.split("\n").filter(Boolean));
				this.#lines.splice(0, this.#lines.length - keptLines);
			});
	}

	/** Starts `file`; resolves once it is ready. @throws Error with its last lines where it ends, or is not ready in 60 s */
	static async start(
		name: string,
		file: string,
		env: Record<string, string>,
		flags: readonly string[] = [],
	): Promise<Child> {
		const own = Object.fromEntries(
			inherited.flatMap(key => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
		);
		const spawned = spawn(process.execPath, [...flags, file], {
			env: { ...own, NODE_ENV: "production", ...env },
			stdio: ["ignore", "pipe", "pipe", "ipc"],
		});
		tie(spawned);
		const child = new Child(name, spawned);
		const late = AbortSignal.timeout(readyMs);
		const ready = await Promise.race([
			once(spawned, "message", { signal: late }).then(() => true),
			once(spawned, "exit", { signal: late }).then(() => false),
		]).catch(() => false);
		if (!ready) throw child.#broken("was not ready");
		return child;
	}

	get pid(): number {
		return this.#process.pid as number;
	}

	/** @throws Error with its last lines where it has ended. */
	assertUp(): void {
		if (this.#process.exitCode !== null || this.#process.signalCode !== null)
			throw this.#broken("ended");
	}

	/** Sends a message and resolves with its answer. */
	async ask(message: object): Promise<unknown> {
		this.#process.send(message);
		const [answer] = await once(this.#process, "message");
		return answer;
	}

	async end(): Promise<void> {
		if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
		const exited = once(this.#process, "exit");
		this.#process.kill("SIGKILL");
		await exited;
	}

	#broken(how: string): Error {
		return new Error(`${this.name} ${how}:\n${this.#lines.join("\n")}`);
	}
}
