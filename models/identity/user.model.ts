import { defineModel } from "../../kernel/store/model.ts";
import type { Role } from "../../services/identity/users/users.contract.ts";

export interface UserDoc {
	id: string;
	/** Canonical: trimmed, NFKC, lower case. */
	email: string;
	emailTyped: string;
	name: string;
	roles: Role[];
	pictureUrl?: string;
	/** Whether an admin lets this teacher publish what has a price. */
	approved?: boolean;
	/** When the address was shown to be theirs, ISO 8601. */
	emailVerifiedAt?: string;
	/** A registration took up this profile, which an earlier one had left behind. */
	claimed?: boolean;
	createdAt: string;
}

export const UserModel = defineModel<UserDoc>()({
	name: "users",
	fields: {
		email: String,
		emailTyped: String,
		name: String,
		roles: [String],
		pictureUrl: String,
		approved: Boolean,
		emailVerifiedAt: String,
		claimed: Boolean,
		createdAt: String,
	},
	indexes: { email: { unique: true } },
	told: ["roles", "approved"],
});
