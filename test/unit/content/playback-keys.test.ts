import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject, webcrypto } from "node:crypto";
import { test } from "node:test";
import { PlaybackKeyModel } from "../../../models/content/playback-key.model.ts";
import type { PlaybackKey } from "../../../services/content/videos/providers/mux.ts";
import {
	PlaybackKeys,
	type PlaybackKeysNeeds,
} from "../../../services/content/videos/providers/playback-keys.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
const pemOf = (key: KeyObject, type: "pkcs1" | "pkcs8") =>
	key.export({ type, format: "pem" }) as string;

/** Mux's own list of keys; each is told once, when it is made. */
function fakeSystem() {
	const keys = new Map<string, KeyObject>();
	let made = 0;
	const signingKeys = {
		async create() {
			const key = rsa();
			const id = `key${++made}`;
			keys.set(id, createPublicKey(key));
			await new Promise(resolve => setImmediate(resolve));
			const private_key = Buffer.from(pemOf(key, "pkcs1")).toString("base64");
			return { id, created_at: "0", private_key };
		},
		async delete(id: string) {
			keys.delete(id);
		},
	};
	return { keys, mux: { system: { signingKeys } } as never };
}

/** Whether a key signs what this public one verifies. */
async function fits({ privateKey }: PlaybackKey, publicKey: KeyObject | undefined) {
	assert.ok(publicKey);
	const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
	const der = publicKey.export({ type: "spki", format: "der" });
	const verifying = await webcrypto.subtle.importKey("spki", der, algorithm, false, ["verify"]);
	const text = Buffer.from("a token");
	const signature = await webcrypto.subtle.sign(algorithm.name, privateKey as never, text);
	return webcrypto.subtle.verify(algorithm.name, verifying, signature, text);
}

async function world() {
	const store = await memoryCollection(PlaybackKeyModel);
	const warnings: string[] = [];
	const keysOf = (more: Partial<PlaybackKeysNeeds> = {}) =>
		new PlaybackKeys({
			store,
			tokenId: "token-1",
			secrets: ["first secret"],
			clock: new StillClock(),
			warn: message => void warnings.push(message),
			...more,
		});
	return { store, warnings, keysOf, ...fakeSystem() };
}

test("nodes that make a key at once end with the same one, and Mux keeps no other", async () => {
	const { store, keysOf, keys, mux } = await world();
	const [one, other] = [keysOf(), keysOf()];
	const [first, second, again] = await Promise.all([one.get(mux), other.get(mux), one.get(mux)]);
	assert.deepEqual([second?.keyId, again?.keyId], [first?.keyId, first?.keyId]);
	assert.deepEqual([...keys.keys()], [first?.keyId]);
	for (const key of [first, second]) assert.ok(await fits(key, keys.get(key.keyId)));
	assert.equal(await store.count({}), 1);
});

test("a key lies sealed, opens under any secret, and is sealed anew under the first", async () => {
	const { store, keysOf, keys, mux } = await world();
	const { keyId } = await keysOf().get(mux);
	const before = (await store.get("token-1"))?.privateKey;
	assert.doesNotMatch(before ?? "", /BEGIN/);
	const rotated = await keysOf({ secrets: ["new secret", "first secret"] }).get(mux);
	assert.ok(await fits(rotated, keys.get(keyId)));
	assert.notEqual((await store.get("token-1"))?.privateKey, before);
	assert.equal((await keysOf({ secrets: ["new secret"] }).get(mux)).keyId, keyId);
	await assert.rejects(keysOf({ secrets: ["first secret"] }).get(mux), /SERVICE_SECRET_KEY/);
	assert.equal(keys.size, 1);
});

test("without a secret a key lies open, with a warning, until there is one", async () => {
	const { store, keysOf, warnings, mux } = await world();
	await keysOf({ secrets: [] }).get(mux);
	assert.equal(warnings.length, 1);
	assert.match((await store.get("token-1"))?.privateKey ?? "", /BEGIN/);
	await keysOf().get(mux);
	assert.doesNotMatch((await store.get("token-1"))?.privateKey ?? "", /BEGIN/);
});

test("what Mux did not answer is asked for again; another account has a key of its own", async () => {
	const { keysOf, keys, mux } = await world();
	const own = keysOf();
	const away = { system: { signingKeys: { create: () => Promise.reject(new Error("away")) } } };
	await assert.rejects(own.get(away as never), /away/);
	const [one, other] = [await own.get(mux), await keysOf({ tokenId: "token-2" }).get(mux)];
	assert.notEqual(one.keyId, other.keyId);
	assert.equal(keys.size, 2);
});

test("the operator's key is taken as PEM or in base64, and nothing else", async () => {
	const { store, keysOf, keys, mux } = await world();
	const key = rsa();
	const pem = pemOf(key, "pkcs8");
	for (const privateKey of [
		pem,
		pem.replaceAll("\n", "\\n"),
		pemOf(key, "pkcs1"),
		Buffer.from(pemOf(key, "pkcs1")).toString("base64"),
	]) {
		const open = await keysOf({ given: { keyId: "mine", privateKey } }).get(mux);
		assert.equal(open.keyId, "mine");
		assert.ok(await fits(open, createPublicKey(key)));
	}
	assert.deepEqual([keys.size, await store.count({})], [0, 0]);
	const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
	for (const privateKey of ["no key", ec.export({ type: "pkcs8", format: "pem" }) as string])
		assert.throws(
			() => keysOf({ given: { keyId: "mine", privateKey } }),
			/MUX_SIGNING_PRIVATE_KEY is no RSA private key/,
		);
});
