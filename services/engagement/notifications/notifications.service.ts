import { iso } from "../../../kernel/clock.ts";
import type { Fact } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { type FactContext, implement } from "../../../kernel/implement.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import {
	type NotificationDoc,
	NotificationModel,
} from "../../../models/engagement/notification.model.ts";
import { PreferenceModel } from "../../../models/engagement/preference.model.ts";
import { kindOf, type NotificationType, notificationTypes } from "./kinds.ts";
import { type Notification, notifications } from "./notifications.contract.ts";
import {
	channelsFor,
	mailAt,
	replacePreferences,
	toPreferences,
	turnMailOff,
} from "./preferences.ts";
import { type Telling, tellings } from "./tellings.ts";
import {
	readUnsubscribeToken,
	unsubscribedPage,
	unsubscribePage,
	unsubscribeToken,
} from "./unsubscribe.ts";
import { write } from "./words.ts";

const readBatch = 200;
const listed = { hidden: { $exists: false } } as const;
const html = "text/html; charset=utf-8";

const answer = ({
	id,
	type,
	title,
	body,
	data,
	readAt,
	createdAt,
}: NotificationDoc): Notification => ({
	id,
	type: type as Notification["type"],
	title,
	body,
	data,
	readAt: readAt ?? null,
	createdAt,
});

interface Teller {
	notify(ctx: FactContext, telling: Telling): Promise<void>;
}

/** A handler of each fact that somebody is told of. */
const told = Object.fromEntries(
	notificationTypes.map(type => [
		type,
		async function (this: Teller, data: never, ctx: FactContext) {
			await this.notify(ctx, tellings[type](data));
		},
	]),
) as { [K in NotificationType]: (data: Fact<K>, ctx: FactContext) => Promise<void> };

/** Notifications: one of each kind for each thing that happened, by each channel, however often it is told. */
export default implement(notifications, {
	mixins: [Store({ notifications: NotificationModel, preferences: PreferenceModel })],

	methods: {
		/**
		 * Tells a user of a fact. Its document decides by which channels, once: a fact that comes again finds it, and does
		 * what was left undone.
		 */
		async notify(ctx: FactContext, { userId, data, said, courseId }: Telling): Promise<void> {
			const { fact } = ctx;
			const type = fact.name as NotificationType;
			const course = courseId && { course: await this.courseTitle(ctx, courseId) };
			const { title, body, path } = write(type, { ...data, ...said, ...course });
			const preference = await this.preferences.get(userId);
			const { inApp, live } = channelsFor(preference, type);
			const at = mailAt(preference, type, this.clock.now());
			const id = derivedId("ntf", fact.id, userId);
			const doc: NotificationDoc = {
				id,
				userId,
				type,
				title,
				body,
				data,
				isRead: !inApp,
				...(!inApp && { hidden: true }),
				...(at !== undefined && { mailAt: at }),
				createdAt: fact.at,
			};
			let decided: NotificationDoc | null = doc;
			try {
				await this.notifications.insert(doc);
				if (live) await this.push(userId, "notification", answer(doc));
			} catch (error) {
				if (!isDuplicate(error)) throw error;
				decided = await this.notifications.get(id);
			}
			if (decided?.mailAt !== undefined)
				await ctx.call("mail.send", {
					key: id,
					userId,
					template: "notification",
					data: { title: decided.title, body: decided.body, path },
					notBefore: decided.mailAt,
					...this.unsubscribing(userId, type),
				});
		},

		/** Where a mail of this type can be turned off; nowhere for a critical one, or where nothing can be signed. */
		unsubscribing(userId: string, type: NotificationType): { unsubscribeUrl?: string } {
			const [secret] = this.env.SERVICE_SECRET_KEY;
			if (kindOf(type).isCritical || secret === undefined) return {};
			const token = unsubscribeToken(secret, userId, type);
			return { unsubscribeUrl: `${this.env.publicUrl}/api/notifications/unsubscribe/${token}` };
		},

		/** A hint to the pages that a user has open; who has none reads it later. */
		async push(userId: string, event: string, said: object): Promise<void> {
			const unread = await this.notifications.count({ userId, isRead: false });
			this.broker.emit("realtime.push", { userId, event, payload: { ...said, unread } });
		},

		async courseTitle(ctx: FactContext, id: string): Promise<string> {
			return (await ctx.call("courses.describe", { id })).title;
		},

		/** @throws UNSUBSCRIBE_TOKEN_INVALID */
		unsubscriber(token: string): { userId: string; type: NotificationType } {
			const found = readUnsubscribeToken(this.env.SERVICE_SECRET_KEY, token);
			if (!found) throw problem(notifications, "UNSUBSCRIBE_TOKEN_INVALID");
			return found;
		},
	},

	actions: {
		async list(ctx) {
			const userId = ctx.locals.user.id;
			const [found, unread] = await Promise.all([
				this.notifications.list({ userId, ...listed }, ctx.params, { createdAt: -1 }),
				this.notifications.count({ userId, isRead: false }),
			]);
			return { ...found, items: found.items.map(answer), unread };
		},

		async read(ctx) {
			const userId = ctx.locals.user.id;
			const owned = { id: ctx.params.id, userId, ...listed };
			const changed = await this.notifications.advance(
				{ ...owned, isRead: false },
				{ $set: { isRead: true, readAt: iso(this.clock.now()) } },
			);
			if (changed) await this.push(userId, "unread", {});
			const found = changed ?? (await this.notifications.findOne(owned));
			if (!found) throw problem(notifications, "NOTIFICATION_NOT_FOUND");
			return answer(found);
		},

		async readAll(ctx) {
			const userId = ctx.locals.user.id;
			const unread = { userId, isRead: false };
			const $set = { isRead: true, readAt: iso(this.clock.now()) };
			for (let read = 0; ; ) {
				const batch = await this.notifications.find(unread, { limit: readBatch });
				const marked = await Promise.all(
					batch.map(({ id }) => this.notifications.advance({ ...unread, id }, { $set })),
				);
				read += marked.filter(Boolean).length;
				if (batch.length === readBatch) continue;
				if (read > 0) await this.push(userId, "unread", {});
				return { read };
			}
		},

		async preferences(ctx) {
			return toPreferences(await this.preferences.get(ctx.locals.user.id));
		},

		async setPreferences(ctx) {
			const { id } = ctx.locals.user;
			return toPreferences(
				await replacePreferences(this.preferences, id, ctx.params, this.clock.now()),
			);
		},

		async unsubscribePage(ctx) {
			const { type } = this.unsubscriber(ctx.params.token);
			return { contentType: html, content: unsubscribePage(type) };
		},

		async unsubscribe(ctx) {
			const { userId, type } = this.unsubscriber(ctx.params.token);
			await turnMailOff(this.preferences, userId, type, this.clock.now());
			return { contentType: html, content: unsubscribedPage(type) };
		},
	},

	on: {
		...told,

		async "account.reset_requested"({ userId, linkId }, ctx) {
			const data = { id: linkId };
			await ctx.call("mail.send", { key: linkId, userId, template: "password_reset", data });
		},

		async "account.verification_requested"({ userId, linkId }, ctx) {
			const data = { id: linkId };
			await ctx.call("mail.send", { key: linkId, userId, template: "email_verification", data });
		},
	},
});
