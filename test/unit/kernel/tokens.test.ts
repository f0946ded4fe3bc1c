import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import jwt, { type SignOptions } from "jsonwebtoken";
import { TokenVerifier, tokenAudience, tokenIssuer } from "../../../kernel/tokens.ts";
import { StillClock } from "../../support/memory.ts";

const makeKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const keys = { one: makeKey(), two: makeKey() };
const jwk = (kid: keyof typeof keys) => ({
	...keys[kid].publicKey.export({ format: "jwk" }),
	kid,
});

const unauthenticated = { type: "UNAUTHENTICATED", code: 401 };
const unavailable = { type: "SERVICE_UNAVAILABLE", code: 503 };

/** A verifier, who issues to it, and what it asked for. */
function setUp() {
	const clock = new StillClock();
	const issuer = {
		live: ["one"] as (keyof typeof keys)[],
		revoked: [] as string[],
		isAway: false,
		asked: 0,
	};
	const verifier = new TokenVerifier(
		{
			keys: async () => {
				issuer.asked++;
				if (issuer.isAway) throw new Error("auth is away");
				return issuer.live.map(jwk);
			},
			revoked: async () => {
				if (issuer.isAway) throw new Error("auth is away");
				return issuer.revoked;
			},
		},
		clock,
	);
	const sign = (
		claims: object = {},
		{
			kid = "one",
			key = keys.one.privateKey,
			...options
		}: SignOptions & { kid?: string; key?: KeyObject | string } = {},
	) =>
		jwt.sign(
			{
				sub: "usr_1",
				sid: "ses_1",
				roles: ["student"],
				exp: Math.floor(clock.now() / 1000) + 900,
				...claims,
			},
			key as never,
			{
				algorithm: "ES256",
				issuer: tokenIssuer,
				audience: tokenAudience,
				keyid: kid,
				...options,
			} as SignOptions,
		);
	return { clock, issuer, verifier, sign };
}

describe("a token", () => {
	test("proves who is calling", async () => {
		const { verifier, sign } = setUp();
		const identity = { id: "usr_1", sid: "ses_1", roles: ["student"] };
		const token = sign();
		assert.deepEqual(await verifier.verify(token, 0), identity);
		assert.deepEqual(await verifier.verify(token, 0), identity);
	});

	test("is taken until its expiry, and so much longer as the callee grants", async () => {
		const { clock, verifier, sign } = setUp();
		const token = sign();
		clock.ms += 899_000;
		await verifier.verify(token, 0);
		clock.ms += 1_000;
		await assert.rejects(verifier.verify(token, 0), unauthenticated);
		await verifier.verify(token, 60);
		clock.ms += 59_999;
		await verifier.verify(token, 60);
		clock.ms += 1;
		await assert.rejects(verifier.verify(token, 60), unauthenticated);
	});

	test("that expired is refused by one that sees it for the first time", async () => {
		const { clock, verifier, sign } = setUp();
		const token = sign();
		clock.ms += 960_000;
		await assert.rejects(verifier.verify(token, 60), unauthenticated);
	});

	test("that is cut or changed is refused, and is no fault of ours", async () => {
		const { verifier, sign } = setUp();
		const [header = "", payload = "", signature = ""] = sign().split(".");
		const encode = (value: unknown) =>
			Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
		const admin = encode({ ...jwt.decode(sign(), { json: true }), roles: ["admin"] });
		const none = encode({ alg: "none", typ: "JWT", kid: "one" });
		for (const token of [
			"",
			".",
			"..",
			"a.b.c",
			"null",
			`${header}.${payload}`,
			`${header}.${payload}.`,
			`${header}.${admin}.${signature}`,
			`${header}.${payload}.${signature.slice(2)}AA`,
			`${none}.${payload}.`,
			`${header}.${encode("no JSON")}.${signature}`,
			`${encode("no JSON")}.${payload}.${signature}`,
			`${encode("null")}.${payload}.${signature}`,
			`${encode({ alg: "ES256", kid: { $gt: "" } })}.${payload}.${signature}`,
			`${encode({ alg: "ES256", kid: "__proto__" })}.${payload}.${signature}`,
		])
			await assert.rejects(verifier.verify(token, 0), unauthenticated, JSON.stringify(token));
	});

	test("that another key, algorithm, issuer or audience made is refused", async () => {
		const { verifier, sign } = setUp();
		const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
		const publicKey = keys.one.publicKey.export({ type: "spki", format: "pem" }) as string;
		for (const token of [
			sign({}, { key: keys.two.privateKey }),
			sign({}, { key: rsa.privateKey, algorithm: "RS256" }),
			sign({}, { key: publicKey, algorithm: "HS256" }),
			sign({}, { issuer: "another" }),
			sign({}, { audience: "another" }),
		])
			await assert.rejects(verifier.verify(token, 0), unauthenticated);
	});

	test("without one of its claims is refused", async () => {
		const { verifier, sign } = setUp();
		for (const claims of [{ sub: undefined }, { sid: 5 }, { roles: "admin" }, { roles: undefined }])
			await assert.rejects(verifier.verify(sign(claims), 0), unauthenticated);
		const forEver = jwt.sign(
			{ sub: "usr_1", sid: "ses_1", roles: [] },
			keys.one.privateKey.export({ type: "pkcs8", format: "pem" }),
			{ algorithm: "ES256", issuer: tokenIssuer, audience: tokenAudience, keyid: "one" },
		);
		await assert.rejects(verifier.verify(forEver, 0), unauthenticated);
	});
});

