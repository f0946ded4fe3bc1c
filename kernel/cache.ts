import { createHash, randomUUID } from "node:crypto";
import { Cachers, type Context, type ServiceBroker } from "moleculer";
import type { AnswerCache, Locals } from "./contract.ts";
import type { Env } from "./env.ts";
import type { Counts } from "./middlewares/series.ts";
import { within } from "./within.ts";

const answerWithinMs = 100;
const leftAloneMs = 5_000;
const marksLiveSeconds = 300;

/** What becomes of looking into the cache. */
const outcomes = ["hit", "miss", "failure", "skipped"] as const;
export type CacheOutcome = (typeof outcomes)[number];

/** Where answers are kept; may fail in any way. */
export interface Shelf {
	/** The values of keys; null or undefined for what is not there. */
	read(keys: readonly string[]): Promise<unknown[]>;
	write(key: string, value: unknown, ttlSeconds: number): Promise<void>;
	drop(key: string): Promise<void>;
}

/**
 * Asks something that may hang, break or be away: each question is given up after 100 ms, and after one that failed
 * nobody waits for 5 s; then one asks, for all.
 */
export class Fuse {
	readonly #now: () => number;
	#blownUntil = 0;
	#isTried = false;

	/** @param now ms */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/** Its answer, or what kept it from one. Never throws. */
	async try<T>(ask: () => Promise<T>): Promise<{ value: T } | "failure" | "skipped"> {
		const isBlown = this.#blownUntil > 0;
		if (isBlown && (this.#isTried || this.#now() < this.#blownUntil)) return "skipped";
		if (isBlown) this.#isTried = true;
		try {
			const value = await within(answerWithinMs, Promise.resolve().then(ask));
			this.#blownUntil = 0;
			return { value };
		} catch {
			this.#blownUntil = this.#now() + leftAloneMs;
			return "failure";
		} finally {
			if (isBlown) this.#isTried = false;
		}
	}
}

type Handler = (ctx: Context) => Promise<unknown>;

/** What is kept of an action's answers, and its params by name: whatever else a request carries changes no answer. */
type KeptAnswers = AnswerCache & { params: readonly string[] };

/** An answer, and the mark of what it is about as it was before the answer was made. */
interface Kept {
	mark: string;
	answer: unknown;
	/**
	 * When it ends, ms since the epoch: what was sent to a Redis that hangs is kept there once it goes on, and its time
	 * to live would begin only then.
	 */
	until: number;
}

const hashed = (text: string): string => createHash("sha256").update(text).digest("base64url");

/** Under which an action's answers about one thing are marked. */
const markKey = (action: string, about: string): string => `${action}:${hashed(about)}`;

/**
 * Answers of actions, kept for a short time. Each is about one thing and bears the thing's mark; `forget` drops the mark,
 * and with it all that was answered before, also what is still being answered from what was there before. A cache that
 * is away, hangs or was emptied costs one wait and no answer.
 */
export class AnswersCache {
	readonly #shelf: Shelf;
	readonly #fuse: Fuse;
	readonly #counts: Counts;

	constructor(shelf: Shelf, counts: Counts, fuse = new Fuse()) {
		this.#shelf = shelf;
		this.#counts = counts;
		this.#fuse = fuse;
	}

	/** From now on nothing is answered from what was there before. Never throws, and waits 100 ms at most. */
	async forget(action: string, about: string): Promise<void> {
		await this.#fuse.try(() => this.#shelf.drop(markKey(action, about)));
	}

	/** Moleculer's handler with the cache before it, where the contract asks for one. */
	wrap(handler: Handler, { name = "", cache }: { name?: string; cache?: unknown }): Handler {
		if (!cache) return handler;
		for (const outcome of outcomes) this.#counts.of({ action: name, outcome });
		return ctx => this.#answer(name, cache as KeptAnswers, ctx, handler);
	}

	async #answer(
		action: string,
		{ ttlSeconds, about, exceptWith, sharedWhile, params: names }: KeptAnswers,
		ctx: Context,
		handler: Handler,
	): Promise<unknown> {
		const { caller, service } = ctx.locals as Partial<Locals>;
		const params = ctx.params as Record<string, unknown>;
		const subject = about === "caller" ? caller?.id : params[about];
		if (typeof subject !== "string" || (exceptWith && params[exceptWith] !== undefined))
			return handler(ctx);
		const marks = markKey(action, subject);
		const who = sharedWhile ? "everybody" : (service ?? caller?.id ?? "nobody");
		const asked = names.map(name => params[name]);
		const key = `${marks}:${hashed(JSON.stringify([who, asked]))}`;
		const found = await this.#fuse.try(() => this.#shelf.read([marks, key]));
		if (typeof found === "string") {
			this.#count(action, found);
			return handler(ctx);
		}
		const [known, kept] = found.value as [string | null | undefined, Kept | null | undefined];
		if (kept && known && kept.mark === known && Date.now() < kept.until) {
			this.#count(action, "hit");
			return kept.answer;
		}
		this.#count(action, "miss");
		const mark = known || (await this.#newMark(marks));
		const until = Date.now() + ttlSeconds * 1_000;
		const answer = await handler(ctx);
		const mayKeep = !sharedWhile || (answer as { status?: string }).status === sharedWhile;
		if (mark && mayKeep)
			void this.#fuse.try(() => this.#shelf.write(key, { mark, answer, until }, ttlSeconds));
		return answer;
	}

	/** Marks a thing before it is looked at: a change that comes meanwhile drops it. */
	async #newMark(key: string): Promise<string | undefined> {
		const mark = randomUUID();
		const written = await this.#fuse.try(() => this.#shelf.write(key, mark, marksLiveSeconds));
		return typeof written === "string" ? undefined : mark;
	}

	#count(action: string, outcome: CacheOutcome): void {
		this.#counts.of({ action, outcome }).inc();
	}
}

