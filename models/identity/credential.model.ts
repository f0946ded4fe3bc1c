import { defineModel } from "../../kernel/store/model.ts";
import type { Role } from "../../services/identity/users/users.contract.ts";

/** How a user proves who they are; its id is the user's, so that a user has one. */
export interface CredentialDoc {
	id: string;
	/** Canonical: trimmed, NFKC, lower case. Who holds it here owns the address. */
	email: string;
	/** argon2id, as a PHC string. */
	passwordHash: string;
	/** What the profile is yet to be given, where an earlier registration had left it behind. */
	claim?: { name: string; roles: Role[] };
	createdAt: string;
}

export const CredentialModel = defineModel<CredentialDoc>()({
	name: "credentials",
	fields: {
		email: String,
		passwordHash: String,
		claim: { type: Object },
		createdAt: String,
	},
	indexes: { email: { unique: true } },
});
