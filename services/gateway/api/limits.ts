import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import { platformProblem } from "../../../kernel/errors.ts";

const windowSeconds = 60;

export interface Limiter {
	/**
	 * Counts a request of `client`.
	 * @returns the fields of the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers).
	 * @throws TOO_MANY_REQUESTS
	 */
	take(client: string): Promise<Record<string, string>>;
	close(): Promise<void>;
}

const fields = (limit: number, result: RateLimiterRes): Record<string, string> => ({
	"ratelimit-policy": `"default";q=${limit};w=${windowSeconds}`,
	ratelimit: `"default";r=${result.remainingPoints};t=${Math.ceil(result.msBeforeNext / 1000)}`,
});

/**
 * At most `limit` requests per minute and client, shared by Redis where there is one; while Redis is away each gateway
 * counts for itself.
 */
export function makeLimiter(
	limit: number | "off",
	redisUrl: string | undefined,
	namespace: string,
): Limiter {
	if (limit === "off") return { take: async () => ({}), close: async () => {} };
	const options = { points: limit, duration: windowSeconds, keyPrefix: `${namespace}:limit` };
	const memory = new RateLimiterMemory(options);
	const redis = redisUrl
		? new Redis(redisUrl, {
				commandTimeout: 100,
				enableOfflineQueue: false,
				maxRetriesPerRequest: 0,
				lazyConnect: true,
			})
		: undefined;
	redis?.on("error", () => {});
	redis?.connect().catch(() => {});
	const limiter = redis
		? new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: memory })
		: memory;
	return {
		async take(client) {
			try {
				return fields(limit, await limiter.consume(client));
			} catch (refused) {
				if (refused instanceof Error) throw refused;
				const result = refused as RateLimiterRes;
				throw Object.assign(
					platformProblem("TOO_MANY_REQUESTS", {
						retryAfter: Math.max(1, Math.ceil(result.msBeforeNext / 1000)),
					}),
					{ headers: fields(limit, result) },
				);
			}
		},
		async close() {
			redis?.disconnect();
		},
	};
}