/** A Moleculer cacher that keeps answers. */
interface WithAnswers {
	answers: AnswersCache;
}

/** Moleculer's Redis cacher, behind a fuse. Values are JSON, each with its time to live. */
export class RedisCacher extends Cachers.Redis implements Shelf, WithAnswers {
	readonly answers: AnswersCache;

	constructor(options: object, counts: Counts) {
		super(options as never);
		this.answers = new AnswersCache(this, counts);
	}

	override middleware() {
		return cacheMiddleware(this.answers) as never;
	}

	async read(keys: readonly string[]): Promise<unknown[]> {
		const found = await Promise.all(keys.map(key => this.client.get(this.prefix + key)));
		return found.map((text: string | null) => (text === null ? null : JSON.parse(text)));
	}

	async write(key: string, value: unknown, ttlSeconds: number): Promise<void> {
		await this.client.set(this.prefix + key, JSON.stringify(value), "EX", ttlSeconds);
	}

	async drop(key: string): Promise<void> {
		await this.client.del(this.prefix + key);
	}

	/** Says no goodbye to a server that may not be there. */
	override async close() {
		this.client.disconnect();
	}
}

/** Moleculer's memory of one process, for a product that is one process. */
export class MemoryCacher extends Cachers.MemoryLRU implements Shelf, WithAnswers {
	readonly answers: AnswersCache;

	constructor(options: object, counts: Counts) {
		super(options as never);
		this.answers = new AnswersCache(this, counts);
	}

	override middleware() {
		return cacheMiddleware(this.answers) as never;
	}

	read(keys: readonly string[]): Promise<unknown[]> {
		return Promise.all(keys.map(key => this.get(key)));
	}

	async write(key: string, value: unknown, ttlSeconds: number): Promise<void> {
		await this.set(key, value, ttlSeconds);
	}

	async drop(key: string): Promise<void> {
		await this.del(key);
	}
}

const cacheMiddleware = (answers: AnswersCache) => ({
	name: "Cacher",
	localAction: (handler: Handler, action: object) => answers.wrap(handler, action),
});

/**
 * The cacher of a node: Redis where there is one, else the memory of the one process there is. Nodes of a mesh without
 * Redis keep nothing: what one of them changed the others would not know of.
 */
export function makeCacher(env: Env, counts: Counts): Cachers.Base<never> | null {
	if (env.REDIS_URL)
		return new RedisCacher(
			{
				prefix: `${env.NAMESPACE}:cache:`,
				redis: {
					...redisAddress(env.REDIS_URL),
					commandTimeout: answerWithinMs,
					enableOfflineQueue: false,
				},
			},
			counts,
		) as never;
	if (env.mode === "mesh") return null;
	return new MemoryCacher({ max: 10_000, clone: true }, counts) as never;
}

/**
 * Nothing an action answers from now on is older than this moment, on any node, where the cache can be reached; where
 * not, an answer lives for as long as its contract says.
 * @param about the thing, as the action's contract says what its answers are about.
 */
export async function forget(broker: unknown, action: string, about: string): Promise<void> {
	const cacher = (broker as ServiceBroker).cacher as unknown as Partial<WithAnswers> | undefined;
	await cacher?.answers?.forget(action, about);
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
