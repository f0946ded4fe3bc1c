import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Run } from "../drill.ts";

/** What a buyer does: makes the payment, pays at the provider, asks for the payment, looks for the seat. */
export type Step = "order" | "pay" | "verify" | "enrolled" | "gave up" | (string & {});

/** One attempt. */
export interface Entry {
	/** When it began, ms since 1970. */
	at: number;
	/** The user's id. */
	buyer: string;
	courseId: string;
	step: Step;
	/** `unknown`: the connection was cut or the time was up, so that it may have been done; never counted as failed. */
	outcome: "ok" | "failed" | "unknown";
	/** HTTP status; 0 where no answer came. */
	status: number;
	/** Of the problem, or of the connection's error. */
	code?: string;
	/** How long it took. */
	ms: number;
	paymentId?: string;
	/** The provider's id of the payment. */
	gatewayId?: string;
	/** What it was about besides the course: a lecture, an enrollment. */
	subjectId?: string;
}

/** Every attempt of a run in the order they ended: in memory, and a line each in a file that outlives this process. */
export class Journal {
	/** Kept in a directory of its own unless the verdict was that all held. */
	readonly directory = mkdtempSync(join(tmpdir(), "zeolite-journal-"));
	readonly #entries: Entry[] = [];
	readonly #handle: number;
	#allHeld = false;
	#isOver = false;

	constructor(run: Pick<Run, "after">) {
		this.#handle = openSync(join(this.directory, "journal.jsonl"), "a");
		run.after(() => this.#close());
	}

	get entries(): readonly Entry[] {
		return this.#entries;
	}

	/** What comes after the run's end is not written. */
	write(entry: Entry): void {
		if (this.#isOver) return;
		this.#entries.push(entry);
		writeSync(this.#handle, `${JSON.stringify(entry)}\n`);
	}

	/** Entries of a step with an outcome; of any outcome where not given. */
	of(step: Step, outcome?: Entry["outcome"]): Entry[] {
		return this.#entries.filter(e => e.step === step && (!outcome || e.outcome === outcome));
	}

	/** How many attempts had each outcome: `attempts ok`, `attempts failed`, `attempts unknown`. */
	get counts(): Record<string, number> {
		const counts = { "attempts ok": 0, "attempts failed": 0, "attempts unknown": 0 };
		for (const { outcome } of this.#entries) counts[`attempts ${outcome}`]++;
		return counts;
	}

	/** How often each code, or status where there is none, came with anything but `ok`. */
	get codes(): Record<string, number> {
		const codes: Record<string, number> = {};
		for (const { outcome, code, status } of this.#entries)
			if (outcome !== "ok") codes[code ?? status] = (codes[code ?? status] ?? 0) + 1;
		return codes;
	}

	/** The verdict: what the mesh printed is kept beside the journal where something is broken. */
	judged(broken: readonly string[], log: readonly string[]): void {
		this.#allHeld = broken.length === 0;
		if (!this.#allHeld) writeFileSync(join(this.directory, "mesh.log"), log.join("\n"));
	}

	#close(): void {
		this.#isOver = true;
		closeSync(this.#handle);
		if (this.#allHeld) rmSync(this.directory, { recursive: true });
	}
}
