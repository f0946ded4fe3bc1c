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
		createdAt: String,
	},
	indexes: { userId: {} },
});
