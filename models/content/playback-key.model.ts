import { defineModel } from "../../kernel/store/model.ts";

/** A key that Mux made for this product, which signs playback; its id is that of the access token it was made with. */
export interface PlaybackKeyDoc {
	id: string;
	/** Mux's id of it. */
	keyId: string;
	/** RSA private key (PKCS #8 PEM), sealed where `sealed` says so. */
	privateKey: string;
	sealed: boolean;
	createdAt: string;
}

export const PlaybackKeyModel = defineModel<PlaybackKeyDoc>()({
	name: "playback_keys",
	fields: { keyId: String, privateKey: String, sealed: Boolean, createdAt: String },
	indexes: {},
});
