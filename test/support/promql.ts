import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { root } from "./node.ts";

const sources = join(root, "test", "support", "promql");
const program = join(root, ".cache", "promql");

/** Builds the program, which needs Go. */
export const PROMQL_COMMAND = "cd test/support/promql && go build -o ../../../.cache/promql .";

/** Whether Prometheus' engine is here, built of the sources that are. */
export function promqlIsHere(): boolean {
	if (!existsSync(program)) return false;
	const builtAt = statSync(program).mtimeMs;
	return readdirSync(sources).every(file => statSync(join(sources, file)).mtimeMs <= builtAt);
}

/** An alert that is there. */
export interface Alert {
	alert: string;
	state: "pending" | "firing";
	labels: Record<string, string>;
	value: string;
}

export interface Scraped {
	labels: { job: string; instance: string };
	/** What `/metrics` answered; null where it did not. */
	text: string | null;
}

/** Prometheus' parsers and engine with the rules of a file, in a process of its own. */
export class PromQl {
	readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
	readonly #lines: AsyncIterator<string>;
	#said = "";

	/** @param rules path of the rule file. */
	constructor(rules: string) {
		this.#child = spawn(program, [rules], { stdio: ["pipe", "pipe", "pipe"] });
		this.#child.stdin.on("error", () => {});
		this.#child.stderr.setEncoding("utf8").on("data", text => {
			this.#said += text;
		});
		this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
	}

	/**
	 * Takes in what was scraped at an instant (ms, rising) and evaluates all rules then; one call at a time.
	 * @throws Error where it cannot read the rules or what was scraped.
	 */
	async evaluate(at: number, targets: readonly Scraped[]): Promise<Alert[]> {
		this.#child.stdin.write(`${JSON.stringify({ at, targets })}\n`);
		const { value, done } = await this.#lines.next();
		if (done) throw new Error(`Prometheus' engine ended: ${this.#said}`);
		return JSON.parse(value) as Alert[];
	}

	async stop(): Promise<void> {
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
		const exited = once(this.#child, "exit");
		this.#child.stdin.end();
		await exited;
	}
}
