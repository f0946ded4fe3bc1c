import assert from "node:assert/strict";
import { test } from "node:test";
import { CredentialModel } from "../../../models/identity/credential.model.ts";
import {
	issueToken,
	newLink,
	requestLink,
	spendReset,
	standingOf,
} from "../../../services/identity/auth/mail-links.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const userId = "usr_0190f3c2-0000-7000-8000-000000000000";
const linkId = (n: number) => `lnk_0190f3c2-0000-7000-8000-00000000000${n}`;

async function account() {
	const credentials = await memoryCollection(CredentialModel);
	const clock = new StillClock();
	await credentials.insert({ id: userId, email: "a@b.co", passwordHash: "old", createdAt: "" });
	const request = (n: number) =>
		requestLink(credentials, { id: userId }, "reset", newLink(linkId(n), "reset", clock.ms), []);
	const issue = (n: number) => issueToken(credentials, clock, "reset", userId, linkId(n));
	const standing = async (token: string) =>
		(await standingOf(credentials, "reset", token, clock.ms)).standing;
	const spend = (token: string, hash = "new") =>
		spendReset(credentials, token, hash, clock.ms, () => []);
	return { credentials, clock, request, issue, standing, spend };
}

test("a token is good until it is used, with every copy of its mail", async () => {
	const { credentials, request, issue, standing, spend } = await account();
	assert.equal(await request(1), true);
	const [first, second] = [(await issue(1)) as string, (await issue(1)) as string];
	assert.notEqual(first, second);
	assert.deepEqual([await standing(first), await standing(second)], ["good", "good"]);
	const stored = JSON.stringify(await credentials.get(userId));
	assert.ok(!stored.includes(first.split(".")[2] as string), "the store has the hash alone");
	const spent = await Promise.all(
		Array.from({ length: 20 }, (_, i) => spend(i % 2 ? first : second, `new ${i}`)),
	);
	assert.equal(spent.filter(Boolean).length, 1);
	assert.match((await credentials.get(userId))?.passwordHash as string, /^new /);
	assert.deepEqual([await standing(first), await standing(second)], ["invalid", "invalid"]);
	assert.equal(await issue(1), null, "no mail is written for what is over");
});

test("a token ends after 30 min, and with the next request", async () => {
	const { clock, request, issue, standing, spend } = await account();
	await request(1);
	const first = (await issue(1)) as string;
	clock.ms += 1_799_999;
	assert.equal(await standing(first), "good");
	clock.ms += 1;
	assert.equal(await standing(first), "expired");
	assert.equal(await spend(first), false);
	assert.equal(await issue(1), null);
	assert.equal(await request(2), true);
	const second = (await issue(2)) as string;
	assert.deepEqual([await standing(first), await standing(second)], ["invalid", "good"]);
});

test("who asks again within 60 s gets no second mail, and nobody gets none", async () => {
	const { credentials, clock, request } = await account();
	assert.deepEqual([await request(1), await request(2)], [true, false]);
	assert.equal((await credentials.get(userId))?.reset?.id, linkId(1));
	clock.ms += 60_000;
	assert.equal(await request(3), true);
	const link = newLink(linkId(4), "reset", clock.ms);
	assert.equal(await requestLink(credentials, null, "reset", link, []), false);
	assert.equal(await credentials.count({}), 1);
});

test("what is no token of ours is none", async () => {
	const { request, issue, standing, spend } = await account();
	await request(1);
	const token = (await issue(1)) as string;
	const [user = "", link = "", secret = ""] = token.split(".");
	for (const wrong of [
		"",
		`${user}.${link}`,
		`${user}.${link}.${"A".repeat(43)}`,
		`${user}.${linkId(2)}.${secret}`,
		`usr_0190f3c2-0000-7000-8000-000000000009.${link}.${secret}`,
		`${token}x`,
		"__proto__.x.y",
	]) {
		assert.equal(await standing(wrong), "invalid", wrong);
		assert.equal(await spend(wrong), false, wrong);
	}
});
