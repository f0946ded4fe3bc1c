import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parse } from "yaml";
import { root } from "../../support/node.ts";
import { PromQl, type Scraped } from "../../support/promql.ts";
import type { Run } from "../drill.ts";
import type { StagePart } from "./parts.ts";
import type { Stage } from "./stage.ts";

/** As long as Prometheus waits: one that is busy is not down. */
const answerMs = 10_000;
/** Of Prometheus' time. */
const intervalMs = 30_000;

export type State = "inactive" | "pending" | "firing";

interface Change {
	/** ms since 1970 */
	at: number;
	state: State;
}

const levels: readonly State[] = ["inactive", "pending", "firing"];

/**
 * What Prometheus does for a deployment: scrapes each process and evaluates `deploy/alerts.yaml`, every expression as it
 * stands there. Its time runs faster than that of the mesh, so that five minutes are seconds: samples bear its time.
 */
export class Alerting {
	/** Names of the alerts that wait before they fire, and of those that do not. */
	readonly waiting: ReadonlySet<string>;
	readonly all: readonly string[];
	readonly #speed: number;
	readonly #promQl: PromQl;
	readonly #changes = new Map<string, Change[]>();
	readonly #scraped = new Map<string, Scraped>();
	readonly #stop = new AbortController();
	#running: Promise<void>[] = [];
	#failed: Error | undefined;
	/** Times that all rules were evaluated. */
	evaluations = 0;

	private constructor(run: Run, speed: number) {
		const file = join(run.sources ?? root, "deploy", "alerts.yaml");
		const { groups } = parse(readFileSync(file, "utf8")) as {
			groups: { rules: { alert: string; for?: string }[] }[];
		};
		const rules = groups.flatMap(group => group.rules);
		this.all = rules.map(({ alert }) => alert);
		this.waiting = new Set(rules.filter(rule => rule.for).map(({ alert }) => alert));
		this.#speed = speed;
		this.#promQl = new PromQl(file);
	}

	/** Watches all parts that there are now, until the run's end. @param speed how much faster its time runs. */
	static watch(run: Run, stage: Stage, speed: number): Alerting {
		const alerting = new Alerting(run, speed);
		run.after(() => alerting.#end());
		alerting.#running = [
			...[...stage.parts.values()].map(part => alerting.#scrape(part)),
			alerting.#evaluate(),
		];
		return alerting;
	}

	/** How an alert stands: the highest of its instances. */
	state(alert: string): State {
		return this.changes(alert).at(-1)?.state ?? "inactive";
	}

	/** When it came to be how it is, and before. */
	changes(alert: string): readonly Change[] {
		return this.#changes.get(alert) ?? [];
	}

	/** Resolves when all of them are so; those that are not within the time (ms). @throws Error where Prometheus cannot go on. */
	async until(alerts: readonly string[], state: State, ms: number): Promise<string[]> {
		const until = Date.now() + ms;
		for (;;) {
			if (this.#failed) throw this.#failed;
			const others = alerts.filter(alert => this.state(alert) !== state);
			if (others.length === 0 || Date.now() > until) return others;
			await pause(20);
		}
	}

	/** Resolves when all rules were evaluated as often as in so many minutes. @returns how often that was. */
	async evaluated(minutes: number): Promise<number> {
		while (this.evaluations * intervalMs < minutes * 60_000) {
			if (this.#failed) throw this.#failed;
			await pause(20);
		}
		return this.evaluations;
	}

	async #scrape(part: StagePart): Promise<void> {
		const labels = { job: "zeolite", instance: part.name };
		while (!this.#stop.signal.aborted) {
			const next = pause(intervalMs / this.#speed);
			const signal = AbortSignal.any([AbortSignal.timeout(answerMs), this.#stop.signal]);
			const text = await fetch(`${part.url}/metrics`, { signal }).then(
				async answer => (answer.ok ? await answer.text() : null),
				() => null,
			);
			this.#scraped.set(part.name, { labels, text });
			await next;
		}
	}

	async #evaluate(): Promise<void> {
		const from = Date.now();
		while (!this.#stop.signal.aborted) {
			await pause(intervalMs / this.#speed);
			const at = Date.now();
			const targets = [...this.#scraped.values()];
			this.#scraped.clear();
			try {
				const alerts = await this.#promQl.evaluate(from + (at - from) * this.#speed, targets);
				const states = Map.groupBy(alerts, ({ alert }) => alert);
				for (const name of this.all) {
					const level = Math.max(
						0,
						...(states.get(name) ?? []).map(({ state }) => levels.indexOf(state)),
					);
					this.#note(name, { at, state: levels[level] as State });
				}
				this.evaluations++;
			} catch (error) {
				this.#failed = error as Error;
				return;
			}
		}
	}

	#note(alert: string, change: Change): void {
		if (this.state(alert) === change.state) return;
		this.#changes.set(alert, [...this.changes(alert), change]);
	}

	async #end(): Promise<void> {
		this.#stop.abort();
		await Promise.all(this.#running);
		await this.#promQl.stop();
	}
}
