import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import jwt from "jsonwebtoken";
import { SigningKeyModel } from "../../../models/identity/signing-key.model.ts";
import {
	SigningKeys,
	type SigningKeysOptions,
} from "../../../services/identity/auth/signing-keys.ts";
import { memoryCollection } from "../../support/memory.ts";

const start = 1_750_000_000_000;
const claims = { sub: "usr_1", sid: "ses_1", roles: ["student"] };

async function options(): Promise<
	SigningKeysOptions & { warnings: string[]; clock: { ms: number; now(): number } }
> {
	const warnings: string[] = [];
	const clock = { ms: start, now: () => clock.ms };
	return {
		store: await memoryCollection(SigningKeyModel),
		secrets: ["the first secret"],
		clock,
		warn: message => warnings.push(message),
		warnings,
	};
}

const pemOf = (curve = "P-256") =>
	generateKeyPairSync("ec", { namedCurve: curve }).privateKey.export({
		type: "pkcs8",
		format: "pem",
	}) as string;

test("a token names its key, and the published one verifies it", async () => {
	const keys = await SigningKeys.open(await options());
	const token = await keys.sign(claims, start + 999);
	const [jwk] = await keys.publicKeys();
	const { header, payload } = jwt.decode(token, { complete: true }) as jwt.Jwt;
	assert.equal(header.alg, "ES256");
	assert.equal(header.kid, jwk?.kid);
	assert.deepEqual(payload, {
		...claims,
		iat: start / 1000,
		exp: start / 1000 + 900,
		iss: "zeolite",
		aud: "zeolite-api",
	});
	const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
	assert.ok(jwt.verify(token, key, { clockTimestamp: start / 1000 }));
	assert.ok(!("d" in (jwk as object)));
});

test("nodes that start together end with one key", async () => {
	const given = await options();
	const nodes = await Promise.all(Array.from({ length: 10 }, () => SigningKeys.open(given)));
	assert.equal((await given.store.find({})).length, 1);
	const tokens = await Promise.all(nodes.map(node => node.sign(claims, start)));
	const kids = tokens.map(token => jwt.decode(token, { complete: true })?.header.kid);
	assert.equal(new Set(kids).size, 1);
});

test("the private key lies sealed, and opens again", async () => {
	const given = await options();
	const first = await SigningKeys.open(given);
	const [stored] = await given.store.find({});
	assert.equal(stored?.sealed, true);
	assert.ok(!stored?.privateKey.includes("PRIVATE KEY"));
	const again = await SigningKeys.open(given);
	assert.deepEqual(await again.publicKeys(), await first.publicKeys());
	assert.deepEqual(given.warnings, []);
});

test("secrets are changed one after the other: the new one seals, then the old one may go", async () => {
	const given = await options();
	await SigningKeys.open(given);
	await SigningKeys.open({ ...given, secrets: ["the new secret", "the first secret"] });
	await SigningKeys.open({ ...given, secrets: ["the new secret"] });
	await assert.rejects(SigningKeys.open(given), /SERVICE_SECRET_KEY does not have/);
});

test("without a secret keys lie open, with a warning; a secret that comes seals them", async () => {
	const given = await options();
	await SigningKeys.open({ ...given, secrets: [] });
	assert.equal(given.warnings.length, 1);
	assert.match((await given.store.find({}))[0]?.privateKey ?? "", /BEGIN PRIVATE KEY/);
	await SigningKeys.open(given);
	const [stored] = await given.store.find({});
	assert.equal(stored?.sealed, true);
	assert.ok(!stored?.privateKey.includes("PRIVATE KEY"));
	await assert.rejects(SigningKeys.open({ ...given, secrets: [] }), /SERVICE_SECRET_KEY/);
});

