import { defineModel } from "../../kernel/store/model.ts";

/** An ES256 key; its id is its `kid`. The highest of those that are active signs; one that is retired is removed. */
export interface SigningKeyDoc {
	id: string;
	/** Counts from 1; nodes that make one at the same time make the same one. */
	ordinal: number;
	/** Coordinates of the public point, base64url. */
	x: string;
	y: string;
	/** Private key (PKCS #8 PEM), sealed where `sealed` says so. */
	privateKey: string;
	sealed: boolean;
	/** Signs from this instant on, ms: every node knows it by then. */
	activeFrom: number;
	/** Verifies until this instant, ms; for good where not there. */
	retiresAt?: number;
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
		activeFrom: Number,
		retiresAt: Number,
		createdAt: String,
	},
	indexes: { ordinal: { unique: true } },
	told: ["ordinal", "activeFrom", "retiresAt"],
});
