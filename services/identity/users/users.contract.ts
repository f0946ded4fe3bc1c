import { type Static, Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import { Id, listParams, pageOf, Timestamp } from "../../../kernel/schemas.ts";

export const Role = Type.Enum(["student", "teacher", "factory", "admin"]);
export type Role = Static<typeof Role>;
export const Name = Type.String({ maxLength: 100 });
/** As a client types it; what makes an address is checked on its canonical form. */
export const Email = Type.String({
	minLength: 1,
	maxLength: 254,
	description: "E-mail address; compared trimmed, NFKC, lower case",
});
const Roles = Type.Array(Role, { minItems: 1, maxItems: 4, uniqueItems: true });
const PictureUrl = Type.String({
	maxLength: 2_048,
	pattern: "^(https?://[^\\s]+)?$",
	description: "An http(s) address; an empty one removes the picture",
});

const profileFields = {
	id: Type.String(),
	name: Type.String(),
	roles: Type.Array(Role),
	pictureUrl: Type.Optional(Type.String()),
};

export const User = Type.Object(
	{
		...profileFields,
		email: Type.String({ description: "Canonical: trimmed, NFKC, lower case" }),
		emailVerified: Type.Boolean({ description: "A mail to this address has been answered" }),
		approved: Type.Optional(
			Type.Boolean({ description: "An admin lets this teacher publish what has a price" }),
		),
		createdAt: Timestamp,
	},
	{ $id: "User" },
);
export type User = Static<typeof User>;

export const UserProfile = Type.Object(
	{
		...profileFields,
		email: Type.Optional(Type.String({ description: "Only for oneself and admins" })),
	},
	{ $id: "UserProfile" },
);

export const USER_NOT_FOUND = { status: 404, title: "There is no such user" } as const;

const example = { id: "usr_0190f3c2-0000-7000-8000-000000000000" };
const admins = { roles: ["admin"] } as const;

/** A user's own words: who somebody is to others, and what they may be. How they prove it is auth's. */
export const users = defineContract("users", {
	description: "Profiles, roles and approvals of the people who use the deployment",
	actions: {
		me: {
			description: "The caller's own profile",
			kind: "read",
			access: "user",
			rest: "GET /api/users/me",
			result: User,
			errors: { USER_NOT_FOUND },
			example: {},
		},
		updateMe: {
			description: "Changes the caller's own name or picture, and nothing else",
			kind: "write",
			access: "user",
			rest: "PATCH /api/users/me",
			params: Type.Object({
				name: Type.Optional(Name),
				pictureUrl: Type.Optional(PictureUrl),
			}),
			result: User,
			errors: { USER_NOT_FOUND },
			example: { name: "Ada" },
		},
		get: {
			description:
				"A user's public profile, up to 10 s old; with the e-mail for the user and for admins",
			kind: "read",
			cache: { ttlSeconds: 10, about: "id" },
			access: "user",
			rest: "GET /api/users/:id",
			params: Type.Object({ id: Type.String() }),
			result: UserProfile,
			errors: { USER_NOT_FOUND },
			example,
		},
		list: {
			description: "All users, newest first; `email` finds the one who has it",
			kind: "read",
			access: admins,
			rest: "GET /api/users",
			params: Type.Object({ ...listParams, email: Type.Optional(Email) }),
			result: pageOf("UserPage", User),
			example: { pageSize: 5 },
		},
		setRoles: {
			description: "Replaces a user's roles and revokes their sessions",
			kind: "write",
			access: admins,
			sensitive: true,
			audit: true,
			rest: "PUT /api/users/:id/roles",
			params: Type.Object({ id: Type.String(), roles: Roles }),
			result: User,
			errors: { USER_NOT_FOUND },
			example: { ...example, roles: ["teacher"] },
		},
		setApproval: {
			description: "Says whether a teacher may publish what has a price",
			kind: "write",
			access: admins,
			sensitive: true,
			audit: true,
			rest: "PUT /api/users/:id/approval",
			params: Type.Object({ id: Type.String(), approved: Type.Boolean() }),
			result: User,
			errors: { USER_NOT_FOUND },
			example: { ...example, approved: true },
		},
		describe: {
			description: "A user's whole profile, for other services",
			kind: "read",
			access: "internal",
			params: Type.Object({ id: Type.String() }),
			result: User,
			errors: { USER_NOT_FOUND },
			example,
		},
		names: {
			description: "Public names by id, of those who are there, for other services",
			kind: "read",
			access: "internal",
			params: Type.Object({ ids: Type.Array(Type.String(), { maxItems: 100 }) }),
			result: Type.Object(
				{ names: Type.Record(Type.String(), Type.String()) },
				{ $id: "UserNames" },
			),
			example: { ids: [example.id] },
		},
		findByEmail: {
			description: "The user who has this e-mail, for other services",
			kind: "read",
			access: "internal",
			params: Type.Object({ email: Email }),
			result: User,
			errors: { USER_NOT_FOUND },
			example: { email: "ada@example.com" },
		},
		create: {
			description:
				"Makes a profile; where the e-mail has one already, by an earlier run, gives that back as it is",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Id, email: Email, name: Name, roles: Roles }),
			result: User,
			example: { ...example, email: "ada@example.com", name: "Ada", roles: ["student"] },
		},
		claim: {
			description:
				"Gives a profile that an earlier registration left behind the name and roles of the one that took it up, once",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Id, name: Name, roles: Roles }),
			result: User,
			errors: { USER_NOT_FOUND },
			example: { ...example, name: "Ada", roles: ["student"] },
		},
		verifyEmail: {
			description: "Notes that a user's address was shown to be theirs; the same on every repeat",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Id }),
			result: User,
			errors: { USER_NOT_FOUND },
			example,
		},
	},
	facts: {
		...audited("user"),
		"user.rolesChanged": {
			v: 1,
			data: Type.Object({ userId: Type.String() }, { $id: "UserRolesChanged" }),
		},
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		users: typeof users;
	}
}