test("a given key is the first one: as PEM, with written line breaks, or from a file", async t => {
	const pem = pemOf();
	const { x } = createPublicKey(pem).export({ format: "jwk" });
	const dir = await mkdtemp(join(tmpdir(), "zeolite-keys-"));
	t.after(() => rm(dir, { recursive: true }));
	await writeFile(join(dir, "key.pem"), pem);
	for (const seed of [pem, pem.replaceAll("\n", "\\n"), join(dir, "key.pem")]) {
		const keys = await SigningKeys.open({ ...(await options()), seed });
		assert.equal((await keys.publicKeys())[0]?.x, x);
	}
});

test("a given key does not replace the one that is there", async () => {
	const given = await options();
	const first = await SigningKeys.open(given);
	const again = await SigningKeys.open({ ...given, seed: pemOf() });
	assert.deepEqual(await again.publicKeys(), await first.publicKeys());
});

test("what is no P-256 private key is refused by name", async () => {
	const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
	for (const seed of [
		"/nowhere/key.pem",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
		pemOf("P-384"),
		rsa.export({ type: "pkcs8", format: "pem" }) as string,
		createPublicKey(pemOf()).export({ type: "spki", format: "pem" }) as string,
	])
		await assert.rejects(
			SigningKeys.open({ ...(await options()), seed }),
			/^Error: JWT_PRIVATE_KEY/,
		);
});

test("all keys are published, the newest signs", async () => {
	const given = await options();
	await SigningKeys.open(given);
	const other = await SigningKeys.open(await options());
	const [newer] = await other.publicKeys();
	const [doc] = await given.store.find({});
	const pem = pemOf();
	const { x, y } = createPublicKey(pem).export({ format: "jwk" }) as { x: string; y: string };
	await given.store.insert({
		...(doc as NonNullable<typeof doc>),
		id: newer?.kid as string,
		ordinal: 2,
		x,
		y,
		privateKey: pem,
		sealed: false,
	});
	const keys = await SigningKeys.open(given);
	assert.deepEqual(
		(await keys.publicKeys()).map(jwk => jwk.kid),
		[newer?.kid, doc?.id],
	);
	assert.equal(
		jwt.decode(await keys.sign(claims, start), { complete: true })?.header.kid,
		newer?.kid,
	);
});

const kidOf = async (keys: SigningKeys, at: number) =>
	jwt.decode(await keys.sign(claims, at), { complete: true })?.header.kid;
const kidsOf = async (keys: SigningKeys) => (await keys.publicKeys()).map(({ kid }) => kid);

test("a rotated key is published for 60 s before it signs; the old one verifies until its last token ended", async () => {
	const given = await options();
	const [keys, other] = [await SigningKeys.open(given), await SigningKeys.open(given)];
	const [old] = await kidsOf(keys);
	const rotated = await Promise.all(Array.from({ length: 10 }, () => keys.rotate(false)));
	const kid = rotated[0]?.kid;
	assert.equal(new Set(rotated.map(one => one.kid)).size, 1, "at once it is made once");
	assert.deepEqual(await keys.rotate(false), rotated[0], "and not again before it signs");
	assert.deepEqual(await kidsOf(other), [kid, old]);
	given.clock.ms += 59_999;
	assert.equal(await kidOf(other, given.clock.ms), old);
	given.clock.ms += 5_001;
	assert.equal(await kidOf(other, given.clock.ms), kid);
	given.clock.ms += 900_000 + 60_000 - 5_001;
	assert.deepEqual(await kidsOf(other), [kid, old]);
	assert.equal(await keys.purge(), 0);
	given.clock.ms += 1;
	assert.deepEqual(await kidsOf(other), [kid]);
	assert.equal(await keys.purge(), 1);
	assert.equal(await kidOf(await SigningKeys.open(given), given.clock.ms), kid);
});

test("a lost key ends at once, also while a new one waits to sign", async () => {
	const given = await options();
	const keys = await SigningKeys.open(given);
	await keys.rotate(false);
	const { kid } = await keys.rotate(true);
	assert.deepEqual(await kidsOf(keys), [kid]);
	assert.equal(await kidOf(keys, start), kid);
});
