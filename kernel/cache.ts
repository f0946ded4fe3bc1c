import { createHash } from "node:crypto";
import { Cachers, type Context } from "moleculer";
import type { Locals } from "./contract.ts";
import type { Env } from "./env.ts";
import { within } from "./within.ts";

const answerWithinMs = 100;

/** A cache that hangs or fails, at once or later, is a miss. */
const orMiss = <T>(ask: () => Promise<T>): Promise<T | undefined> =>
	within(answerWithinMs, Promise.resolve().then(ask)).catch(() => undefined);

/**
 * Moleculer's Redis cacher that fails open: where Redis is away, or takes longer than 100 ms, a read is a miss and a
 * write is let go. What is cached must be right without the cache, and must bear its time to live.
 */
export class FailOpenCacher extends Cachers.Redis {
	override get(key: string): Promise<never> {
		return orMiss(() => super.get(key)) as Promise<never>;
	}

	override set(key: string, data: unknown, ttl?: number) {
		return orMiss(() => super.set(key, data, ttl));
	}

	override del(key: string | string[]) {
		return orMiss(() => super.del(key));
	}

	/** Says no goodbye to a server that may not be there. */
	override async close() {
		this.client.disconnect();
	}

	override clean(match?: string | string[]) {
		return orMiss(() => super.clean(match));
	}
}

/** Every key carries the caller: what one may see another may not. */
export const cacheKey = (name: string, ctx: Pick<Context, "params" | "locals">): string => {
	const { caller, service } = ctx.locals as Partial<Locals>;
	const who = service ?? caller?.id ?? "nobody";
	const hash = createHash("sha256").update(JSON.stringify(ctx.params)).digest("base64url");
	return `${name}:${who}:${hash}`;
};

/** The cacher of a node: Redis, which fails open, where there is one, else a bounded memory. */
export function makeCacher(env: Env): Cachers.Base<never> {
	const keygen = (_action: unknown, _options: unknown, ctx: Context) =>
		cacheKey(ctx.action?.name ?? "", ctx);
	if (!env.REDIS_URL)
		return new Cachers.MemoryLRU({ max: 10_000, clone: true, keygen } as never) as never;
	return new FailOpenCacher({
		prefix: `${env.NAMESPACE}:cache:`,
		keygen,
		redis: {
			...redisAddress(env.REDIS_URL),
			commandTimeout: answerWithinMs,
			enableOfflineQueue: false,
		},
	} as never) as never;
}

function redisAddress(url: string) {
	const { hostname, port, username, password, protocol } = new URL(url);
	return {
		host: hostname,
		port: Number(port || 6379),
		...(username && { username: decodeURIComponent(username) }),
		...(password && { password: decodeURIComponent(password) }),
		...(protocol === "rediss:" && { tls: {} }),
	};
}
