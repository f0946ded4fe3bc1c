import { defineModel } from "../../kernel/store/model.ts";

/** A nonce that a service signature used; its id is `<name>:<nonce>`. */
export interface NonceDoc {
	id: string;
	/** When it was used, ms. */
	at: number;
}

export const NonceModel = defineModel<NonceDoc>()({
	name: "nonces",
	fields: { at: Number },
	indexes: { at: {} },
});
