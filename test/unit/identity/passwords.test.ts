import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPassword, hashPassword } from "../../../services/identity/auth/passwords.ts";

const account = await hashPassword("correct horse battery");

/** Counts verifications and notes the cost of the hash each one works on. */
const counting = (right: boolean) => {
	const costs: string[] = [];
	const verifies = async (hash: string) => {
		costs.push(hash.split("$").slice(1, 4).join("$"));
		return right;
	};
	return { costs, verifies };
};

test("a hash has the cost that OWASP asks for, and a salt of its own", async () => {
	assert.match(account, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
	assert.notEqual(await hashPassword("correct horse battery"), account);
});

test("the password opens its hash, and no other does", async () => {
	assert.equal(await checkPassword(account, "correct horse battery"), true);
	assert.equal(await checkPassword(account, "correct horse batterY"), false);
	assert.equal(await checkPassword(account, ""), false);
});

test("keyboards that compose differently write the same password", async () => {
	const composed = await hashPassword("caf\u00e9 au lait");
	assert.equal(await checkPassword(composed, "cafe\u0301 au lait"), true);
});

test("an unknown account costs the same one verification of the same cost", async () => {
	const known = counting(false);
	const unknown = counting(false);
	await checkPassword(account, "wrong", known.verifies);
	await checkPassword(undefined, "wrong", unknown.verifies);
	assert.equal(known.costs.length, 1);
	assert.deepEqual(unknown.costs, known.costs);
});

test("the dummy is a hash that argon2 takes, and even its own password opens nothing", async () => {
	assert.equal(await checkPassword(undefined, "anything"), false);
	assert.equal(await checkPassword(undefined, "anything", counting(true).verifies), false);
});
