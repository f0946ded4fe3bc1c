import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { iso } from "../../../kernel/clock.ts";
import { SessionModel } from "../../../models/identity/session.model.ts";
import {
	firstToken,
	hashToken,
	newSessionSecret,
	parseToken,
	type RefreshToken,
	refreshTokenMs,
	rotate,
	standing,
	successorOf,
	tokenText,
} from "../../../services/identity/auth/refresh-tokens.ts";
import { newSession } from "../../../services/identity/auth/sessions.ts";
import { memoryCollection } from "../../support/memory.ts";

const start = 1_750_000_000_000;

async function signedIn() {
	const sessions = await memoryCollection(SessionModel);
	const { session, token } = newSession("usr_1", "a browser", start);
	await sessions.insert(session);
	const refresh = async (spent: RefreshToken, now: number): Promise<RefreshToken> => {
		const rotation = await rotate(sessions, spent, now);
		assert.equal(rotation.outcome, "rotated");
		return (rotation as { token: RefreshToken }).token;
	};
	return { sessions, session, token, refresh };
}

test("a token has 256 bits of its own, and reads back as it was written", () => {
	const token = firstToken(newSessionSecret(), "ses_0190f3c2-0000-7000-8000-000000000000");
	assert.equal(Buffer.from(token.body, "base64url").length, 32);
	assert.deepEqual(parseToken(tokenText(token)), token);
});

test("whatever is no token is read as none", () => {
	const token = tokenText(
		firstToken(newSessionSecret(), "ses_0190f3c2-0000-7000-8000-000000000000"),
	);
	for (const text of ["", "a.b.c", `${token}A`, ` ${token}`, token.replace("ses_", "usr_")])
		assert.equal(parseToken(text), null);
	fc.assert(fc.property(fc.string(), text => parseToken(text) === null));
});

test("the store holds no token, only hashes of them and a secret that is none", async () => {
	const { sessions, session, token, refresh } = await signedIn();
	const next = await refresh(token, start + 1);
	const stored = JSON.stringify(await sessions.get(session.id));
	for (const { body, tag } of [token, next]) {
		assert.ok(!stored.includes(body));
		assert.ok(!stored.includes(tag));
	}
	assert.ok(stored.includes(hashToken(next)));
});

test("each token has one successor, which needs the token and the secret", () => {
	const secret = newSessionSecret();
	const token = firstToken(secret, "ses_0190f3c2-0000-7000-8000-000000000000");
	assert.deepEqual(successorOf(secret, token), successorOf(secret, token));
	assert.notEqual(successorOf(newSessionSecret(), token).body, successorOf(secret, token).body);
	assert.notEqual(successorOf(secret, token).body, token.body);
});

test("a rotation lengthens the session by 30 days from now", async () => {
	const { sessions, session, token, refresh } = await signedIn();
	await refresh(token, start + 5_000);
	const stored = await sessions.get(session.id);
	assert.equal(stored?.expiresAt, iso(start + 5_000 + refreshTokenMs));
	assert.equal(stored?.lastUsedAt, iso(start + 5_000));
});

test("20 parallel refreshes of one token get one successor", async () => {
	const { token, refresh } = await signedIn();
	const got = await Promise.all(Array.from({ length: 20 }, () => refresh(token, start + 1)));
	assert.equal(new Set(got.map(tokenText)).size, 1);
});

test("a spent token gets its successor for 10 s, also when that one is spent already", async () => {
	const { token, refresh } = await signedIn();
	const second = await refresh(token, start);
	const third = await refresh(second, start + 4_000);
	assert.notEqual(tokenText(third), tokenText(second));
	assert.deepEqual(await refresh(token, start + 10_000), second);
	assert.deepEqual(await refresh(second, start + 14_000), third);
});

test("a spent token is reused after 10 s, however long ago it was spent", async () => {
	const { sessions, token, refresh } = await signedIn();
	let newest = await refresh(token, start);
	assert.equal((await rotate(sessions, token, start + 10_001)).outcome, "reused");
	for (let day = 1; day <= 20; day++) newest = await refresh(newest, start + day * 86_400_000);
	assert.equal((await rotate(sessions, token, start + 21 * 86_400_000)).outcome, "reused");
});

test("what a session remembers of spent tokens does not grow", async () => {
	const { sessions, session, token, refresh } = await signedIn();
	let newest = token;
	for (let i = 0; i < 50; i++) newest = await refresh(newest, start + i * 6_000);
	assert.ok(Object.keys((await sessions.get(session.id))?.spent ?? {}).length <= 3);
});

test("a made-up token of a known session is invalid, not reused", async () => {
	const { sessions, session, token } = await signedIn();
	const made = firstToken(newSessionSecret(), session.id);
	assert.equal((await rotate(sessions, made, start)).outcome, "invalid");
	const bent = { ...token, tag: made.tag };
	assert.equal((await rotate(sessions, bent, start)).outcome, "invalid");
});

test("no session, an expired and a revoked one", async () => {
	const { sessions, session, token } = await signedIn();
	assert.equal((await rotate(sessions, token, start + refreshTokenMs)).outcome, "invalid");
	await sessions.advance({ id: session.id }, { $set: { revokedAt: iso(start) } });
	assert.equal((await rotate(sessions, token, start)).outcome, "revoked");
	await sessions.remove({ id: session.id });
	assert.equal((await rotate(sessions, token, start)).outcome, "invalid");
});

test("a revocation between reading and writing wins", async () => {
	const { sessions, session, token } = await signedIn();
	let reads = 0;
	const racing = {
		advance: sessions.advance.bind(sessions),
		get: async (id: string) => {
			const read = await sessions.get(id);
			if (reads++ === 0)
				await sessions.advance({ id: session.id }, { $set: { revokedAt: iso(start) } });
			return read;
		},
	};
	assert.equal((await rotate(racing, token, start)).outcome, "revoked");
	assert.equal((await sessions.get(session.id))?.tokenHash, hashToken(token));
});

test("revoked is said before expired, expired before anything of the token", () => {
	const session = { tokenHash: "h", spent: {}, expiresAt: iso(start), revokedAt: iso(start) };
	assert.equal(standing(session, "h", start), "revoked");
	const { revokedAt: _, ...expired } = session;
	assert.equal(standing(expired, "h", start), "expired");
	assert.equal(standing(expired, "h", start - 1), "current");
	assert.equal(standing(expired, "other", start - 1), "reused");
});
