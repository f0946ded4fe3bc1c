import { defineModel } from "../../kernel/store/model.ts";

/** An Ed25519 key that signs certificates; its id is its `kid`. The highest signs, all that are not lost verify. */
export interface CertificateKeyDoc {
	id: string;
	/** Counts from 1; nodes that make one at the same time make the same one. */
	ordinal: number;
	/** The public key, base64url. */
	x: string;
	/** Private key (PKCS #8 PEM), sealed where `sealed` says so. */
	privateKey: string;
	sealed: boolean;
	/** Somebody else may have it since, ISO 8601: it is not published any more. */
	lostAt?: string;
	createdAt: string;
}

export const CertificateKeyModel = defineModel<CertificateKeyDoc>()({
	name: "certificate_keys",
	fields: {
		ordinal: Number,
		x: String,
		privateKey: String,
		sealed: Boolean,
		lostAt: String,
		createdAt: String,
	},
	indexes: { ordinal: { unique: true } },
	told: ["ordinal", "lostAt"],
});
