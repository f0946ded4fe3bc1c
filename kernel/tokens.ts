import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import jwt from "jsonwebtoken";
import type { Clock } from "./clock.ts";
import type { Identity } from "./contract.ts";
import { platformProblem } from "./errors.ts";
import { within } from "./within.ts";

/** Claims of an access token, beside the registered ones. */
export interface AccessClaims {
	sub: string;
	sid: string;
	roles: readonly string[];
}

export const tokenIssuer = "zeolite";
export const tokenAudience = "zeolite-api";

const refetchMs = 10_000;
const refreshRevokedMs = 5_000;
const refreshKeysMs = 30_000;
const staleMs = 30_000;
/** How soon a node that has just come asks again, later and later, and for how long a call waits for its first list. */
const askAgainMs = 50;
const firstListMs = 3_000;
const cachedTokens = 10_000;

export interface TokenSource {
	/** Public keys that are live, as JWKs with a `kid`. */
	keys(): Promise<readonly (JsonWebKey & { kid: string })[]>;
	/** Ids of sessions that were revoked within the life of an access token. */
	revoked(): Promise<readonly string[]>;
}

/** The id of the key that signed a token, as the token says; undefined for what is no token. */
function kidOf(token: string): string | undefined {
	try {
		const kid: unknown = jwt.decode(token, { complete: true })?.header.kid;
		return typeof kid === "string" ? kid : undefined;
	} catch {
		return undefined;
	}
}

/** Whether a signature is written as it would be: its last character has bits to spare (RFC 4648 §3.5). */
function isCanonical(token: string): boolean {
	const signature = token.slice(token.lastIndexOf(".") + 1);
	return Buffer.from(signature, "base64url").toString("base64url") === signature;
}

const isName = (value: unknown): boolean => typeof value === "string" && value !== "";

/** Whether all is there that auth says in every token, in the form it says it. */
function isComplete(claims: unknown): claims is AccessClaims & { exp: number } {
	const { sub, sid, roles, exp } = (claims ?? {}) as Record<string, unknown>;
	return (
		isName(sub) &&
		isName(sid) &&
		Array.isArray(roles) &&
		roles.every(isName) &&
		Number.isFinite(exp)
	);
}

interface Verified {
	identity: Identity;
	/** Seconds since the epoch. */
	expires: number;
}

/**
 * Verifies access tokens on a node that has no secret: public keys and the short list of revoked sessions are fetched
 * from who issues them. What was verified is remembered by token; expiry and revocation are looked at every time.
 */
export class TokenVerifier {
	readonly #source: TokenSource;
	readonly #clock: Clock;
	#keys: Map<string, KeyObject> | undefined;
	#fetchedAt = Number.NEGATIVE_INFINITY;
	#fetching: Promise<void> | undefined;
	#verified = new Map<string, Verified>();
	#revoked: ReadonlySet<string> = new Set();
	#revokedAt = Number.NEGATIVE_INFINITY;
	readonly #watchers = new Set<() => void>();
	readonly #firstList = Promise.withResolvers<void>();
	#timer: NodeJS.Timeout | undefined;

	constructor(source: TokenSource, clock: Clock) {
		this.#source = source;
		this.#clock = clock;
	}

