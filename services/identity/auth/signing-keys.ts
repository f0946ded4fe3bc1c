import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import jwt from "jsonwebtoken";
import { type Clock, iso } from "../../../kernel/clock.ts";
import { seal, unseal } from "../../../kernel/sealing.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import { type AccessClaims, tokenAudience, tokenIssuer } from "../../../kernel/tokens.ts";
import type { SigningKeyDoc } from "../../../models/identity/signing-key.model.ts";

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

/** A new key signs this long after it was published: nodes fetch the public ones each 30 s. */
const publishedMs = 60_000;
/** How long the keys that were read are good for: another node may have rotated them. */
const readMs = 5_000;
/** What a callee grants a token past its expiry. */
const graceMs = 60_000;

interface OpenKey {
	doc: SigningKeyDoc;
	key: KeyObject;
}

/** The keys that sign access tokens (ES256, RFC 7518 §3.4), kept in auth's store. */
export class SigningKeys {
	readonly #options: SigningKeysOptions;
	#open: OpenKey[] = [];
	#readAt = Number.NEGATIVE_INFINITY;

	private constructor(options: SigningKeysOptions) {
		this.#options = options;
	}

	/**
	 * Opens the keys, or makes the first; nodes that start at the same time end with the same one.
	 * @throws Error when a key was sealed with a secret that is not among `secrets`, or the seed is no key.
	 */
	static async open(options: SigningKeysOptions): Promise<SigningKeys> {
		if (options.secrets.length === 0)
			options.warn("SERVICE_SECRET_KEY is not set: signing keys lie unsealed in the store");
		if (!(await newest(options))) {
			const { seed } = options;
			await insertKey(options, 1, options.clock.now(), seed ? readSeed(seed) : makeKey());
		}
		const keys = new SigningKeys(options);
		await keys.#read();
		return keys;
	}

	/** Signs an access token that lives 15 min from `issuedAt` (ms). */
	async sign(claims: AccessClaims, issuedAt: number): Promise<string> {
		const { doc, key } = await this.#signing();
		const iat = Math.floor(issuedAt / 1000);
		return jwt.sign({ ...claims, iat, exp: iat + accessTokenSeconds }, key, {
			algorithm: "ES256",
			keyid: doc.id,
			issuer: tokenIssuer,
			audience: tokenAudience,
		});
	}

	/** Public keys of all that are live, as JWKs (RFC 7517), the newest first. */
	async publicKeys() {
		const now = this.#options.clock.now();
		const docs = await this.#options.store.find({}, { sort: { ordinal: -1 } });
		return docs
			.filter(({ retiresAt = Number.POSITIVE_INFINITY }) => retiresAt > now)
			.map(({ id, x, y }) => ({
				kid: id,
				kty: "EC" as const,
				crv: "P-256" as const,
				x,
				y,
				alg: "ES256" as const,
				use: "sig" as const,
			}));
	}

	/**
	 * Publishes a new key, which signs in 60 s; the others verify until the last token they signed has expired. One that is
	 * published already and does not sign yet is answered as it is.
	 * @param atOnce for a key that was lost: the new one signs and the others end now, and with them every access token.
	 */
	async rotate(atOnce: boolean): Promise<{ kid: string; activeFrom: number }> {
		const { store, clock } = this.#options;
		const now = clock.now();
		const last = (await newest(this.#options)) as SigningKeyDoc;
		const activeFrom = atOnce ? now : now + publishedMs;
		const isUnder = !atOnce && last.activeFrom > now;
		const next = isUnder
			? last
			: await insertKey(this.#options, last.ordinal + 1, activeFrom, makeKey());
		const retiresAt = atOnce ? now : next.activeFrom + accessTokenSeconds * 1_000 + graceMs;
		for (const { id, retiresAt: before } of await store.find({ ordinal: { $lt: next.ordinal } }))
			if (before === undefined || before > retiresAt)
				await store.advance({ id }, { $set: { retiresAt } });
		await this.#read();
		return { kid: next.id, activeFrom: next.activeFrom };
	}

	/** Removes keys that verify nothing any more. */
	async purge(): Promise<number> {
		const { store, clock } = this.#options;
		return store.remove({ retiresAt: { $lte: clock.now() } });
	}

	/** The newest that is active. */
	async #signing(): Promise<OpenKey> {
		const now = this.#options.clock.now();
		if (now - this.#readAt >= readMs) await this.#read();
		const live = this.#open.filter(
			({ doc: { activeFrom, retiresAt = Number.POSITIVE_INFINITY } }) =>
				activeFrom <= now && retiresAt > now,
		);
		return live[0] as OpenKey;
	}

	async #read(): Promise<void> {
		const { store, clock } = this.#options;
		const docs = await store.find({}, { sort: { ordinal: -1 } });
		const open: OpenKey[] = [];
		for (const doc of docs) {
			const known = this.#open.find(one => one.doc.id === doc.id)?.key;
			open.push({ doc, key: known ?? createPrivateKey(await openKey(this.#options, doc)) });
		}
		this.#open = open;
		this.#readAt = clock.now();
	}
}

const makeKey = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

async function newest({ store }: SigningKeysOptions): Promise<SigningKeyDoc | undefined> {
	const [doc] = await store.find({}, { sort: { ordinal: -1 }, limit: 1 });
	return doc;
}

/** Puts a key in its place; where another node was quicker, that one's. */
async function insertKey(
	options: SigningKeysOptions,
	ordinal: number,
	activeFrom: number,
	key: KeyObject,
): Promise<SigningKeyDoc> {
	const { store, secrets, clock } = options;
	const { x, y } = key.export({ format: "jwk" }) as { x: string; y: string };
	const id = thumbprint(x, y);
	const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
	try {
		return await store.insert({
			id,
			ordinal,
			x,
			y,
			privateKey: secrets[0] ? seal(pem, secrets[0], id) : pem,
			sealed: secrets.length > 0,
			activeFrom,
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
