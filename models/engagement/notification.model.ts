import { defineModel } from "../../kernel/store/model.ts";

export interface NotificationDoc {
	/** Derived from the fact it tells and the user it is for: one of each, for ever. */
	id: string;
	userId: string;
	type: string;
	title: string;
	body: string;
	/** Ids and amounts for links. */
	data: Record<string, string | number>;
	/** Whether it was read: an index cannot hold what is not there. */
	isRead: boolean;
	readAt?: string;
	/** It is not in the inbox, by its user's wish; kept so that nothing is told twice. */
	hidden?: true;
	/** When its mail may go, ISO 8601, as was decided when it was first heard of; none for no mail. */
	mailAt?: string;
	/** When it happened, not when it was heard of. */
	createdAt: string;
}

export const NotificationModel = defineModel<NotificationDoc>()({
	name: "notifications",
	fields: {
		userId: String,
		type: String,
		title: String,
		body: String,
		data: { type: Object },
		isRead: Boolean,
		readAt: String,
		hidden: Boolean,
		mailAt: String,
		createdAt: String,
	},
	indexes: {},
	compound: [
		["userId", "createdAt"],
		["userId", "isRead"],
	],
});