	/** Keeps the list of revoked sessions no older than 5 s, and the keys no older than 35 s, as long as their owner answers. */
	async start(): Promise<void> {
		let waitMs = askAgainMs;
		const refresh = async () => {
			await this.refreshRevoked();
			if (this.#keys && this.#clock.now() - this.#fetchedAt >= refreshKeysMs) await this.#fetch();
			waitMs = this.#isListed ? refreshRevokedMs : Math.min(refreshRevokedMs, 2 * waitMs);
			this.#timer = setTimeout(refresh, waitMs).unref();
		};
		await refresh();
	}

	async stop(): Promise<void> {
		clearTimeout(this.#timer);
	}

	/** On the hint that a session was revoked: the list at once, and the keys where one of them ended. */
	async refresh(keys: boolean): Promise<void> {
		await Promise.all([this.refreshRevoked(), keys && this.#keys && this.#fetch()]);
	}

	/** Fetches the list at once. */
	async refreshRevoked(): Promise<void> {
		try {
			this.#revoked = new Set(await this.#source.revoked());
			this.#revokedAt = this.#clock.now();
			this.#firstList.resolve();
		} catch {
			// Its age tells: `isStale` closes what must not run on an old list.
		}
		for (const look of this.#watchers) look();
	}

	/**
	 * Calls `look` each time the list was asked for, every 5 s and at each hint: for who let somebody in for longer than a
	 * call. @returns what ends that
	 */
	watch(look: () => void): () => void {
		this.#watchers.add(look);
		return () => this.#watchers.delete(look);
	}

	/** Whether the list of revoked sessions is too old to let a sensitive write pass. */
	isStale(): boolean {
		return this.#clock.now() - this.#revokedAt > staleMs;
	}

	/** As `isStale`, for a node that is known to others before it has its first list: for that it waits, 3 s at most. */
	async isStaleByNow(): Promise<boolean> {
		if (!this.#isListed) await within(firstListMs, this.#firstList.promise).catch(() => {});
		return this.isStale();
	}

	/** Who a token proves to be that was verified before and still holds. @param graceSeconds as `verify` has it */
	known(token: string, graceSeconds: number): Identity | undefined {
		const verified = this.#verified.get(token);
		return verified && this.#holds(verified, graceSeconds) ? verified.identity : undefined;
	}

	/**
	 * Who a token proves to be.
	 * @param graceSeconds how long past its expiry it is still taken.
	 * @throws UNAUTHENTICATED; SERVICE_UNAVAILABLE while no keys could be fetched.
	 */
	async verify(token: string, graceSeconds: number): Promise<Identity> {
		const verified = this.#verified.get(token) ?? (await this.#verifyNew(token));
		if (!this.#holds(verified, graceSeconds)) throw platformProblem("UNAUTHENTICATED");
		return verified.identity;
	}

	#holds({ identity, expires }: Verified, graceSeconds: number): boolean {
		return this.#clock.now() / 1000 < expires + graceSeconds && !this.#revoked.has(identity.sid);
	}

	/** Whether the list came once. */
	get #isListed(): boolean {
		return this.#revokedAt !== Number.NEGATIVE_INFINITY;
	}

	async #verifyNew(token: string): Promise<Verified> {
		const kid = kidOf(token);
		const key = kid === undefined ? undefined : await this.#key(kid);
		if (!key) throw platformProblem("UNAUTHENTICATED");
		let claims: unknown;
		try {
			claims = jwt.verify(token, key, {
				algorithms: ["ES256"],
				issuer: tokenIssuer,
				audience: tokenAudience,
				ignoreExpiration: true,
			});
		} catch {
			throw platformProblem("UNAUTHENTICATED");
		}
		if (!isCanonical(token) || !isComplete(claims)) throw platformProblem("UNAUTHENTICATED");
		const { sub, sid, roles, exp } = claims;
		const verified = { identity: { id: sub, sid, roles }, expires: exp };
		if (this.#verified.size >= cachedTokens) this.#verified = new Map();
		this.#verified.set(token, verified);
		return verified;
	}

	async #key(kid: string): Promise<KeyObject | undefined> {
		if (
			!this.#keys?.has(kid) &&
			this.#clock.now() - this.#fetchedAt >= (this.#keys ? refetchMs : 0)
		) {
			this.#fetching ??= this.#fetch().finally(() => {
				this.#fetching = undefined;
			});
			await this.#fetching;
		}
		if (!this.#keys) throw platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 });
		return this.#keys.get(kid);
	}

	async #fetch(): Promise<void> {
		try {
			const keys = new Map(
				(await this.#source.keys()).map(jwk => [
					jwk.kid,
					createPublicKey({ key: jwk, format: "jwk" }),
				]),
			);
			// What a key that ended has signed is not believed any longer.
			if ([...(this.#keys?.keys() ?? [])].some(kid => !keys.has(kid))) this.#verified = new Map();
			this.#keys = keys;
			this.#fetchedAt = this.#clock.now();
		} catch {
			this.#fetchedAt = this.#clock.now();
		}
	}
}
