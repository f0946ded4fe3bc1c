import { eventually } from "../../support/http.ts";
import type { Run } from "../drill.ts";
import { every } from "./faults.ts";
import type { Stage } from "./stage.ts";

const withinMs = 120_000;

/** Has done each second what schedules do in their time, and waits for no receipt, until the run's end. */
export function hurry(run: Run, { node, ask }: Stage): void {
	const stop = new AbortController();
	run.after(() => stop.abort());
	const sweeps = [...node.platform.contracts.actions.keys()].filter(name =>
		name.endsWith(".facts.sweep"),
	);
	const all = [...sweeps, "payments.reconcile", "videos.reconcile"];
	const work = () => Promise.all(all.map(name => ask(name, { now: true }).catch(() => {})));
	void every(1_000, stop.signal, work);
}

/** Resolves when it holds. @throws Error where it does not within 120 s. */
export async function isSo(holds: () => Promise<boolean>): Promise<void> {
	await eventually(holds, seen => seen, withinMs);
}
