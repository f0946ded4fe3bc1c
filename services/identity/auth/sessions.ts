import { type Clock, iso } from "../../../kernel/clock.ts";
import { newId } from "../../../kernel/ids.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import type { SessionDoc } from "../../../models/identity/session.model.ts";
import type { Session } from "./auth.contract.ts";
import {
	firstToken,
	hashToken,
	newSessionSecret,
	type RefreshToken,
	refreshTokenMs,
} from "./refresh-tokens.ts";
import { accessTokenSeconds } from "./signing-keys.ts";

/** How long a callee takes a token past its expiry, ms. */
const calleeGraceMs = 60_000;
const longestDevice = 256;
const listed = 100;

/** A new session of a user, not yet stored, and its first refresh token. */
export function newSession(
	userId: string,
	userAgent: string | undefined,
	now: number,
): { session: SessionDoc; token: RefreshToken } {
	const id = newId("ses", now);
	const secret = newSessionSecret();
	const token = firstToken(secret, id);
	return {
		token,
		session: {
			id,
			userId,
			device: (userAgent ?? "unknown").slice(0, longestDevice),
			secret,
			tokenHash: hashToken(token),
			spent: {},
			createdAt: iso(now),
			lastUsedAt: iso(now),
			expiresAt: iso(now + refreshTokenMs),
		},
	};
}

/** Whether a session lives at `now` (ms). */
export const isLive = (session: SessionDoc | null, now: number): session is SessionDoc =>
	session !== null && session.revokedAt === undefined && session.expiresAt > iso(now);

/** A user's live sessions, last used first, at most 100. */
export const liveSessions = (
	sessions: Collection<SessionDoc>,
	userId: string,
	now: number,
): Promise<SessionDoc[]> =>
	sessions.find(
		{ userId, revokedAt: { $exists: false }, expiresAt: { $gt: iso(now) } },
		{ sort: { lastUsedAt: -1 }, limit: listed },
	);

/** A session as its owner sees it. */
export const toSession = (
	{ id, device, createdAt, lastUsedAt, expiresAt }: SessionDoc,
	currentId: string,
): Session => ({ id, device, current: id === currentId, createdAt, lastUsedAt, expiresAt });

/** Revokes the one live session that holds `guard`. @returns whether there was one. */
export async function revokeSession(
	sessions: Collection<SessionDoc>,
	guard: Guard,
	now: number,
): Promise<boolean> {
	const revoked = await sessions.advance(
		{ ...guard, revokedAt: { $exists: false }, expiresAt: { $gt: iso(now) } },
		{ $set: { revokedAt: iso(now) } },
	);
	return revoked !== null;
}

/** Revokes every session a user opened up to `before` (ISO 8601). @returns how many. */
export async function revokeSessionsOf(
	sessions: Collection<SessionDoc>,
	userId: string,
	before: string,
	clock: Clock,
): Promise<number> {
	const open = { userId, createdAt: { $lte: before }, revokedAt: { $exists: false } };
	let revoked = 0;
	for (const { id } of await sessions.find(open))
		if (await revokeSession(sessions, { id }, clock.now())) revoked++;
	return revoked;
}

/** Ids of sessions that were revoked so lately that an access token of theirs may still be taken somewhere. */
export async function lastRevoked(
	sessions: Collection<SessionDoc>,
	now: number,
): Promise<string[]> {
	const since = iso(now - accessTokenSeconds * 1000 - calleeGraceMs);
	return (await sessions.find({ revokedAt: { $gt: since } })).map(session => session.id);
}
