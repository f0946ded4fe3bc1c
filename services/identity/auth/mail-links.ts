import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../../kernel/clock.ts";
import type { Collection, OutgoingFact } from "../../../kernel/store/collection.ts";
import type { CredentialDoc, MailedLink } from "../../../models/identity/credential.model.ts";

export type Purpose = "reset" | "verification";

/** How long after it was asked for a link is good, ms. */
const lifeMs: Record<Purpose, number> = { reset: 1_800_000, verification: 3 * 86_400_000 };
/** Who asks again sooner than this gets no second mail, ms. */
const againMs = 60_000;
/** A mail that is tried again carries a token of its own; all of them are good. */
const mostTokens = 100;

type Credentials = Pick<Collection<CredentialDoc>, "get" | "findOne" | "advance">;

/** A link that is asked for now. */
export const newLink = (id: string, purpose: Purpose, now: number): MailedLink => ({
	id,
	at: now,
	expiresAt: now + lifeMs[purpose],
});

const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** A token as mails carry it: whose, by which request, and 256 bits of which only the hash is kept. */
const tokenText = (userId: string, id: string, secret: string): string =>
	`${userId}.${id}.${secret}`;

/** Null for what is no token. */
function parseToken(text: string): { userId: string; id: string; hash: string } | null {
	const [, userId, id, secret] =
		/^(usr_[0-9a-f-]{36})\.(lnk_[0-9a-f-]{36})\.([\w-]{43})$/.exec(text) ?? [];
	return userId && id && secret ? { userId, id, hash: hashOf(secret) } : null;
}

/**
 * Asks for a link, in place of the one there was, with its fact in the same write.
 * @param found whose; for nobody the store is asked as often, so that the time does not tell.
 * @returns whether there is a new one: not for nobody, nor within 60 s of the last.
 */
export async function requestLink(
	credentials: Credentials,
	found: Pick<CredentialDoc, "id"> | null,
	purpose: Purpose,
	link: MailedLink,
	facts: readonly OutgoingFact[],
): Promise<boolean> {
	const id = found?.id ?? "nobody";
	const change = { $set: { [purpose]: link } };
	const renewed =
		(await credentials.advance(
			{ id, [`${purpose}.at`]: { $lte: link.at - againMs } },
			change,
			facts,
		)) ?? (await credentials.advance({ id, [purpose]: { $exists: false } }, change, facts));
	return renewed !== null;
}

/** A new token of a link that is still wanted; null where it is not. Its hash is kept before it is handed out. */
export async function issueToken(
	credentials: Credentials,
	clock: Clock,
	purpose: Purpose,
	userId: string,
	id: string,
): Promise<string | null> {
	const credential = await credentials.get(userId);
	const hashes = credential?.[purpose]?.hashes ?? {};
	if (Object.keys(hashes).length >= mostTokens) return null;
	const secret = randomBytes(32).toString("base64url");
	const now = clock.now();
	const kept = await credentials.advance(
		{ id: userId, [`${purpose}.id`]: id, [`${purpose}.expiresAt`]: { $gt: now } },
		{ $set: { [`${purpose}.hashes.${hashOf(secret)}`]: now } },
	);
	return kept && tokenText(userId, id, secret);
}

export type Standing = "good" | "expired" | "invalid";

/** Whose token this is, and how it stands at `now` (ms). */
export async function standingOf(
	credentials: Credentials,
	purpose: Purpose,
	text: string,
	now: number,
): Promise<{ standing: Standing; userId: string }> {
	const token = parseToken(text);
	const link = token && (await credentials.get(token.userId))?.[purpose];
	const isGenuine = link?.id === token?.id && Object.hasOwn(link?.hashes ?? {}, token?.hash ?? "");
	if (!token || !link || !isGenuine) return { standing: "invalid", userId: "" };
	return { standing: link.expiresAt > now ? "good" : "expired", userId: token.userId };
}

/**
 * Gives the account of a reset token another password and uses the token up, in one write.
 * @returns false where somebody else was quicker, or its time has come.
 */
export async function spendReset(
	credentials: Credentials,
	text: string,
	passwordHash: string,
	now: number,
	facts: (userId: string) => readonly OutgoingFact[],
): Promise<boolean> {
	const token = parseToken(text);
	if (!token) return false;
	const { userId, id, hash } = token;
	const changed = await credentials.advance(
		{
			id: userId,
			"reset.id": id,
			[`reset.hashes.${hash}`]: { $exists: true },
			"reset.expiresAt": { $gt: now },
		},
		{ $set: { passwordHash }, $unset: { reset: true } },
		facts(userId),
	);
	return changed !== null;
}
