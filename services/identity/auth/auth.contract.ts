import { type Static, Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import { byId, Id, Nothing, Timestamp } from "../../../kernel/schemas.ts";
import { Email, Name, USER_NOT_FOUND, User } from "../users/users.contract.ts";

const Password = Type.String({ minLength: 8, maxLength: 128, description: "8 to 128 characters" });
const RefreshToken = Type.String({
	minLength: 1,
	maxLength: 256,
	description: "Opaque; good for one refresh within 30 days",
});

const tokenFields = {
	accessToken: Type.String({ description: "ES256 JWT with the user's id and roles" }),
	refreshToken: Type.String(),
	expiresIn: Type.Integer({ description: "Life of the access token, seconds" }),
};
export const Tokens = Type.Object(tokenFields, { $id: "Tokens" });
export type Tokens = Static<typeof Tokens>;
export const SignedIn = Type.Object({ user: User, ...tokenFields }, { $id: "SignedIn" });
export type SignedIn = Static<typeof SignedIn>;

const Session = Type.Object({
	id: Type.String(),
	device: Type.String({ description: "The client's user agent" }),
	current: Type.Boolean({ description: "The one this request was made in" }),
	createdAt: Timestamp,
	lastUsedAt: Timestamp,
	expiresAt: Timestamp,
});
export type Session = Static<typeof Session>;

const EMAIL_TAKEN = { status: 409, title: "This e-mail has an account" } as const;
const INVALID_CREDENTIALS = { status: 401, title: "E-mail or password is wrong" } as const;
const REFRESH_INVALID = {
	status: 401,
	title: "The refresh token is unknown or expired",
	explanation: "Sign in again.",
} as const;
const REFRESH_REUSED = {
	status: 401,
	title: "The refresh token was used before",
	explanation:
		"Somebody else may have it, so the whole session is revoked. Sign in again, and keep the newest token only.",
} as const;
const SESSION_REVOKED = {
	status: 401,
	title: "The session was revoked",
	explanation:
		"By a logout, an admin's change of roles, or a refresh token used twice. Sign in again.",
} as const;
const EMAIL_VERIFIED = { status: 409, title: "The address is confirmed already" } as const;
const invalidLink = {
	status: 400,
	title: "This link is not good, or not any more",
	explanation: "Links are good once; a new one ends those before it. Ask for another.",
} as const;
const expiredLink = {
	status: 400,
	title: "The time of this link is over",
	explanation:
		"Ask for another: one for a new password is good for 30 min, one for an address 3 days.",
} as const;
const MailedToken = Type.String({
	minLength: 1,
	maxLength: 256,
	description: "As the link in the mail carries it",
});
const Accepted = Type.Object(
	{ accepted: Type.Literal(true) },
	{ $id: "Accepted", description: "Says nothing of whether there is an account" },
);
const SESSION_NOT_FOUND = { status: 404, title: "There is no such session" } as const;

const linkData = {
	userId: Type.String(),
	linkId: Type.String({ description: "What `mailLink` is asked for; no secret" }),
};

const account = { email: "ada@example.com", password: "correct horse battery" };

/** Auth's own words: how somebody proves who they are, and what they carry afterwards. */
export const auth = defineContract("auth", {
	description: "Credentials, sessions, and the tokens and keys that prove them",
	actions: {
		register: {
			description: "Makes an account and signs it in; the access token lives 900 s",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/register",
			limit: { perMinute: 60, by: "address" },
			status: 201,
			params: Type.Object({
				email: Email,
				password: Password,
				name: Type.Optional(Name),
				role: Type.Optional(Type.Enum(["student", "teacher", "factory"])),
			}),
			result: SignedIn,
			errors: { EMAIL_TAKEN },
			example: { ...account, name: "Ada", role: "student" },
		},
		login: {
			description:
				"Signs in; after 10 failures of one account from one address, or 100 from one address, refused for the rest of 15 min",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/login",
			limit: { perMinute: 60, by: "address" },
			params: Type.Object({ email: Email, password: Type.String({ maxLength: 128 }) }),
			result: SignedIn,
			errors: { INVALID_CREDENTIALS },
			example: account,
		},
		refresh: {
			description:
				"Trades a refresh token for its successor and a new access token; the same token again within 10 s gets the same successor",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/refresh",
			limit: { perMinute: 120, by: "address" },
			params: Type.Object({ refreshToken: RefreshToken }),
			result: Tokens,
			errors: { REFRESH_INVALID, REFRESH_REUSED, SESSION_REVOKED },
			example: { refreshToken: "ses_0190f3c2-0000-7000-8000-000000000000.body.tag" },
		},
		logout: {
			description: "Revokes the session this request is made in, on every node within 10 s",
			kind: "write",
			access: "user",
			rest: "POST /api/auth/logout",
			status: 204,
			result: Nothing,
			example: {},
		},
		me: {
			description: "Who is signed in",
			kind: "read",
			access: "user",
			rest: ["GET /api/auth/me", "GET /api/auth/user"],
			result: User,
			errors: { USER_NOT_FOUND },
			example: {},
		},
		verify: {
			description:
				"Whether an access token, the given one or else the request's own, is good at this moment, and whose it is",
			kind: "read",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/verify",
			limit: { perMinute: 300, by: "address" },
			params: Type.Object({ token: Type.Optional(Type.String()) }),
			result: Type.Object(
				{ valid: Type.Boolean(), user: Type.Optional(User) },
				{ $id: "TokenVerdict" },
			),
			example: { token: "not a token" },
		},
		sessions: {
			description: "The caller's sessions that are live, last used first, at most 100",
			kind: "read",
			access: "user",
			rest: "GET /api/auth/sessions",
			result: Type.Object({ items: Type.Array(Session) }, { $id: "Sessions" }),
			example: {},
		},
		revokeSession: {
			description: "Revokes one of the caller's sessions, on every node within 10 s",
			kind: "write",
			access: "user",
			rest: "DELETE /api/auth/sessions/:id",
			status: 204,
			params: byId,
			result: Nothing,
			errors: { SESSION_NOT_FOUND },
			example: { id: "ses_0190f3c2-0000-7000-8000-000000000000" },
		},
		forgotPassword: {
			description:
				"Sends who has an account under this address a link to choose another password, good for 30 min, once in 60 s. " +
				"Answers the same whoever asks; refused after 10 requests for one address, or 100 from one client, in 15 min",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/password/forgot",
			limit: { perMinute: 60, by: "address" },
			status: 202,
			params: Type.Object({ email: Email }),
			result: Accepted,
			example: { email: account.email },
		},
		resetPassword: {
			description:
				"Gives the account another password by the token of a mail, once, and revokes all of its sessions",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/password/reset",
			limit: { perMinute: 60, by: "address" },
			status: 204,
			params: Type.Object({ token: MailedToken, password: Password }),
			result: Nothing,
			errors: { RESET_TOKEN_INVALID: invalidLink, RESET_TOKEN_EXPIRED: expiredLink },
			example: { token: "usr_0.lnk_0.secret", password: account.password },
		},
		verifyEmail: {
			description: "Confirms an address by the token of a mail; the same on every repeat",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/auth/email/verify",
			limit: { perMinute: 60, by: "address" },
			status: 204,
			params: Type.Object({ token: MailedToken }),
			result: Nothing,
			errors: {
				VERIFICATION_TOKEN_INVALID: invalidLink,
				VERIFICATION_TOKEN_EXPIRED: expiredLink,
			},
			example: { token: "usr_0.lnk_0.secret" },
		},
		resendVerification: {
			description: "Sends the caller another mail to confirm their address by, once in 60 s",
			kind: "write",
			access: "user",
			rest: "POST /api/auth/email/resend",
			limit: { perMinute: 10, by: "caller" },
			status: 202,
			result: Accepted,
			errors: { EMAIL_VERIFIED },
			example: {},
		},
		mailLink: {
			description:
				"The link that a mail is to carry, made anew for each try to send it; none where it is not wanted any more",
			kind: "write",
			access: "internal",
			params: Type.Object({
				purpose: Type.Enum(["reset", "verification"]),
				userId: Type.String(),
				id: Type.String(),
			}),
			result: Type.Object({ url: Type.Optional(Type.String()) }, { $id: "MailedLink" }),
			example: {
				purpose: "reset",
				userId: "usr_0190f3c2-0000-7000-8000-000000000000",
				id: "lnk_0190f3c2-0000-7000-8000-000000000000",
			},
		},
		jwks: {
			description: "Public keys that access tokens are verified with (RFC 7517)",
			kind: "read",
			access: "public",
			rest: "GET /.well-known/jwks.json",
			result: Type.Object(
				{
					keys: Type.Array(
						Type.Object({
							kid: Type.String(),
							kty: Type.Literal("EC"),
							crv: Type.Literal("P-256"),
							x: Type.String(),
							y: Type.String(),
							alg: Type.Literal("ES256"),
							use: Type.Literal("sig"),
						}),
					),
				},
				{ $id: "JsonWebKeys" },
			),
			example: {},
		},
		rotateKeys: {
			description:
				"Makes a new signing key: published now, it signs in 60 s, and the others verify until their last token has " +
				"expired. `atOnce` is for a key that was lost: every access token ends within 35 s, sessions go on by refresh",
			kind: "write",
			access: ["internal", { roles: ["admin"] }],
			params: Type.Object({ atOnce: Type.Optional(Type.Boolean()) }),
			result: Type.Object(
				{ kid: Type.String(), activeFrom: Timestamp },
				{ $id: "RotatedSigningKeys" },
			),
			sensitive: true,
			audit: true,
			example: {},
		},
		revoked: {
			description:
				"Ids of sessions revoked so lately that an access token of theirs may not have expired",
			kind: "read",
			access: "internal",
			result: Type.Object({ sessions: Type.Array(Type.String()) }, { $id: "RevokedSessions" }),
			example: {},
		},
		revokeUser: {
			description: "Revokes every session of a user that was opened up to an instant",
			kind: "write",
			access: "internal",
			params: Type.Object({ userId: Id, before: Timestamp }),
			result: Type.Object({ revoked: Type.Integer() }, { $id: "RevokedOfUser" }),
			example: {
				userId: "usr_0190f3c2-0000-7000-8000-000000000000",
				before: "2026-01-01T00:00:00.000Z",
			},
		},
		signInAs: {
			description:
				"Signs a user in without the password, for an operator's console; each is logged with the node that asked",
			kind: "write",
			access: "internal",
			params: Type.Object({ email: Email }),
			result: SignedIn,
			errors: { USER_NOT_FOUND },
			example: { email: "ada@example.com" },
		},
		purge: {
			description: "Removes sessions, login windows and signing keys that have expired",
			kind: "write",
			access: "internal",
			result: Type.Object({ removed: Type.Integer() }, { $id: "PurgedSessions" }),
			example: {},
		},
	},
	facts: {
		...audited("signing_key"),
		"account.verification_requested": {
			v: 1,
			data: Type.Object(linkData, { $id: "AccountVerificationRequested" }),
		},
		"account.reset_requested": {
			v: 1,
			data: Type.Object(linkData, { $id: "AccountResetRequested" }),
		},
		"account.password_changed": {
			v: 1,
			data: Type.Object({ userId: Type.String() }, { $id: "AccountPasswordChanged" }),
		},
	},
	consumes: {
		"user.rolesChanged": { from: "start" },
		"account.password_changed": { from: "start" },
	},
	schedules: { purge: "PT1H" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		auth: typeof auth;
	}
}
