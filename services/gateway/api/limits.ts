import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import type { ActionContract } from "../../../kernel/contract.ts";
import { platformProblem } from "../../../kernel/errors.ts";

const windowSeconds = 60;
const redisMs = 100;
/** How long Redis is left alone after it failed or was slow, so that not every request waits for it. */
const restMs = 1_000;

/** At most this many requests per minute of one client. */
export interface Policy {
	/** `default`, `pages`, or the action whose own it is. */
	name: string;
	perMinute: number;
}

/** A first visit asks for some 50 files at once, and a school may be behind one address. */
const filesOfVisit = 50;

/** What a call counts under beside its own limit: pages take nothing from what a client may ask of the API. */
export const policyOf = ({ isStatic }: ActionContract, perMinute: number): Policy =>
	isStatic
		? { name: "pages", perMinute: perMinute * filesOfVisit }
		: { name: "default", perMinute };

/** A request, as it is counted under one policy. */
export interface Counted {
	policy: Policy;
	client: string;
	/** While Redis is away: let everything in, rather than count by the memory of this gateway. */
	failsOpen: boolean;
}

export interface Limiter {
	/** `RATE_LIMIT`; none where limits are off. */
	readonly perMinute: number | undefined;
	/**
	 * Counts a request under each policy.
	 * @returns the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers), one item for each policy.
	 * @throws TOO_MANY_REQUESTS
	 */
	take(counted: readonly Counted[]): Promise<Record<string, string>>;
	close(): Promise<void>;
}

const secondsOf = (result: RateLimiterRes): number =>
	Math.max(1, Math.ceil(result.msBeforeNext / 1_000));

/** How a policy stands, as items of the two fields. */
const itemsOf = ({ name, perMinute }: Policy, result: RateLimiterRes) => ({
	policy: `"${name}";q=${perMinute};w=${windowSeconds}`,
	state: `"${name}";r=${result.remainingPoints};t=${secondsOf(result)}`,
});

const fieldsOf = (items: readonly ReturnType<typeof itemsOf>[]): Record<string, string> =>
	items.length === 0
		? {}
		: {
				"ratelimit-policy": items.map(({ policy }) => policy).join(", "),
				ratelimit: items.map(({ state }) => state).join(", "),
			};

/** One policy's counters: those of all gateways, and this one's own. */
interface Counters {
	memory: RateLimiterMemory;
	redis: RateLimiterRedis | undefined;
}

interface Shared extends Counters {
	redis: RateLimiterRedis;
}

const isShared = (counters: Counters): counters is Shared => counters.redis !== undefined;

/**
 * Limits shared by Redis where there is one. While Redis is away or slow, reads are let in and all else is counted by
 * each gateway for itself.
 * @param perMinute requests per minute and client on any route; `off` turns the limits of single routes off, too.
 */
export function makeLimiter(
	perMinute: number | "off",
	redisUrl: string | undefined,
	namespace: string,
): Limiter {
	if (perMinute === "off")
		return { perMinute: undefined, take: async () => ({}), close: async () => {} };
	const redis = redisUrl
		? new Redis(redisUrl, {
				commandTimeout: redisMs,
				enableOfflineQueue: false,
				maxRetriesPerRequest: 0,
				lazyConnect: true,
			})
		: undefined;
	redis?.on("error", () => {});
	redis?.connect().catch(() => {});
	let restsUntil = 0;
	const all = new Map<string, Counters>();

	const countersOf = ({ name, perMinute: points }: Policy): Counters => {
		const known = all.get(name);
		if (known) return known;
		const options = { points, duration: windowSeconds, keyPrefix: `${namespace}:limit:${name}` };
		const made = {
			memory: new RateLimiterMemory(options),
			redis: redis && new RateLimiterRedis({ ...options, storeClient: redis }),
		};
		all.set(name, made);
		return made;
	};

	/** As `count`, where counters are shared. */
	const countShared = async ({ client, failsOpen }: Counted, { memory, redis: shared }: Shared) => {
		if (performance.now() >= restsUntil) {
			try {
				return await shared.consume(client);
			} catch (refused) {
				if (!(refused instanceof Error)) throw refused;
				restsUntil = performance.now() + restMs;
			}
		}
		return failsOpen ? undefined : memory.consume(client);
	};

	/** How the policy stands after this request; undefined where nobody could say. Rejects with that where it is full. */
	const count = (one: Counted): Promise<RateLimiterRes | undefined> => {
		const counters = countersOf(one.policy);
		return isShared(counters) ? countShared(one, counters) : counters.memory.consume(one.client);
	};

	return {
		perMinute,
		async take(counted) {
			const items: ReturnType<typeof itemsOf>[] = [];
			for (const one of counted) {
				try {
					const result = await count(one);
					if (result) items.push(itemsOf(one.policy, result));
				} catch (refused) {
					if (refused instanceof Error) throw refused;
					const result = refused as RateLimiterRes;
					throw Object.assign(
						platformProblem("TOO_MANY_REQUESTS", { retryAfter: secondsOf(result) }),
						{ headers: fieldsOf([...items, itemsOf(one.policy, result)]) },
					);
				}
			}
			return fieldsOf(items);
		},
		async close() {
			redis?.disconnect();
		},
	};
}
