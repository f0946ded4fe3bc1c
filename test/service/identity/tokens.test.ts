import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import jwt from "jsonwebtoken";
import { signUp } from "../../support/identity.ts";
import { as, identityNode, movableClock } from "./node.ts";

const pair = (curve = "P-256") => generateKeyPairSync("ec", { namedCurve: curve });
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("a forged token proves nothing, however it is forged", async t => {
	const seed = pair();
	const pem = seed.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
	const { call, node } = await identityNode(t, { env: { JWT_PRIVATE_KEY: pem } });
	const { user, token } = await signUp(node);
	const { keys } = await call("auth.jwks");
	const kid = keys[0]?.kid as string;
	const now = Math.floor(Date.now() / 1000);
	const claims = {
		...{ sub: user.id, sid: "ses_x", roles: ["admin"], iat: now, exp: now + 900 },
		...{ iss: "zeolite", aud: "zeolite-api" },
	};
	const signed = (change: object, key = seed.privateKey, header: object = {}) =>
		jwt.sign(JSON.parse(JSON.stringify({ ...claims, ...change })), key, {
			algorithm: "ES256",
			header: { alg: "ES256", kid, ...header },
		});
	const verify = (forged: string) => node.platform.tokens.verify(forged, 0);

	assert.equal((await verify(signed({}))).id, user.id);
	assert.equal((await verify(token)).id, user.id);

	const publicPem = seed.publicKey.export({ type: "spki", format: "pem" }) as string;
	const [head, body, signature] = token.split(".") as [string, string, string];
	const hs256 = (secret: string) =>
		jwt.sign(claims, secret, { algorithm: "HS256", header: { alg: "HS256", kid } });
	const forged: Record<string, string> = {
		"alg none": `${encode({ alg: "none", typ: "JWT", kid })}.${encode(claims)}.`,
		"alg none with the old signature": `${encode({ alg: "none", kid })}.${body}.${signature}`,
		"no signature": `${head}.${body}.`,
		"HS256 under the public key's PEM": hs256(publicPem),
		"HS256 under the published key": hs256(JSON.stringify(keys[0])),
		"HS256 under nothing": `${encode({ alg: "HS256", kid })}.${encode(claims)}.`,
		"another key under this kid": signed({}, pair().privateKey),
		"an unknown kid": signed({}, seed.privateKey, { kid: "other" }),
		"no kid": signed({}, seed.privateKey, { kid: undefined }),
		"a key of its own in the header": signed({}, pair().privateKey, {
			jwk: pair().publicKey.export({ format: "jwk" }),
		}),
		"another audience": signed({ aud: "other" }),
		"no audience": signed({ aud: undefined }),
		"another issuer": signed({ iss: "other" }),
		"no issuer": signed({ iss: undefined }),
		expired: signed({ exp: now - 1 }),
		"no expiry": signed({ exp: undefined }),
		"no subject": signed({ sub: undefined }),
		"no session": signed({ sid: undefined }),
		"roles that are no list": signed({ roles: "admin" }),
		"other claims under the signature": `${head}.${encode(claims)}.${signature}`,
		"a kid that is a path": signed({}, seed.privateKey, { kid: "../../key" }),
		"a kid that is a prototype's": signed({}, seed.privateKey, { kid: "__proto__" }),
		empty: "",
		"no token": "a.b.c",
	};
	for (const [how, token] of Object.entries(forged)) {
		await assert.rejects(verify(token), { type: "UNAUTHENTICATED" }, how);
		assert.deepEqual(await call("auth.verify", { token }), { valid: false }, how);
	}
});

test("a session that auth never opened is not verified by it", async t => {
	const seed = pair();
	const JWT_PRIVATE_KEY = seed.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
	const { call, node } = await identityNode(t, { env: { JWT_PRIVATE_KEY } });
	const { user } = await signUp(node);
	const { keys } = await call("auth.jwks");
	const token = jwt.sign({ sub: user.id, sid: "ses_x", roles: [] }, seed.privateKey, {
		...{ algorithm: "ES256", keyid: keys[0]?.kid as string },
		...{ issuer: "zeolite", audience: "zeolite-api", expiresIn: 60 },
	});
	assert.deepEqual(await call("auth.verify", { token }), { valid: false });
});

test("the published keys are public and verify tokens anywhere", async t => {
	const { call, node } = await identityNode(t);
	const { token } = await signUp(node);
	const { keys } = await call("auth.jwks");
	assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), [
		"alg",
		"crv",
		"kid",
		"kty",
		"use",
		"x",
		"y",
	]);
	const key = createPublicKey({ key: keys[0] as JsonWebKey, format: "jwk" });
	assert.ok(jwt.verify(token, key, { algorithms: ["ES256"], audience: "zeolite-api" }));
});

test("an access token lives 15 min", async t => {
	const clock = movableClock(Math.floor(Date.now() / 1000) * 1000);
	const { node } = await identityNode(t, { clock });
	const { token, user } = await signUp(node);
	clock.at += 899_999;
	assert.equal((await node.platform.tokens.verify(token, 0)).id, user.id);
	clock.at += 1;
	await assert.rejects(node.platform.tokens.verify(token, 0), { type: "UNAUTHENTICATED" });
});

test("a restart keeps keys, accounts and sessions, and the private key lies sealed", async t => {
	const DATA_DIR = await mkdtemp(join(tmpdir(), "zeolite-identity-"));
	t.after(() => rm(DATA_DIR, { recursive: true }));
	const before = await identityNode(t, { env: { DATA_DIR } });
	const { token, refreshToken, user, email, password } = await signUp(before.node);
	const published = await before.call("auth.jwks");
	await before.node.stop();

	const stored = await readFile(join(DATA_DIR, "store", "signing_keys.db"), "utf8");
	assert.doesNotMatch(stored, /PRIVATE KEY/);

	const { call } = await identityNode(t, { env: { DATA_DIR } });
	assert.deepEqual(await call("auth.jwks"), published);
	assert.deepEqual(await call("auth.me", {}, as(token)), user);
	await call("auth.refresh", { refreshToken });
	await call("auth.login", { email, password });
});

test("neither passwords nor refresh tokens are in the store's files", async t => {
	const DATA_DIR = await mkdtemp(join(tmpdir(), "zeolite-identity-"));
	t.after(() => rm(DATA_DIR, { recursive: true }));
	const { node, call } = await identityNode(t, { env: { DATA_DIR } });
	const { refreshToken, password } = await signUp(node);
	const next = await call("auth.refresh", { refreshToken });
	await node.stop();
	let files = "";
	for (const name of ["credentials", "sessions", "users"])
		files += await readFile(join(DATA_DIR, "store", `${name}.db`), "utf8");
	assert.match(files, /argon2id/);
	assert.ok(!files.includes(password));
	for (const text of [refreshToken, next.refreshToken])
		for (const part of text.split(".").slice(1)) assert.ok(!files.includes(part));
});
