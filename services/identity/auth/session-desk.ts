import type { Clock } from "../../../kernel/clock.ts";
import { problem } from "../../../kernel/errors.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import type { AccessClaims } from "../../../kernel/tokens.ts";
import type { CredentialDoc } from "../../../models/identity/credential.model.ts";
import type { SessionDoc } from "../../../models/identity/session.model.ts";
import type { User } from "../users/users.contract.ts";
import { auth, type SignedIn, type Tokens } from "./auth.contract.ts";
import { parseToken, type RefreshToken, rotate, tokenText } from "./refresh-tokens.ts";
import { type ClaimNeeds, finishClaim } from "./register.ts";
import { newSession, revokeSession, revokeSessionsOf } from "./sessions.ts";
import { accessTokenSeconds } from "./signing-keys.ts";

export interface SessionDeskNeeds extends ClaimNeeds {
	credentials: Pick<Collection<CredentialDoc>, "get" | "advance">;
	sessions: Collection<SessionDoc>;
	clock: Clock;
	/** A user as they are now. */
	describe(userId: string): Promise<User>;
	/** Signs an access token, issued at `now` (ms). */
	sign(claims: AccessClaims, now: number): Promise<string>;
	/** Has every node fetch the list of what was revoked. */
	onRevoked(): void;
	/** A refresh token came that was spent before. */
	onReused(session: SessionDoc): void;
}

/** Opens, renews and revokes sessions. */
export class SessionDesk {
	readonly #needs: SessionDeskNeeds;

	constructor(needs: SessionDeskNeeds) {
		this.#needs = needs;
	}

	/**
	 * Opens a session. The roles in the token are read after the session is stored: a change of roles either finds
	 * the session and revokes it, or came first and is seen here; so does a change of the password.
	 * @param credential what the user was let in by.
	 * @throws INVALID_CREDENTIALS where the password has been changed meanwhile.
	 */
	async open(credential: CredentialDoc, userAgent: string | undefined): Promise<SignedIn> {
		const { credentials, sessions, clock, describe } = this.#needs;
		const now = clock.now();
		const { session, token } = newSession(credential.id, userAgent, now);
		await sessions.insert(session);
		try {
			await finishClaim(this.#needs, credential);
			const user = await describe(credential.id);
			const { passwordHash } = (await credentials.get(credential.id)) as CredentialDoc;
			if (passwordHash !== credential.passwordHash) throw problem(auth, "INVALID_CREDENTIALS");
			return { user, ...(await this.#tokens(user, token, now)) };
		} catch (error) {
			await sessions.remove({ id: session.id });
			throw error;
		}
	}

	/**
	 * New tokens for a refresh token; one that was spent before ends its session.
	 * @throws REFRESH_INVALID, SESSION_REVOKED, REFRESH_REUSED
	 */
	async renew(refreshToken: string): Promise<Tokens> {
		const { sessions, clock, describe, onReused } = this.#needs;
		const spent = parseToken(refreshToken);
		const now = clock.now();
		const session = spent && (await sessions.get(spent.sessionId));
		if (!session) throw problem(auth, "REFRESH_INVALID");
		const user = await describe(session.userId);
		const rotation = await rotate(sessions, spent, now);
		switch (rotation.outcome) {
			case "invalid":
				throw problem(auth, "REFRESH_INVALID");
			case "revoked":
				throw problem(auth, "SESSION_REVOKED");
			case "reused":
				onReused(session);
				await this.revoke({ id: session.id });
				throw problem(auth, "REFRESH_REUSED");
		}
		return this.#tokens(user, rotation.token, now);
	}

	/** Revokes the one live session that holds `guard`. @returns whether there was one. */
	async revoke(guard: Guard): Promise<boolean> {
		const { sessions, clock, onRevoked } = this.#needs;
		const revoked = await revokeSession(sessions, guard, clock.now());
		if (revoked) onRevoked();
		return revoked;
	}

	/** Revokes every session a user opened up to `before` (ISO 8601). @returns how many. */
	async revokeAllOf(userId: string, before: string): Promise<number> {
		const { sessions, clock, onRevoked } = this.#needs;
		const revoked = await revokeSessionsOf(sessions, userId, before, clock);
		if (revoked > 0) onRevoked();
		return revoked;
	}

	async #tokens({ id, roles }: User, token: RefreshToken, now: number): Promise<Tokens> {
		return {
			accessToken: await this.#needs.sign({ sub: id, sid: token.sessionId, roles }, now),
			refreshToken: tokenText(token),
			expiresIn: accessTokenSeconds,
		};
	}
}
