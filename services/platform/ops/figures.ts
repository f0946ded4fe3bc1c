import { type Counted, combined, quantile, type Rates } from "../../../kernel/call-rates.ts";
import { iso } from "../../../kernel/clock.ts";
import { serviceOf } from "../../../kernel/contract.ts";
import type { OpsCalls, OpsMesh } from "./ops.contract.ts";

export type Figures = OpsMesh["total"];

const nothing: Counted = { calls: 0, faults: 0, refused: 0, buckets: [] };
const p99 = 0.99;

/** Rounded to what can be told apart on a page. */
const rounded = (value: number): number => Math.round(value * 100) / 100;
const share = (part: number, whole: number): number =>
	whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000;

const p99Of = (bounds: readonly number[], buckets: readonly number[]) => {
	const ms = quantile(p99, bounds, buckets);
	return ms === undefined ? {} : { p99Ms: rounded(ms) };
};

/** What a node, a service, an action or the whole mesh did: counts, and the longest of the whiles they were made in. */
export class Sum {
	#counted = nothing;
	#bounds: readonly number[] = [];
	#perSecond = 0;

	/** Adds what one node counted. */
	add(counted: Counted, { bounds, windowMs }: Pick<Rates, "bounds" | "windowMs">): void {
		this.#counted = combined(this.#counted, counted);
		if (bounds.length > this.#bounds.length) this.#bounds = bounds;
		if (windowMs > 0) this.#perSecond += (counted.calls * 1_000) / windowMs;
	}

	figures(): Figures {
		const { calls, faults, refused, buckets } = this.#counted;
		return {
			callsPerSecond: rounded(this.#perSecond),
			...p99Of(this.#bounds, buckets),
			faultShare: share(faults, calls),
			refusedShare: share(refused, calls),
		};
	}
}

/** What was counted on every node, by whatever an action is put under, with how many nodes counted it. */
function sums(all: readonly Rates[], keyOf: (action: string) => string) {
	const found = new Map<string, { sum: Sum; nodes: number }>();
	for (const rates of all) {
		const here = new Set<string>();
		for (const [action, counted] of Object.entries(rates.actions)) {
			const key = keyOf(action);
			const entry = found.get(key) ?? { sum: new Sum(), nodes: 0 };
			entry.sum.add(counted, rates);
			if (!here.has(key)) entry.nodes++;
			here.add(key);
			found.set(key, entry);
		}
	}
	return found;
}

/** All that one node counted, or all nodes did. */
export function totalOf(all: readonly Rates[]): Figures {
	return (
		sums(all, () => "")
			.get("")
			?.sum.figures() ?? new Sum().figures()
	);
}

/** By service. */
export const byService = (all: readonly Rates[]): ReadonlyMap<string, Figures> =>
	new Map([...sums(all, serviceOf)].map(([service, { sum }]) => [service, sum.figures()]));

/** By action, the most called first; of one service where it is named. */
export const byAction = (all: readonly Rates[], service?: string): OpsCalls["items"] =>
	[...sums(all, action => action)]
		.map(([action, { sum, nodes }]) => ({
			action,
			service: serviceOf(action),
			nodes,
			...sum.figures(),
		}))
		.filter(item => service === undefined || item.service === service)
		.sort((a, b) => b.callsPerSecond - a.callsPerSecond || a.action.localeCompare(b.action));

/**
 * Samples of all nodes by their common ticks. A tick that some node has not come to yet is left out: the last point
 * would seem a fall.
 */
export function ticksOf(all: readonly Rates[]): number[] {
	const there = all.filter(({ history }) => history.length > 0);
	const end = Math.min(...there.map(({ history }) => history.at(-1)?.at ?? 0));
	const ticks = new Set(there.flatMap(({ history }) => history.map(({ at }) => at)));
	return [...ticks].filter(at => at <= end).sort((a, b) => a - b);
}

const perSecond = (calls: number, ms: number): number => (ms > 0 ? (calls * 1_000) / ms : 0);

/** What the whole mesh did at each tick. */
export const historyOf = (all: readonly Rates[], ticks: readonly number[]): OpsMesh["history"] =>
	ticks.map(at => {
		let sum = nothing;
		let rate = 0;
		for (const { history } of all)
			for (const sample of history) {
				if (sample.at !== at) continue;
				sum = combined(sum, { ...sample, refused: 0 });
				rate += perSecond(sample.calls, sample.ms);
			}
		const [bounds = []] = all.map(rates => rates.bounds).filter(list => list.length > 0);
		return {
			at: iso(at),
			callsPerSecond: rounded(rate),
			...p99Of(bounds, sum.buckets),
			faultShare: share(sum.faults, sum.calls),
		};
	});

/** Calls of one service per second at each tick. */
export const callsOf = (
	service: string,
	all: readonly Rates[],
	ticks: readonly number[],
): number[] =>
	ticks.map(at =>
		rounded(
			all
				.flatMap(({ history }) => history.filter(sample => sample.at === at))
				.reduce(
					(sum, { services, ms }) =>
						sum + perSecond(Object.hasOwn(services, service) ? (services[service] ?? 0) : 0, ms),
					0,
				),
		),
	);
