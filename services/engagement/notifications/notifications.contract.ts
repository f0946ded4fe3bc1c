import { type Static, type TSchema, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { byId, FileAnswer, listParams, pageOf, Timestamp } from "../../../kernel/schemas.ts";
import { notificationTypes, optionalTypes } from "./kinds.ts";

const NotificationType = Type.Enum(notificationTypes);

export const Notification = Type.Object(
	{
		id: Type.String(),
		type: NotificationType,
		title: Type.String(),
		body: Type.String(),
		data: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
		readAt: Type.Union([Timestamp, Type.Null()]),
		createdAt: Timestamp,
	},
	{ $id: "Notification" },
);
export type Notification = Static<typeof Notification>;

const Channels = Type.Object({
	inApp: Type.Boolean({ description: "In the inbox" }),
	email: Type.Boolean({ description: "By mail" }),
	live: Type.Boolean({ description: "At once, to pages that are open" }),
});
const QuietHours = Type.Object(
	{
		from: Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$", description: "HH:MM" }),
		to: Type.String({
			pattern: "^([01]\\d|2[0-3]):[0-5]\\d$",
			description: "HH:MM; before `from`, the next day's",
		}),
		timeZone: Type.String({ minLength: 1, maxLength: 64, description: "IANA time zone" }),
	},
	{ description: "Mails wait until they are over; nothing else does" },
);
/** An object with each of these keys. */
const each = <K extends string, S extends TSchema>(keys: readonly K[], schema: S) =>
	Object.fromEntries(keys.map(key => [key, schema])) as Record<K, S>;

export const Preferences = Type.Object(
	{
		types: Type.Object(each(optionalTypes, Channels)),
		quietHours: Type.Optional(QuietHours),
	},
	{ $id: "NotificationPreferences" },
);
export type Preferences = Static<typeof Preferences>;

const UNSUBSCRIBE_TOKEN_INVALID = {
	status: 404,
	title: "This address is from no mail of ours",
} as const;

export const notifications = defineContract("notifications", {
	description: "What happened that a user should know, in their inbox",
	actions: {
		list: {
			description: "The caller's notifications, newest first, and how many are unread",
			kind: "read",
			access: "user",
			rest: "GET /api/notifications",
			params: Type.Object(listParams),
			result: pageOf("NotificationPage", Notification, {
				unread: Type.Integer({ description: "Exact up to 10,000" }),
			}),
			example: { pageSize: 10 },
		},
		read: {
			description: "Marks a notification as read; a second time changes nothing",
			kind: "write",
			access: "user",
			rest: "PATCH /api/notifications/:id/read",
			params: byId,
			result: Notification,
			errors: { NOTIFICATION_NOT_FOUND: { status: 404, title: "There is no such notification" } },
			example: { id: "ntf_0190f3c2-0000-7000-8000-000000000000" },
		},
		readAll: {
			description: "Marks all of the caller's notifications as read",
			kind: "write",
			access: "user",
			rest: "POST /api/notifications/read-all",
			result: Type.Object({ read: Type.Integer() }, { $id: "NotificationsRead" }),
			example: {},
		},
		preferences: {
			description: "By which channels the caller hears of what; critical types are not in it",
			kind: "read",
			access: "user",
			rest: "GET /api/notifications/preferences",
			result: Preferences,
			example: {},
		},
		setPreferences: {
			description:
				"Replaces the caller's preferences; what is left out is as it is for all, without quiet hours there are none",
			kind: "write",
			access: "user",
			rest: "PUT /api/notifications/preferences",
			params: Type.Object({
				types: Type.Optional(
					Type.Object(each(optionalTypes, Type.Optional(Type.Partial(Channels)))),
				),
				quietHours: Type.Optional(QuietHours),
			}),
			result: Preferences,
			example: {
				types: { "payment.captured": { email: false } },
				quietHours: { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" },
			},
		},
		unsubscribePage: {
			description:
				"The page on which a reader turns one kind of mail off; reading it changes nothing",
			kind: "read",
			access: "public",
			ignoresToken: true,
			rest: "GET /api/notifications/unsubscribe/:token",
			answers: "file",
			media: ["text/html"],
			params: Type.Object({ token: Type.String() }),
			result: FileAnswer,
			errors: { UNSUBSCRIBE_TOKEN_INVALID },
			example: { token: "usr_0.mac.payment.captured" },
		},
		unsubscribe: {
			description:
				"Turns the kind of mail off that the address came with: one click, by the page's button or by a mail program (RFC 8058)",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/notifications/unsubscribe/:token",
			accepts: "raw",
			answers: "file",
			media: ["text/html"],
			params: Type.Object({
				token: Type.String(),
				headers: Type.Object({}, { additionalProperties: true }),
				body: Type.String({ description: "base64; of no consequence" }),
			}),
			result: FileAnswer,
			errors: { UNSUBSCRIBE_TOKEN_INVALID },
		},
	},
	consumes: {
		"account.password_changed": { from: "now" },
		"account.reset_requested": { from: "now" },
		"account.verification_requested": { from: "now" },
		"certificate.issued": { from: "start" },
		"enrollment.activated": { from: "start" },
		"enrollment.completed": { from: "start" },
		"lecture.ready": { from: "start" },
		"payment.captured": { from: "start" },
		"payment.failed": { from: "start" },
		"payment.refunded": { from: "start" },
		"payment.refund_failed": { from: "start" },
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		notifications: typeof notifications;
	}
}
