import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import type Mux from "@mux/mux-node";
import { type Clock, iso } from "../../../../kernel/clock.ts";
import { seal, unseal } from "../../../../kernel/sealing.ts";
import { type Collection, isDuplicate } from "../../../../kernel/store/collection.ts";
import type { PlaybackKeyDoc } from "../../../../models/content/playback-key.model.ts";
import type { PlaybackKey } from "./mux.ts";

export interface PlaybackKeysNeeds {
	store: Collection<PlaybackKeyDoc>;
	/** The access token's id, by which the key that was made with it is found. */
	tokenId: string;
	/** A key that the operator made: Mux's id, and the private key as Mux gave it (base64 of PEM) or as PEM. */
	given?: { keyId: string; privateKey: string } | undefined;
	/** Secrets that seal private keys: the first seals, all open. None: private keys lie open. */
	secrets: readonly string[];
	clock: Clock;
	warn(message: string): void;
}

/** An RSA private key as PEM, as PEM with its line breaks written `\n`, or as base64 of PEM. @throws Error */
function readKey(text: string): KeyObject {
	const isPem = text.includes("-----BEGIN");
	const key = createPrivateKey(isPem ? text.replaceAll("\\n", "\n") : Buffer.from(text, "base64"));
	if (key.asymmetricKeyType !== "rsa") throw new Error("it is not an RSA key");
	return key;
}

const signingKey = (key: KeyObject): Promise<CryptoKey> =>
	webcrypto.subtle.importKey(
		"pkcs8",
		key.export({ type: "pkcs8", format: "der" }),
		{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
		false,
		["sign"],
	) as Promise<CryptoKey>;

/** The key that signs playback: the operator's, or one that Mux made for this product once and that is kept sealed. */
export class PlaybackKeys {
	readonly #needs: PlaybackKeysNeeds;
	#open: Promise<PlaybackKey> | undefined;

	/** @throws Error that names the variable, where the operator's key is none. */
	constructor(needs: PlaybackKeysNeeds) {
		this.#needs = needs;
		if (!needs.given) return;
		try {
			readKey(needs.given.privateKey);
		} catch (error) {
			throw new Error(
				`MUX_SIGNING_PRIVATE_KEY is no RSA private key, as PEM or in base64: ${(error as Error).message}`,
			);
		}
	}

	/** @throws Error when there is none and Mux does not make one, or it was sealed with a secret that is not known. */
	get(mux: Pick<Mux, "system">): Promise<PlaybackKey> {
		this.#open ??= this.#read(mux).catch(error => {
			this.#open = undefined;
			throw error;
		});
		return this.#open;
	}

	async #read(mux: Pick<Mux, "system">): Promise<PlaybackKey> {
		const { given, store, tokenId } = this.#needs;
		if (given)
			return {
				keyId: given.keyId,
				privateKey: await signingKey(readKey(given.privateKey)),
			};
		const doc = (await store.get(tokenId)) ?? (await this.#make(mux));
		return { keyId: doc.keyId, privateKey: await signingKey(readKey(await this.#unsealed(doc))) };
	}

	/** Has Mux make a key; where another node was quicker, that one's is taken and this one dropped. */
	async #make(mux: Pick<Mux, "system">): Promise<PlaybackKeyDoc> {
		const { store, tokenId, secrets, clock, warn } = this.#needs;
		const [secret] = secrets;
		if (!secret) warn("SERVICE_SECRET_KEY is not set: the playback key lies unsealed in the store");
		const { id: keyId, private_key: made } = await mux.system.signingKeys.create();
		if (!made) throw new Error("Mux made a signing key and did not tell it");
		const pem = readKey(made).export({ type: "pkcs8", format: "pem" }) as string;
		try {
			return await store.insert({
				id: tokenId,
				keyId,
				privateKey: secret ? seal(pem, secret, keyId) : pem,
				sealed: secret !== undefined,
				createdAt: iso(clock.now()),
			});
		} catch (error) {
			const known = isDuplicate(error) ? await store.get(tokenId) : null;
			if (!known) throw error;
			await mux.system.signingKeys
				.delete(keyId)
				.catch(() => warn(`Mux keeps the signing key ${keyId}, which nobody uses`));
			return known;
		}
	}

	/** The PEM of a key; sealed anew where it does not lie under the first secret. */
	async #unsealed({ id, keyId, privateKey, sealed }: PlaybackKeyDoc): Promise<string> {
		const { store, secrets } = this.#needs;
		const [first] = secrets;
		const opened = secrets.map(secret => unseal(privateKey, secret, keyId));
		const pem = sealed ? opened.find(text => text !== null) : privateKey;
		if (!pem)
			throw new Error(
				"The playback key is sealed with a secret that SERVICE_SECRET_KEY does not have: add the former one after a comma",
			);
		if (first && opened[0] === null)
			await store.advance(
				{ id, privateKey },
				{ $set: { privateKey: seal(pem, first, keyId), sealed: true } },
			);
		return pem;
	}
}
