import type { Metric, Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

interface Line {
	metricName: string;
	labels: Labels;
	value: number;
}

interface FamilyOptions {
	name: string;
	help: string;
	registry: Registry;
}

/**
 * The series of a metric whose labels are settled when a series is made. prom-client, which writes them out, joins and
 * looks up the labels at each observation, under its own `labels()` too.
 */
abstract class Family<S> {
	abstract readonly type: "counter" | "histogram";
	readonly name: string;
	readonly help: string;
	readonly #series = new Map<string, { labels: Labels; series: S }>();

	constructor({ name, help, registry }: FamilyOptions) {
		this.name = name;
		this.help = help;
		registry.registerMetric(this as unknown as Metric);
	}

	/** The series under these labels, made where there is none. To be kept by whoever counts often. */
	of(labels: Labels): S {
		const key = JSON.stringify(labels);
		const known = this.#series.get(key);
		if (known) return known.series;
		const series = this.make();
		this.#series.set(key, { labels, series });
		return series;
	}

	/** As prom-client's registry reads a metric. */
	async get() {
		const { name, help, type } = this;
		const all = [...this.#series.values()];
		return { name, help, type, values: all.flatMap(s => this.lines(s.labels, s.series)) };
	}

	protected abstract make(): S;
	protected abstract lines(labels: Labels, series: S): Line[];
}

/** How often something happened. */
export class Count {
	value = 0;

	inc(): void {
		this.value++;
	}
}

export class Counts extends Family<Count> {
	readonly type = "counter";

	protected make(): Count {
		return new Count();
	}

	protected lines(labels: Labels, { value }: Count): Line[] {
		return [{ metricName: this.name, labels, value }];
	}
}

/** How values were spread over buckets. */
export class Spread {
	readonly bounds: readonly number[];
	/** By bucket; the last is of all that is above the bounds. */
	readonly counts: number[];
	sum = 0;

	constructor(bounds: readonly number[]) {
		this.bounds = bounds;
		this.counts = new Array(bounds.length + 1).fill(0);
	}

	observe(value: number): void {
		const { bounds, counts } = this;
		let bucket = 0;
		while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
		(counts[bucket] as number)++;
		this.sum += value;
	}
}

export class Spreads extends Family<Spread> {
	readonly type = "histogram";
	readonly #bounds: readonly number[];

	/** @param options.bounds upper ends of the buckets, rising; one without end comes after them. */
	constructor({ bounds, ...options }: FamilyOptions & { bounds: readonly number[] }) {
		super(options);
		this.#bounds = bounds;
	}

	protected make(): Spread {
		return new Spread(this.#bounds);
	}

	protected lines(labels: Labels, { counts, sum }: Spread): Line[] {
		let below = 0;
		const buckets = counts.map((count, i) => {
			below += count;
			const le = String(this.#bounds[i] ?? "+Inf");
			return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: below };
		});
		return [
			...buckets,
			{ metricName: `${this.name}_sum`, labels, value: sum },
			{ metricName: `${this.name}_count`, labels, value: below },
		];
	}
}
