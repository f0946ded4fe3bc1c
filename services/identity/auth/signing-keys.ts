import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import jwt from "jsonwebtoken";
import { type Clock, iso } from "../../../kernel/clock.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import { type AccessClaims, tokenAudience, tokenIssuer } from "../../../kernel/tokens.ts";
import type { SigningKeyDoc } from "../../../models/identity/signing-key.model.ts";
import { seal, unseal } from "./sealing.ts";

/** Life of an access token, seconds. */
export const accessTokenSeconds = 900;

export interface SigningKeysOptions {
	store: Collection<SigningKeyDoc>;
	/** Secrets that seal private keys: the first seals, all open. None: private keys lie open. */
	secrets: readonly string[];
	/** PEM of a P-256 private key, or a path to one, that is the first key where there is none yet. */
	seed?: string | undefined;
	clock: Clock;
	warn(message: string): void;
}

/** Reads a PEM, also one whose line breaks are written `\n`. @throws Error that names the variable. */
function readSeed(seed: string): KeyObject {
	try {
		const pem = seed.includes("-----BEGIN") ? seed.replaceAll("\\n", "\n") : readFileSync(seed);
		const key = createPrivateKey(pem);
		if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error("another curve");
		return key;
	} catch (error) {
		throw new Error(
			`JWT_PRIVATE_KEY is not an EC P-256 private key (PEM), nor a path to one: ${(error as Error).message}`,
		);
	}
}

/** JWK thumbprint (RFC 7638). */
const thumbprint = (x: string, y: string): string =>
	createHash("sha256")
		.update(JSON.stringify({ crv: "P-256", kty: "EC", x, y }))
		.digest("base64url");

/** The keys that sign access tokens (ES256, RFC 7518 §3.4), kept in auth's store. */
export class SigningKeys {
	readonly #options: SigningKeysOptions;
	readonly #kid: string;
	readonly #key: KeyObject;

	private constructor(options: SigningKeysOptions, kid: string, key: KeyObject) {
		this.#options = options;
		this.#kid = kid;
		this.#key = key;
	}

	/**
	 * Opens the newest key, or makes the first; nodes that start at the same time end with the same one.
	 * @throws Error when the key was sealed with a secret that is not among `secrets`, or the seed is no key.
	 */
	static async open(options: SigningKeysOptions): Promise<SigningKeys> {
		if (options.secrets.length === 0)
			options.warn("SERVICE_SECRET_KEY is not set: signing keys lie unsealed in the store");
		const doc = (await newest(options)) ?? (await makeFirst(options));
		return new SigningKeys(options, doc.id, createPrivateKey(await openKey(options, doc)));
	}

	/** Signs an access token that lives 15 min from `issuedAt` (ms). */
	sign(claims: AccessClaims, issuedAt: number): string {
		const iat = Math.floor(issuedAt / 1000);
		return jwt.sign({ ...claims, iat, exp: iat + accessTokenSeconds }, this.#key, {
			algorithm: "ES256",
			keyid: this.#kid,
			issuer: tokenIssuer,
			audience: tokenAudience,
		});
	}

	/** Public keys of all that are live, as JWKs (RFC 7517). */
	async publicKeys() {
		const docs = await this.#options.store.find({}, { sort: { ordinal: -1 } });
		return docs.map(({ id, x, y }) => ({
			kid: id,
			kty: "EC" as const,
			crv: "P-256" as const,
			x,
			y,
			alg: "ES256" as const,
			use: "sig" as const,
		}));
	}
}

async function newest({ store }: SigningKeysOptions): Promise<SigningKeyDoc | undefined> {
	const [doc] = await store.find({}, { sort: { ordinal: -1 }, limit: 1 });
	return doc;
}

async function makeFirst(options: SigningKeysOptions): Promise<SigningKeyDoc> {
	const { store, secrets, seed, clock } = options;
	const key = seed ? readSeed(seed) : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
	const { x, y } = key.export({ format: "jwk" }) as { x: string; y: string };
	const id = thumbprint(x, y);
	const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
	try {
		return await store.insert({
			id,
			ordinal: 1,
			x,
			y,
			privateKey: secrets[0] ? seal(pem, secrets[0], id) : pem,
			sealed: secrets.length > 0,
			createdAt: iso(clock.now()),
		});
	} catch (error) {
		if (!isDuplicate(error)) throw error;
		return (await newest(options)) as SigningKeyDoc;
	}
}

/** The PEM of a key; sealed anew where it does not lie under the first secret. */
async function openKey(options: SigningKeysOptions, doc: SigningKeyDoc): Promise<string> {
	const { store, secrets } = options;
	const { id, privateKey, sealed } = doc;
	const [first] = secrets;
	const opened = secrets.map(secret => unseal(privateKey, secret, id));
	const pem = sealed ? opened.find(text => text !== null) : privateKey;
	if (!pem)
		throw new Error(
			`The signing key ${id} is sealed with a secret that SERVICE_SECRET_KEY does not have: add the former one after a comma`,
		);
	if (first && opened[0] === null)
		await store.advance(
			{ id, privateKey },
			{ $set: { privateKey: seal(pem, first, id), sealed: true } },
		);
	return pem;
}
