import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ctx } from "../../../kernel/contract.ts";
import { CredentialModel } from "../../../models/identity/credential.model.ts";
import { AccountLinks } from "../../../services/identity/auth/account-links.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const userId = "usr_0190f3c2-0000-7000-8000-000000000000";
const email = "a@b.co";

async function account() {
	const credentials = await memoryCollection(CredentialModel);
	const clock = new StillClock();
	await credentials.insert({ id: userId, email, passwordHash: "old", createdAt: "" });
	const facts: string[] = [];
	credentials.onFacts = (_, written) => facts.push(...written.map(({ name }) => name));
	const publicUrl = "https://school.example";
	const hash = async (password: string) => `hash of ${password}`;
	const links = new AccountLinks({ credentials, clock, publicUrl, hash });
	/** The token that a mail of this purpose carries now. */
	const mailed = async (purpose: "reset" | "verification") => {
		const link = (await credentials.get(userId))?.[purpose];
		const url = await links.url(purpose, userId, link?.id ?? "");
		return url && (new URL(url.replace("#/", "")).searchParams.get("token") as string);
	};
	return { credentials, clock, facts, links, mailed };
}
const request = () => ({ headers: {}, locals: {} }) as Ctx;

test("a forgotten password is set anew, once, and the account is told", async () => {
	const { credentials, facts, links, mailed } = await account();
	await links.forgot(request(), email);
	const token = (await mailed("reset")) as string;
	assert.equal(await links.reset(request(), token, "new"), userId);
	assert.equal((await credentials.get(userId))?.passwordHash, "hash of new");
	assert.deepEqual(facts, ["account.reset_requested", "account.password_changed"]);
	await assert.rejects(links.reset(request(), token, "other"), { type: "RESET_TOKEN_INVALID" });
	assert.equal(await mailed("reset"), null, "no mail is written for what is over");
});

test("an address of nobody writes nothing, and takes as long", async () => {
	const { credentials, facts, links } = await account();
	const before = performance.now();
	await links.forgot(request(), "nobody@b.co");
	assert.ok(performance.now() - before > 145);
	assert.deepEqual([facts, await credentials.count({})], [[], 1]);
});

test("a link that is late is said to be, of either kind", async () => {
	const { clock, links, mailed } = await account();
	await links.forgot(request(), email);
	await links.welcomeAgain(request(), userId);
	const [reset, verification] = [await mailed("reset"), await mailed("verification")];
	assert.equal(await links.proven(verification as string), userId);
	await assert.rejects(links.proven(reset as string), { type: "VERIFICATION_TOKEN_INVALID" });
	clock.ms += 3 * 86_400_000;
	await assert.rejects(links.reset(request(), reset as string, "new"), {
		type: "RESET_TOKEN_EXPIRED",
	});
	await assert.rejects(links.proven(verification as string), {
		type: "VERIFICATION_TOKEN_EXPIRED",
	});
});

test("each mail leads to the page of its purpose", async () => {
	const { credentials, links } = await account();
	await links.forgot(request(), email);
	await links.welcomeAgain(request(), userId);
	const { reset, verification } = (await credentials.get(userId)) ?? {};
	const of = (purpose: "reset" | "verification", id = "") => links.url(purpose, userId, id);
	assert.match(
		(await of("reset", reset?.id)) as string,
		/^https:\/\/school\.example\/school#\/reset\?token=usr_/,
	);
	assert.match(
		(await of("verification", verification?.id)) as string,
		/^https:\/\/school\.example\/school#\/verify-email\?token=usr_/,
	);
});
