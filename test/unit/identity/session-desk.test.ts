import assert from "node:assert/strict";
import { test } from "node:test";
import { type CredentialDoc, CredentialModel } from "../../../models/identity/credential.model.ts";
import { SessionModel } from "../../../models/identity/session.model.ts";
import { SessionDesk } from "../../../services/identity/auth/session-desk.ts";
import type { User } from "../../../services/identity/users/users.contract.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const user = { id: "usr_1", roles: ["student"] } as unknown as User;

async function account() {
	const credentials = await memoryCollection(CredentialModel);
	const sessions = await memoryCollection(SessionModel);
	const clock = new StillClock();
	const credential: CredentialDoc = {
		id: user.id,
		email: "a@b.co",
		passwordHash: "old",
		createdAt: "",
	};
	await credentials.insert(credential);
	const told: string[] = [];
	/** @param describe what is asked of the user, between the session and its token. */
	const desk = (describe = async () => user) =>
		new SessionDesk({
			credentials,
			sessions,
			clock,
			describe,
			claimProfile: async () => told.push("claimed"),
			sign: async ({ sub, sid, roles }) => [sub, sid, ...roles].join(" "),
			onRevoked: () => told.push("revoked"),
			onReused: () => told.push("reused"),
		});
	return { credentials, sessions, clock, credential, told, desk };
}

test("a session's tokens name it, and are renewed", async () => {
	const { sessions, credential, desk } = await account();
	const { accessToken, refreshToken } = await desk().open(credential, "a browser");
	const [session] = await sessions.find({});
	assert.equal(accessToken, `usr_1 ${session?.id} student`);
	const renewed = await desk().renew(refreshToken);
	assert.equal(renewed.accessToken, accessToken);
	assert.notEqual(renewed.refreshToken, refreshToken);
});

test("no session is left where the user cannot be read, or the password was changed meanwhile", async () => {
	const { credentials, sessions, credential, desk } = await account();
	const away = desk(() => Promise.reject(new Error("away")));
	await assert.rejects(away.open(credential, undefined), /away/);
	const changed = desk(async () => {
		await credentials.advance({ id: user.id }, { $set: { passwordHash: "new" } });
		return user;
	});
	await assert.rejects(changed.open(credential, undefined), { type: "INVALID_CREDENTIALS" });
	assert.equal(await sessions.count({}), 0);
});

test("a claim that was cut off is made good before a token is issued", async () => {
	const { credential, told, desk } = await account();
	const claimant: CredentialDoc = { ...credential, claim: { name: "A", roles: ["student"] } };
	const asked = desk(async () => {
		told.push("described");
		return user;
	});
	await asked.open(claimant, undefined);
	assert.deepEqual(told, ["claimed", "described"]);
});

test("a spent token that comes again ends its session, and is told once", async () => {
	const { clock, credential, told, desk } = await account();
	const { refreshToken: spent } = await desk().open(credential, undefined);
	const { refreshToken: next } = await desk().renew(spent);
	clock.ms += 10_001;
	await assert.rejects(desk().renew(spent), { type: "REFRESH_REUSED" });
	assert.deepEqual(told, ["reused", "revoked"]);
	for (const token of [spent, next])
		await assert.rejects(desk().renew(token), { type: "SESSION_REVOKED" });
	await assert.rejects(desk().renew("no token"), { type: "REFRESH_INVALID" });
	assert.deepEqual(told, ["reused", "revoked"]);
});

test("all of a user's sessions up to a time end together; where there is none nobody is told", async () => {
	const { clock, credential, told, desk } = await account();
	await desk().open(credential, undefined);
	await desk().open(credential, undefined);
	const before = new Date(clock.ms).toISOString();
	clock.ms += 1;
	const { refreshToken: later } = await desk().open(credential, undefined);
	assert.equal(await desk().revokeAllOf(user.id, before), 2);
	assert.equal(await desk().revokeAllOf(user.id, before), 0);
	assert.equal(await desk().revoke({ id: "ses_none" }), false);
	assert.deepEqual(told, ["revoked"]);
	assert.ok(await desk().renew(later));
});
