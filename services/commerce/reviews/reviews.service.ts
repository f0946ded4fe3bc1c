import { iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf, invalidField, isOutage, problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { implement } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type ReviewDoc, ReviewModel } from "../../../models/commerce/review.model.ts";
import { Records } from "./records.ts";
import { type Review, type Reviewing, reviews, type Subject } from "./reviews.contract.ts";
import { changed, counting, given, subjectKeyOf, taken } from "./steps.ts";
import { subjectOf } from "./subject.ts";
import { plainText } from "./text.ts";
import { reviewView } from "./view.ts";

/** Reviews: what people who have something say of it, each once. */
export default implement(reviews, {
	mixins: [Store({ reviews: ReviewModel })],

	methods: {
		records(): Records {
			return new Records(this.reviews, this.clock);
		},

		/** Who a user is to a subject, as its owner says; null where there is no such thing for them. */
		async reviewing(ctx: Ctx, { kind, id }: Subject, userId: string): Promise<Reviewing | null> {
			const action = platformOf(this.broker).contracts.provider(`reviewing:${kind}`);
			if (!action) throw invalidField("/subject/kind", "UNKNOWN", "is nothing that is reviewed");
			try {
				return (await ctx.call(action as never, { id, userId } as never)) as Reviewing;
			} catch (error) {
				if (codeOf(error) === "COURSE_NOT_FOUND") return null;
				throw error;
			}
		},

		/** Has a review count as long as its author has what it is of. */
		async recheck(ctx: Ctx, review: ReviewDoc | null): Promise<void> {
			for (let now = review; now; now = await this.reviews.get(now.id)) {
				const answer = await this.reviewing(ctx, now.subject, now.userId);
				const change = counting(now, answer?.mayReview ?? false);
				if (!change) return;
				await this.records().write(ctx, now, change);
			}
		},

		/** Reviews as answers show them; without names while nobody can say them. */
		async views(ctx: Ctx, found: readonly ReviewDoc[]): Promise<Review[]> {
			const ids = [...new Set(found.map(({ userId }) => userId))];
			const { names } = await ctx.call("users.names", { ids }).catch(error => {
				if (!isOutage(error)) throw error;
				return { names: {} as Record<string, string> };
			});
			return found.map(review => reviewView(review, names[review.userId] ?? ""));
		},

		async view(ctx: Ctx, review: ReviewDoc): Promise<Review> {
			return (await this.views(ctx, [review]))[0] as Review;
		},
	},

	actions: {
		async create(ctx) {
			const subject = subjectOf(ctx.params);
			const { id: userId } = ctx.locals.user;
			const answer = await this.reviewing(ctx, subject, userId);
			if (!answer) throw problem(reviews, "COURSE_NOT_FOUND");
			if (!answer.mayReview) throw problem(reviews, "REVIEW_NOT_ALLOWED");
			const { seed } = ctx.headers as { seed?: string };
			const said = given(subject, ctx.params, { now: iso(this.clock.now()), seed });
			const review = { id: idFor(ctx, "rev"), userId, subject };
			return this.view(ctx, await this.records().give(ctx, review, said));
		},

		async list(ctx) {
			const { courseId, kind = "course", subjectId, sort = "-createdAt", ...page } = ctx.params;
			const subject = subjectOf({
				...(courseId !== undefined && { courseId }),
				...(subjectId !== undefined && { subject: { kind, id: subjectId } }),
			});
			const guard = { subjectKey: subjectKeyOf(subject) };
			const [found, stars] = await Promise.all([
				this.reviews.list(guard, page, {
					[sort.replace("-", "")]: sort.startsWith("-") ? -1 : 1,
				}),
				this.records().summary(subject),
			]);
			return { ...found, ...stars, items: await this.views(ctx, found.items) };
		},

		async mine(ctx) {
			const { courseId: id, ...page } = ctx.params;
			const subjectKey = id ? subjectKeyOf({ kind: "course", id }) : { $exists: true };
			const guard = { userId: ctx.locals.user.id, subjectKey };
			const found = await this.reviews.list(guard, page, { createdAt: -1 });
			return { ...found, items: await this.views(ctx, found.items) };
		},

		async update(ctx) {
			const { id, ...said } = ctx.params;
			const review = await this.records().change(ctx, id, now => {
				if (now.userId !== ctx.locals.user.id) throw problem(reviews, "FORBIDDEN");
				return changed(now, said, iso(this.clock.now()));
			});
			return this.view(ctx, review);
		},

		async remove(ctx) {
			const { id: userId, roles } = ctx.locals.user;
			await this.records().change(ctx, ctx.params.id, now => {
				if (now.userId !== userId && !roles.includes("admin")) throw problem(reviews, "FORBIDDEN");
				return taken(iso(this.clock.now()));
			});
			return null;
		},

		async reply(ctx) {
			const { id: userId } = ctx.locals.user;
			const { subject } = await this.records().get(ctx.params.id);
			const answer = await this.reviewing(ctx, subject, userId);
			if (!answer?.mayReply) throw problem(reviews, "FORBIDDEN");
			const text = plainText(ctx.params.text);
			if (!text) throw invalidField("/text", "EMPTY", "must have something to read");
			const review = await this.records().change(ctx, ctx.params.id, ({ reply }) => {
				if (!reply) return { $set: { reply: { text, userId, createdAt: iso(this.clock.now()) } } };
				if (reply.userId === userId && reply.text === text) return null;
				throw problem(reviews, "ALREADY_REPLIED");
			});
			return this.view(ctx, review);
		},

		async summary(ctx) {
			return this.records().summary(ctx.params.subject);
		},
	},

	on: {
		/** Of its own: a review given while its author lost what it is of does not count for long. */
		async "review.changed"({ reviewId }, ctx) {
			await this.recheck(ctx, await this.reviews.get(reviewId));
		},

		async "enrollment.activated"({ userId, courseId: id }, ctx) {
			await this.recheck(ctx, await this.records().find(userId, { kind: "course", id }));
		},

		async "enrollment.dropped"({ userId, courseId: id }, ctx) {
			await this.recheck(ctx, await this.records().find(userId, { kind: "course", id }));
		},
	},
});
