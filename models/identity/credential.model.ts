import { defineModel } from "../../kernel/store/model.ts";
import type { Role } from "../../services/identity/users/users.contract.ts";

/** A link that a mail carries, as long as it is wanted. */
export interface MailedLink {
	/** Of the request that it answers. */
	id: string;
	/** When it was asked for, ms. */
	at: number;
	/** ms */
	expiresAt: number;
	/** SHA-256 of the secrets handed out for it, hex → when, ms: one for each try to send the mail. */
	hashes?: Record<string, number>;
}

/** How a user proves who they are; its id is the user's, so that a user has one. */
export interface CredentialDoc {
	id: string;
	/** Canonical: trimmed, NFKC, lower case. Who holds it here owns the address. */
	email: string;
	/** argon2id, as a PHC string. */
	passwordHash: string;
	/** What the profile is yet to be given, where an earlier registration had left it behind. */
	claim?: { name: string; roles: Role[] };
	/** A new password was asked for and not chosen yet. */
	reset?: MailedLink;
	/** The last time that the address was to be confirmed. */
	verification?: MailedLink;
	createdAt: string;
}

export const CredentialModel = defineModel<CredentialDoc>()({
	name: "credentials",
	fields: {
		email: String,
		passwordHash: String,
		claim: { type: Object },
		reset: { type: Object },
		verification: { type: Object },
		createdAt: String,
	},
	indexes: { email: { unique: true } },
});
