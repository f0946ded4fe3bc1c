import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { byId, listParams, pageOf, Timestamp } from "../../../kernel/schemas.ts";

const NotificationType = Type.Enum([
	"enrollment.activated",
	"enrollment.completed",
	"payment.captured",
	"payment.failed",
	"payment.refunded",
	"payment.refund_failed",
]);

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
	},
	consumes: {
		"enrollment.activated": { from: "start" },
		"enrollment.completed": { from: "start" },
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
