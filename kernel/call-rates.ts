import { performance } from "node:perf_hooks";
import type { Clock } from "./clock.ts";
import { serviceOf } from "./contract.ts";
import type { Contracts } from "./contracts.ts";
import { isFault } from "./faults.ts";
import type { Metrics } from "./middlewares/metrics.ts";

const everyMs = 2_000;
const kept = 60;
/** What counts as now: the last 10 s. */
const recent = 5;

/** Calls over a while, and how they ended. */
export interface Counted {
	calls: number;
	/** Those that failed by a bug or an outage. */
	faults: number;
	/** Those that were answered with an error that their contract declares. */
	refused: number;
	/** How many took up to each bound of `Rates.bounds`, and then how many took longer. */
	buckets: number[];
}

/** What one node's calls came to. */
export interface Rates {
	/** Upper bounds of the buckets, ms. */
	bounds: number[];
	/** How long the last of it took, ms: what `actions` were counted in. */
	windowMs: number;
	actions: Record<string, Counted>;
	/** One sample each 2 s, oldest first, two minutes at most. */
	history: RatesSample[];
}

export interface RatesSample extends Pick<Counted, "calls" | "faults" | "buckets"> {
	/** When it ended, ms since the epoch, a multiple of 2,000: those of several nodes add up. */
	at: number;
	/** How long it took, ms. */
	ms: number;
	/** Calls by service. */
	services: Record<string, number>;
}

/** Everything since the node started. */
interface Total extends Counted {
	action: string;
}

interface Sample extends RatesSample {
	actions: Map<string, Counted>;
}

/** A line of the histogram of HTTP answers. */
interface HttpLine {
	metricName: string;
	labels: { status?: string };
	value: number;
}

const nothing: Counted = { calls: 0, faults: 0, refused: 0, buckets: [] };

/** The sum of two counts; `sign` -1 for their difference. */
export function combined(a: Counted, b: Counted, sign: 1 | -1 = 1): Counted {
	const longer = a.buckets.length >= b.buckets.length ? a.buckets : b.buckets;
	return {
		calls: a.calls + sign * b.calls,
		faults: a.faults + sign * b.faults,
		refused: a.refused + sign * b.refused,
		buckets: longer.map((_, i) => (a.buckets[i] ?? 0) + sign * (b.buckets[i] ?? 0)),
	};
}

/**
 * The value below which a share `q` of what was counted lies, read off its buckets as Prometheus' histogram_quantile
 * does: by proportion within a bucket; the last bound where it lies beyond. Undefined where nothing was counted.
 * https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function quantile(
	q: number,
	bounds: readonly number[],
	buckets: readonly number[],
): number | undefined {
	const wanted = q * buckets.reduce((sum, count) => sum + count, 0);
	if (wanted === 0) return undefined;
	let below = 0;
	for (const [i, bound] of bounds.entries()) {
		const count = buckets[i] ?? 0;
		if (count > 0 && below + count >= wanted) {
			const from = bounds[i - 1] ?? 0;
			return from + ((bound - from) * (wanted - below)) / count;
		}
		below += count;
	}
	return bounds.at(-1);
}

export interface CallRatesOptions {
	metrics: Pick<Metrics, "times" | "errors" | "registry">;
	contracts: Contracts;
	clock: Clock;
}

/** How many calls this node runs, how long they take and how they end: what the metrics count, a difference each 2 s. */
export class CallRates {
	readonly #options: CallRatesOptions;
	readonly #samples: Sample[] = [];
	#bounds: number[] = [];
	#totals = new Map<string, Total>();
	#sampledAt = 0;
	#timer: NodeJS.Timeout | undefined;

	constructor(options: CallRatesOptions) {
		this.#options = options;
	}

	async start(): Promise<void> {
		this.#totals = await this.#read();
		this.#sampledAt = performance.now();
		this.#timer = setInterval(() => void this.sample(), everyMs).unref();
	}

	stop(): void {
		clearInterval(this.#timer);
	}

	/** Takes what was counted since the last sample. */
	async sample(): Promise<void> {
		const totals = await this.#read();
		const now = performance.now();
		const sample: Sample = {
			at: Math.round(this.#options.clock.now() / everyMs) * everyMs,
			ms: now - this.#sampledAt,
			calls: 0,
			faults: 0,
			buckets: [],
			services: {},
			actions: new Map(),
		};
		for (const [action, total] of totals) {
			const counted = combined(total, this.#totals.get(action) ?? nothing, -1);
			if (counted.calls <= 0) continue;
			sample.actions.set(action, counted);
			const service = serviceOf(action);
			sample.services[service] = (sample.services[service] ?? 0) + counted.calls;
			const { calls, faults, buckets } = combined({ ...sample, refused: 0 }, counted);
			Object.assign(sample, { calls, faults, buckets });
		}
		this.#totals = totals;
		this.#sampledAt = now;
		this.#samples.push(sample);
		if (this.#samples.length > kept) this.#samples.shift();
	}

	/** What it came to. */
	rates(): Rates {
		const window = this.#samples.slice(-recent);
		const actions: Record<string, Counted> = {};
		for (const sample of window)
			for (const [action, counted] of sample.actions)
				actions[action] = combined(actions[action] ?? nothing, counted);
		return {
			bounds: this.#bounds,
			windowMs: window.reduce((sum, { ms }) => sum + ms, 0),
			actions,
			history: this.#samples.map(({ actions: _, ...sample }) => sample),
		};
	}

	async #read(): Promise<Map<string, Total>> {
		const { metrics, contracts } = this.#options;
		const [times, errors] = await Promise.all([metrics.times.get(), metrics.errors.get()]);
		const totals = new Map<string, Total>();
		const totalOf = (name: unknown): Total | undefined => {
			const action = String(name);
			if (action.startsWith("$")) return undefined;
			const total = totals.get(action) ?? { ...nothing, buckets: [], action };
			totals.set(action, total);
			return total;
		};
		for (const { labels, metricName, value } of times.values) {
			const total = totalOf(labels.action);
			if (!total) continue;
			if (metricName?.endsWith("_count")) total.calls = value;
			if (!metricName?.endsWith("_bucket")) continue;
			// Prometheus counts all up to a bound; here each bucket has its own.
			const below = total.buckets.reduce((sum, count) => sum + count, 0);
			const bound = Number(labels.le);
			if (Number.isFinite(bound) && total.buckets.length === this.#bounds.length)
				this.#bounds.push(bound);
			total.buckets.push(value - below);
		}
		for (const { labels, value } of errors.values) {
			const total = totalOf(labels.action);
			if (!total) continue;
			const code = String(labels.type);
			if (isFault(contracts, code, total.action)) total.faults += value;
			else total.refused += value;
		}
		const face = totals.get("api.rest");
		if (face) Object.assign(face, await this.#answered());
		return totals;
	}

	/** What clients of a gateway were answered: of a request it does not matter which call inside it failed. */
	async #answered(): Promise<Omit<Counted, "buckets">> {
		const { registry } = this.#options.metrics;
		const answered = { calls: 0, faults: 0, refused: 0 };
		const http = await registry.getSingleMetric("http_server_request_duration_seconds")?.get();
		for (const { metricName, labels, value } of (http?.values ?? []) as HttpLine[]) {
			if (!metricName.endsWith("_count")) continue;
			answered.calls += value;
			if (Number(labels.status) >= 500) answered.faults += value;
			else if (Number(labels.status) >= 400) answered.refused += value;
		}
		return answered;
	}
}
