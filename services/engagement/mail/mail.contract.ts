import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { FileAnswer, Id, listParams, pageOf, Timestamp } from "../../../kernel/schemas.ts";

const Template = Type.Enum(["notification", "password_reset", "email_verification"], {
	description:
		"notification: `title`, `body`, and `path` of a page; the other two: `id` of what auth is asked a link for",
});
export type Template = Static<typeof Template>;

const State = Type.Enum(["waiting", "sent", "parked", "dropped", "off"], {
	description:
		"parked: refused for good, or not sent for 3 days; dropped: of no use any more; off: nobody carries mail here",
});

const SandboxMail = Type.Object(
	{
		id: Type.String(),
		template: Template,
		to: Type.String(),
		subject: Type.String(),
		text: Type.String(),
		html: Type.String(),
		unsubscribeUrl: Type.Optional(
			Type.String({ description: "Where one POST turns this kind of mail off (RFC 8058)" }),
		),
		sentAt: Timestamp,
	},
	{ $id: "SandboxMail" },
);
export type SandboxMail = Static<typeof SandboxMail>;

const page = {
	kind: "read",
	access: "public",
	ignoresToken: true,
	answers: "file",
	result: FileAnswer,
	onlyWhere: "sandbox",
	example: {},
} as const;

/** Mail's own words: one letter to one reader, sent once it can be. */
export const mail = defineContract("mail", {
	description:
		"Letters to people, each stored before it is sent, and what it says kept for `RETENTION_DAYS` after",
	actions: {
		send: {
			description:
				"Sends a mail, to a user or an address, at once or not before an instant; one mail for each `key`, however often",
			kind: "write",
			access: "internal",
			params: Type.Object({
				key: Type.String({ minLength: 1, maxLength: 200 }),
				userId: Type.Optional(Id),
				to: Type.Optional(Type.String({ maxLength: 254 })),
				template: Template,
				data: Type.Optional(
					Type.Object({
						title: Type.Optional(Type.String({ maxLength: 500 })),
						body: Type.Optional(Type.String({ maxLength: 5_000 })),
						path: Type.Optional(Type.String({ maxLength: 500 })),
						id: Type.Optional(Id),
					}),
				),
				notBefore: Type.Optional(Timestamp),
				unsubscribeUrl: Type.Optional(Type.String({ maxLength: 2_048 })),
			}),
			result: Type.Object({ id: Type.String(), state: State }, { $id: "MailSent" }),
			example: {
				key: "ntf_0190f3c2-0000-7000-8000-000000000000",
				userId: "usr_0190f3c2-0000-7000-8000-000000000000",
				template: "notification",
				data: { title: "Payment received", body: "We received $99.99." },
			},
		},
		sendDue: {
			description: "Sends what waits and is due",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ sent: Type.Integer() }, { $id: "MailsSent" }),
			example: {},
		},
		endContent: {
			description:
				"Removes address and words of mails that went, or were dropped, longer than `RETENTION_DAYS` ago; that they " +
				"were sent stays known, so that none goes twice",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ ended: Type.Integer() }, { $id: "EndedMails" }),
			example: {},
		},
		retry: {
			description: "Has a parked mail tried once more",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Type.String() }),
			result: Type.Object({ state: State }, { $id: "MailRetried" }),
			errors: { MAIL_NOT_FOUND: { status: 404, title: "There is no such mail" } },
			example: { id: "mal_0190f3c2-0000-7000-8000-000000000000" },
		},
		shown: {
			description: "Mails that the sandbox took, newest first: the caller's own; all for an admin",
			kind: "read",
			access: "user",
			rest: "GET /api/sandbox/mails",
			params: Type.Object(listParams),
			result: pageOf("SandboxMailPage", SandboxMail),
			onlyWhere: "sandbox",
			example: { pageSize: 10 },
		},
		inbox: {
			...page,
			description: "The page that shows the mails the sandbox took, to who signs in",
			rest: "GET /sandbox/inbox",
			media: ["text/html"],
		},
		inboxScript: {
			...page,
			description: "The inbox page's script",
			rest: "GET /sandbox/inbox.js",
			media: ["text/javascript"],
		},
		inboxStyle: {
			...page,
			description: "The inbox page's style",
			rest: "GET /sandbox/inbox.css",
			media: ["text/css"],
		},
	},
	schedules: { sendDue: "PT5S", endContent: "PT5M" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		mail: typeof mail;
	}
}
