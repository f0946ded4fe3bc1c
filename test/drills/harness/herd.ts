import { Redis } from "ioredis";
import { metricsOf } from "./gauges.ts";
import type { Stage } from "./stage.ts";

/** How often each action ran on each process, and what was connected, since the start. */
export interface Totals {
	/** ms since 1970 */
	at: number;
	/** By process and action. */
	calls: ReadonlyMap<string, number>;
	/** Connections that were ever made to a server. */
	connections: { nats: number; redis: number };
}

/** @returns what can be had: a process or server that does not answer is left out. */
export async function totalsOf(stage: Stage): Promise<Totals> {
	const calls = new Map<string, number>();
	await Promise.all(
		[...stage.parts.values()].map(async ({ name, url }) => {
			const metrics = await metricsOf(url).catch(() => new Map<string, number>());
			for (const [key, value] of metrics) {
				const action = /^moleculer_request_total\{.*action="([^"]+)"/.exec(key)?.[1];
				if (action) calls.set(`${name} ${action}`, value);
			}
		}),
	);
	const [nats, redis] = await Promise.all([natsConnections(stage), redisConnections(stage)]);
	return { at: Date.now(), calls, connections: { nats, redis } };
}

async function natsConnections({ natsMonitor }: Stage): Promise<number> {
	const signal = AbortSignal.timeout(1_000);
	return fetch(`${natsMonitor}/varz`, { signal }).then(
		async answer => ((await answer.json()) as { total_connections: number }).total_connections,
		() => Number.NaN,
	);
}

async function redisConnections({ redis }: Stage): Promise<number> {
	const client = new Redis(redis.url, { commandTimeout: 1_000, retryStrategy: () => null });
	client.on("error", () => {});
	const stats = await client.info("stats").catch(() => "");
	client.disconnect();
	return Number(/total_connections_received:(\d+)/.exec(stats)?.[1] ?? Number.NaN);
}

/** More connections made than that every link was made anew `times` times, in words. @param links to each server. */
export function* reconnects(
	{ connections: before }: Totals,
	{ connections: after }: Totals,
	links: number,
	times: number,
): Generator<string> {
	for (const server of ["nats", "redis"] as const) {
		const made = after[server] - before[server];
		if (made > links * times)
			yield `${made} connections to ${server} were made, for ${links} links`;
	}
}

/** How often each action ran between two times. */
function callsBetween(from: Totals, to: Totals): Map<string, number> {
	const calls = new Map<string, number>();
	for (const [key, value] of to.calls) {
		const action = key.slice(key.indexOf(" ") + 1);
		const more = value - (from.calls.get(key) ?? value);
		calls.set(action, (calls.get(action) ?? 0) + more);
	}
	return calls;
}

/**
 * What ran more often after than before, for what clients asked, in words. What ran no more often than clients asked
 * anything is what they asked: they make up for what they could not do.
 * @param requests of clients before and after.
 * @param bound how many times as often is no herd, and how many calls are too few for one.
 */
export function* herdOf(
	[from, to]: readonly [Totals, Totals],
	[back, end]: readonly [Totals, Totals],
	requests: { before: number; after: number },
	bound: { times: number; calls: number },
): Generator<string> {
	const before = callsBetween(from, to);
	for (const [action, calls] of callsBetween(back, end)) {
		const usual = ((before.get(action) ?? 0) / Math.max(1, requests.before)) * requests.after;
		if (calls > Math.max(bound.calls + usual * bound.times, requests.after))
			yield `${action} was called ${calls} times after, ${Math.round(usual)} are usual`;
	}
}
