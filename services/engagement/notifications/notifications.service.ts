import { iso } from "../../../kernel/clock.ts";
import { problem } from "../../../kernel/errors.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { type FactContext, implement } from "../../../kernel/implement.ts";
import { format } from "../../../kernel/money/money.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import {
	type NotificationDoc,
	NotificationModel,
} from "../../../models/engagement/notification.model.ts";
import { type Notification, notifications } from "./notifications.contract.ts";

const readBatch = 200;

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

/** Notifications: one of each kind for each thing that happened, however often it is told. */
export default implement(notifications, {
	mixins: [Store({ notifications: NotificationModel })],

	methods: {
		/** Puts it into the inbox once, as of when it happened; the fact that caused it decides its id. */
		async notify(
			{ fact }: FactContext,
			userId: string,
			title: string,
			body: string,
			data: NotificationDoc["data"],
		): Promise<void> {
			try {
				await this.notifications.insert({
					id: derivedId("ntf", fact.id, userId),
					userId,
					type: fact.name,
					title,
					body,
					data,
					isRead: false,
					createdAt: fact.at,
				});
			} catch (error) {
				if (!isDuplicate(error)) throw error;
			}
		},

		async courseTitle(ctx: FactContext, id: string): Promise<string> {
			return (await ctx.call("courses.describe", { id })).title;
		},
	},

	actions: {
		async list(ctx) {
			const userId = ctx.locals.user.id;
			const [found, unread] = await Promise.all([
				this.notifications.list({ userId }, ctx.params, { createdAt: -1 }),
				this.notifications.count({ userId, isRead: false }),
			]);
			return { ...found, items: found.items.map(answer), unread };
		},

		async read(ctx) {
			const owned = { id: ctx.params.id, userId: ctx.locals.user.id };
			const changed =
				(await this.notifications.advance(
					{ ...owned, isRead: false },
					{ $set: { isRead: true, readAt: iso(this.clock.now()) } },
				)) ?? (await this.notifications.findOne(owned));
			if (!changed) throw problem(notifications, "NOTIFICATION_NOT_FOUND");
			return answer(changed);
		},

		async readAll(ctx) {
			const unread = { userId: ctx.locals.user.id, isRead: false };
			const $set = { isRead: true, readAt: iso(this.clock.now()) };
			for (let read = 0; ; ) {
				const batch = await this.notifications.find(unread, { limit: readBatch });
				const marked = await Promise.all(
					batch.map(({ id }) => this.notifications.advance({ ...unread, id }, { $set })),
				);
				read += marked.filter(Boolean).length;
				if (batch.length < readBatch) return { read };
			}
		},
	},

	on: {
		async "enrollment.activated"({ userId, courseId, enrollmentId }, ctx) {
			const title = await this.courseTitle(ctx, courseId);
			await this.notify(ctx, userId, `You are enrolled in ${title}`, "The course is open to you.", {
				courseId,
				enrollmentId,
			});
		},

		async "enrollment.completed"({ userId, courseId, enrollmentId }, ctx) {
			const title = await this.courseTitle(ctx, courseId);
			await this.notify(ctx, userId, `You completed ${title}`, "Well done.", {
				courseId,
				enrollmentId,
			});
		},

		async "payment.captured"({ userId, paymentId, amountMinor, currency }, ctx) {
			const amount = format({ amountMinor, currency });
			await this.notify(ctx, userId, "Payment received", `We received ${amount}.`, {
				paymentId,
				amountMinor,
				currency,
			});
		},

		async "payment.failed"({ userId, paymentId, reason }, ctx) {
			await this.notify(
				ctx,
				userId,
				"Payment failed",
				`The payment did not go through: ${reason}.`,
				{ paymentId },
			);
		},

		async "payment.refunded"({ userId, paymentId, refundId, amountMinor, currency }, ctx) {
			const amount = format({ amountMinor, currency });
			await this.notify(ctx, userId, "Payment refunded", `We gave you ${amount} back.`, {
				paymentId,
				refundId,
				amountMinor,
				currency,
			});
		},

		async "payment.refund_failed"({ userId, paymentId, refundId, amountMinor, currency }, ctx) {
			const amount = format({ amountMinor, currency });
			const body = `The ${amount} could not be given back. What you bought is open to you as before.`;
			await this.notify(ctx, userId, "Refund failed", body, {
				paymentId,
				refundId,
				amountMinor,
				currency,
			});
		},
	},
});
