import { defineModel } from "../../kernel/store/model.ts";

/** An ES256 key; its id is its `kid`. A key that is no longer live is removed. */
export interface SigningKeyDoc {
	id: string;
	/** Counts from 1; nodes that make one at the same time make the same one. The highest signs. */
	ordinal: number;
	/** Coordinates of the public point, base64url. */
	x: string;
	y: string;
	/** Private key (PKCS #8 PEM), sealed where `sealed` says so. */
	privateKey: string;
	sealed: boolean;
	createdAt: string;
}

export const SigningKeyModel = defineModel<SigningKeyDoc>()({
	name: "signing_keys",
	fields: {
		ordinal: Number,
		x: String,
		y: String,
		privateKey: String,
		sealed: Boolean,
		createdAt: String,
	},
	indexes: { ordinal: { unique: true } },
});
