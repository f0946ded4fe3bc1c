import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { iso } from "../../../kernel/clock.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { SessionDoc } from "../../../models/identity/session.model.ts";

/** How long a refresh token lives, ms. */
export const refreshTokenMs = 30 * 86_400_000;

/** How long a spent token still gets its successor, ms. */
const graceMs = 10_000;

export interface RefreshToken {
	sessionId: string;
	/** 256 bits, base64url. */
	body: string;
	tag: string;
}

const mac = (secret: string, label: string, text: string): Buffer =>
	createHmac("sha256", Buffer.from(secret, "base64url")).update(`${label}\n${text}`).digest();

const tagOf = (secret: string, sessionId: string, body: string): string =>
	mac(secret, "tag", `${sessionId}.${body}`).subarray(0, 16).toString("base64url");

const tokenOf = (secret: string, sessionId: string, body: string): RefreshToken => ({
	sessionId,
	body,
	tag: tagOf(secret, sessionId, body),
});

/** A session's secret, from which successors and tags derive. */
export const newSessionSecret = (): string => randomBytes(32).toString("base64url");

/** The first token of a session. */
export const firstToken = (secret: string, sessionId: string): RefreshToken =>
	tokenOf(secret, sessionId, randomBytes(32).toString("base64url"));

/**
 * The one successor of a token: an HMAC of it under the session's secret. So every node answers a repeated refresh
 * alike without keeping any token, also after a crash between the write and the answer; and the store alone, which
 * has the secret but only the hash of the token, gives none away.
 */
export const successorOf = (secret: string, { sessionId, body }: RefreshToken): RefreshToken =>
	tokenOf(secret, sessionId, mac(secret, "next", body).toString("base64url"));

/** What the store keeps of a token: its SHA-256, hex. */
export const hashToken = ({ body }: RefreshToken): string =>
	createHash("sha256").update(body).digest("hex");

/** The token as clients hold it. */
export const tokenText = ({ sessionId, body, tag }: RefreshToken): string =>
	`${sessionId}.${body}.${tag}`;

/** Null for what is no refresh token. */
export function parseToken(text: string): RefreshToken | null {
	const [, sessionId, body, tag] =
		/^(ses_[0-9a-f-]{36})\.([\w-]{43})\.([\w-]{22})$/.exec(text) ?? [];
	return sessionId && body && tag ? { sessionId, body, tag } : null;
}

/**
 * Whether a session issued this token at any time. The tag says so for tokens long spent, of which nothing is kept;
 * without it, who knows a session's id could have it revoked by a made-up "used" token.
 */
const isGenuine = (secret: string, { sessionId, body, tag }: RefreshToken): boolean =>
	timingSafeEqual(Buffer.from(tag), Buffer.from(tagOf(secret, sessionId, body)));

export type Rotation =
	| { outcome: "rotated"; session: SessionDoc; token: RefreshToken }
	| { outcome: "invalid" | "reused" | "revoked" };

type Standing = "current" | "grace" | "reused" | "revoked" | "expired";

/** How a genuine token stands at `now` (ms). */
export function standing(
	session: Pick<SessionDoc, "tokenHash" | "spent" | "expiresAt" | "revokedAt">,
	hash: string,
	now: number,
): Standing {
	if (session.revokedAt !== undefined) return "revoked";
	if (session.expiresAt <= iso(now)) return "expired";
	if (session.tokenHash === hash) return "current";
	const spentAt = session.spent[hash];
	return spentAt !== undefined && now - spentAt <= graceMs ? "grace" : "reused";
}

/**
 * Trades a token for its successor, by one guarded update. Of any number of parallel refreshes one writes, and all get
 * the same successor. A token spent for longer than 10 s is somebody else's copy: the caller revokes the session.
 */
export async function rotate(
	sessions: Pick<Collection<SessionDoc>, "get" | "advance">,
	token: RefreshToken,
	now: number,
): Promise<Rotation> {
	const hash = hashToken(token);
	for (;;) {
		const session = await sessions.get(token.sessionId);
		if (!session || !isGenuine(session.secret, token)) return { outcome: "invalid" };
		const next = successorOf(session.secret, token);
		switch (standing(session, hash, now)) {
			case "revoked":
				return { outcome: "revoked" };
			case "expired":
				return { outcome: "invalid" };
			case "reused":
				return { outcome: "reused" };
			case "grace":
				return { outcome: "rotated", session, token: next };
		}
		const forgotten = Object.keys(session.spent).filter(
			spent => now - (session.spent[spent] as number) > graceMs,
		);
		const rotated = await sessions.advance(
			{ id: session.id, tokenHash: hash, revokedAt: { $exists: false } },
			{
				$set: {
					tokenHash: hashToken(next),
					[`spent.${hash}`]: now,
					lastUsedAt: iso(now),
					expiresAt: iso(now + refreshTokenMs),
				},
				...(forgotten.length > 0 && {
					$unset: Object.fromEntries(forgotten.map(spent => [`spent.${spent}`, true as const])),
				}),
			},
		);
		if (rotated) return { outcome: "rotated", session: rotated, token: next };
	}
}
