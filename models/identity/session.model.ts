import { defineModel } from "../../kernel/store/model.ts";

/** One sign-in on one device, and its chain of refresh tokens. */
export interface SessionDoc {
	id: string;
	userId: string;
	/** The client's user agent. */
	device: string;
	/** Derives successors and tags of refresh tokens; useless without a token itself. */
	secret: string;
	/** SHA-256 of the refresh token that is next. */
	tokenHash: string;
	/** SHA-256 of tokens spent within the grace → when, ms. */
	spent: Record<string, number>;
	createdAt: string;
	lastUsedAt: string;
	expiresAt: string;
	revokedAt?: string;
}

export const SessionModel = defineModel<SessionDoc>()({
	name: "sessions",
	fields: {
		userId: String,
		device: String,
		secret: String,
		tokenHash: String,
		spent: { type: Object },
		createdAt: String,
		lastUsedAt: String,
		expiresAt: String,
		revokedAt: String,
	},
	indexes: { userId: {}, revokedAt: { sparse: true }, expiresAt: {} },
});