describe("the keys", () => {
	test("are fetched on first use, once for many at a time", async () => {
		const { issuer, verifier, sign } = setUp();
		const tokens = Array.from({ length: 20 }, (_, i) => sign({ sub: `usr_${i}` }));
		await Promise.all(tokens.map(token => verifier.verify(token, 0)));
		assert.equal(issuer.asked, 1);
	});

	test("nobody can give make 503, and are asked for again at once", async () => {
		const { issuer, verifier, sign } = setUp();
		issuer.isAway = true;
		await assert.rejects(verifier.verify(sign(), 0), unavailable);
		await assert.rejects(verifier.verify(sign(), 0), unavailable);
		issuer.isAway = false;
		await verifier.verify(sign(), 0);
		assert.equal(issuer.asked, 3);
	});

	test("are asked for once in 10 s for a kid that nobody knows", async () => {
		const { clock, issuer, verifier, sign } = setUp();
		await verifier.verify(sign(), 0);
		clock.ms += 9_999;
		const forged = () => verifier.verify(sign({}, { kid: "three" }), 0);
		await assert.rejects(forged(), unauthenticated);
		assert.equal(issuer.asked, 1, "not 10 s after the last fetch");
		clock.ms += 1;
		await assert.rejects(forged(), unauthenticated);
		await assert.rejects(forged(), unauthenticated);
		assert.equal(issuer.asked, 2);
		clock.ms += 10_000;
		await assert.rejects(forged(), unauthenticated);
		assert.equal(issuer.asked, 3);
	});

	test("that are new are found by their kid, and old ones stay", async () => {
		const { clock, issuer, verifier, sign } = setUp();
		const old = sign();
		await verifier.verify(old, 0);
		issuer.live = ["one", "two"];
		clock.ms += 10_000;
		await verifier.verify(sign({}, { kid: "two", key: keys.two.privateKey }), 0);
		await verifier.verify(sign({ sub: "usr_2" }), 0);
		assert.equal(issuer.asked, 2);
	});

	test("that ended are believed no longer, nor what they signed before", async t => {
		t.mock.timers.enable({ apis: ["setTimeout"] });
		const { verifier, issuer, sign, clock } = setUp();
		const token = sign();
		await verifier.verify(token, 0);
		issuer.live = ["two"];
		await verifier.start();
		await verifier.verify(token, 0);
		clock.ms += 30_000;
		t.mock.timers.tick(5_000);
		await new Promise(resolve => setImmediate(resolve));
		await assert.rejects(verifier.verify(token, 0), unauthenticated);
		await verifier.verify(sign({}, { kid: "two", key: keys.two.privateKey }), 0);
		await verifier.stop();
	});

	test("that were fetched are kept while their owner is away", async () => {
		const { clock, issuer, verifier, sign } = setUp();
		await verifier.verify(sign(), 0);
		issuer.isAway = true;
		clock.ms += 60_000;
		await assert.rejects(verifier.verify(sign({}, { kid: "two" }), 0), unauthenticated);
		await verifier.verify(sign({ sub: "usr_2" }), 0);
	});
});

describe("the list of revoked sessions", () => {
	test("refuses their tokens from when it is here, those that were verified before too", async () => {
		const { issuer, verifier, sign } = setUp();
		const token = sign();
		await verifier.verify(token, 0);
		issuer.revoked = ["ses_1"];
		await verifier.verify(token, 0);
		await verifier.refreshRevoked();
		await assert.rejects(verifier.verify(token, 0), unauthenticated);
		await verifier.verify(sign({ sid: "ses_2" }), 0);
	});

	test("is stale before it came and from 30 s after it came last", async () => {
		const { clock, issuer, verifier } = setUp();
		assert.equal(verifier.isStale(), true);
		await verifier.start();
		assert.equal(verifier.isStale(), false);
		await verifier.stop();
		clock.ms += 30_000;
		assert.equal(verifier.isStale(), false);
		clock.ms += 1;
		assert.equal(verifier.isStale(), true);
		issuer.isAway = true;
		await verifier.refreshRevoked();
		assert.equal(verifier.isStale(), true);
		issuer.isAway = false;
		await verifier.refreshRevoked();
		assert.equal(verifier.isStale(), false);
	});

	test("is waited for by what comes before it, and asked for again at once", async () => {
		const { issuer, verifier } = setUp();
		issuer.isAway = true;
		const early = verifier.isStaleByNow();
		await verifier.start();
		issuer.isAway = false;
		assert.equal(await early, false);
		await verifier.stop();
	});

	test("is kept while its owner is away", async () => {
		const { issuer, verifier, sign } = setUp();
		issuer.revoked = ["ses_1"];
		await verifier.refreshRevoked();
		issuer.isAway = true;
		await verifier.refreshRevoked();
		issuer.isAway = false;
		await assert.rejects(verifier.verify(sign(), 0), unauthenticated);
	});

	test("comes by itself every 5 s", async t => {
		t.mock.timers.enable({ apis: ["setTimeout"] });
		const { issuer, verifier, sign } = setUp();
		await verifier.start();
		issuer.revoked = ["ses_1"];
		t.mock.timers.tick(4_999);
		await verifier.verify(sign(), 0);
		t.mock.timers.tick(1);
		await new Promise(setImmediate);
		await assert.rejects(verifier.verify(sign(), 0), unauthenticated);
		await verifier.stop();
	});
});
