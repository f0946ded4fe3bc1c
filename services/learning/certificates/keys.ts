import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, type JWTPayload, SignJWT } from "jose";
import { type Clock, iso } from "../../../kernel/clock.ts";
import { seal, unseal } from "../../../kernel/sealing.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { CertificateKeyDoc } from "../../../models/learning/certificate-key.model.ts";

export interface CertificateKeysOptions {
	store: Collection<CertificateKeyDoc>;
	/** Secrets that seal private keys: the first seals, all open. None: private keys lie open. */
	secrets: readonly string[];
	clock: Clock;
	warn(message: string): void;
}

/**
 * The keys that sign certificates (Ed25519, RFC 8037), for as long as anybody may want to check one. The same is signed the
 * same each time.
 */
export class CertificateKeys {
	readonly #options: CertificateKeysOptions;
	/** By id, as far as they were needed. */
	readonly #open = new Map<string, KeyObject>();

	private constructor(options: CertificateKeysOptions) {
		this.#options = options;
	}

	/**
	 * Opens the key that signs, or makes the first; nodes that start at the same time end with the same one.
	 * @throws Error when it was sealed with a secret that is not among `secrets`.
	 */
	static async open(options: CertificateKeysOptions): Promise<CertificateKeys> {
		if (options.secrets.length === 0)
			options.warn(
				"SERVICE_SECRET_KEY is not set: the certificates' key lies unsealed in the store",
			);
		const keys = new CertificateKeys(options);
		await keys.#key((await keys.#newest()) ?? (await keys.#insert(1)));
		return keys;
	}

	/** Signs claims as a compact JWS (RFC 7515) under the newest key. */
	async sign(claims: JWTPayload): Promise<string> {
		const doc = (await this.#newest()) as CertificateKeyDoc;
		return new SignJWT(claims)
			.setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: doc.id })
			.sign(await this.#key(doc));
	}

	/** Public keys as JWKs (RFC 7517), the newest first. */
	async publicKeys() {
		const docs = await this.#options.store.find(
			{ lostAt: { $exists: false } },
			{ sort: { ordinal: -1 } },
		);
		return docs.map(({ id, x }) => ({
			kid: id,
			kty: "OKP" as const,
			crv: "Ed25519" as const,
			x,
			alg: "EdDSA" as const,
			use: "sig" as const,
		}));
	}

	/** Makes a new key, which signs from now on. @param lost whether earlier ones are not to be trusted any more */
	async rotate(lost: boolean): Promise<string> {
		const { store, clock } = this.#options;
		const last = (await this.#newest()) as CertificateKeyDoc;
		const next = await this.#insert(last.ordinal + 1);
		const earlier = { ordinal: { $lt: next.ordinal }, lostAt: { $exists: false } };
		if (lost)
			for (const { id } of await store.find(earlier))
				await store.advance({ id }, { $set: { lostAt: iso(clock.now()) } });
		return next.id;
	}

	async #newest(): Promise<CertificateKeyDoc | undefined> {
		const [doc] = await this.#options.store.find({}, { sort: { ordinal: -1 }, limit: 1 });
		return doc;
	}

	/** Puts a new key in its place; where another node was quicker, that one's. */
	async #insert(ordinal: number): Promise<CertificateKeyDoc> {
		const { store, secrets, clock } = this.#options;
		const { privateKey: key } = generateKeyPairSync("ed25519");
		const { x } = key.export({ format: "jwk" }) as { x: string };
		const id = await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x });
		const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
		try {
			return await store.insert({
				id,
				ordinal,
				x,
				privateKey: secrets[0] ? seal(pem, secrets[0], id) : pem,
				sealed: secrets.length > 0,
				createdAt: iso(clock.now()),
			});
		} catch (error) {
			if (!isDuplicate(error)) throw error;
			return (await store.findOne({ ordinal })) as CertificateKeyDoc;
		}
	}

	async #key(doc: CertificateKeyDoc): Promise<KeyObject> {
		const known = this.#open.get(doc.id);
		if (known) return known;
		const key = createPrivateKey(await this.#unsealed(doc));
		this.#open.set(doc.id, key);
		return key;
	}

	/** The PEM of a key; sealed anew where it does not lie under the first secret. */
	async #unsealed({ id, privateKey, sealed }: CertificateKeyDoc): Promise<string> {
		const { store, secrets } = this.#options;
		const [first] = secrets;
		const opened = secrets.map(secret => unseal(privateKey, secret, id));
		const pem = sealed ? opened.find(text => text !== null) : privateKey;
		if (!pem)
			throw new Error(
				`The certificates' key ${id} is sealed with a secret that SERVICE_SECRET_KEY does not have: add the former one after a comma`,
			);
		if (first && opened[0] === null)
			await store.advance(
				{ id, privateKey },
				{ $set: { privateKey: seal(pem, first, id), sealed: true } },
			);
		return pem;
	}
}
