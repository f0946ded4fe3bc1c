import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { implement } from "../../../kernel/implement.ts";
import { Forgets } from "../../../mixins/forgets.mixin.ts";
import { InRounds } from "../../../mixins/rounds.mixin.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type EnrollmentDoc, EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import { Admission, seatOf } from "./admission.ts";
import { enrollments } from "./enrollments.contract.ts";
import { explainProgress } from "./explain.ts";
import { reportOf } from "./progress.ts";
import { Progression } from "./progression.ts";
import { isSeated, usageOf } from "./seat-steps.ts";
import { Seats, seated } from "./seats.ts";
import { enrollmentView } from "./view.ts";

const countLimit = 1_000_000_000;
const recordsPerPage = 500;

/** Enrollments: from "I want this course" to a seat that survives any crash. */
export default implement(enrollments, {
	mixins: [
		Store({ enrollments: EnrollmentModel }),
		Forgets("enrollments.list", { enrollments: ({ userId }: EnrollmentDoc) => userId }),
		InRounds,
	],

	methods: {
		seats(): Seats {
			return new Seats(this.enrollments, this.clock);
		},

		admission(ctx: Ctx): Admission {
			return new Admission({ seats: this.seats(), ctx });
		},

		progression(ctx: Ctx): Progression {
			return new Progression({ seats: this.seats(), clock: this.clock, ctx });
		},

		async teaches(ctx: Ctx, courseId: string): Promise<boolean> {
			const { id, roles } = ctx.locals.user;
			if (!roles.includes("teacher") && !roles.includes("admin")) return false;
			try {
				return (await ctx.call("courses.describe", { id: courseId })).teacherId === id;
			} catch (error) {
				if (codeOf(error) === "COURSE_NOT_FOUND") return false;
				throw error;
			}
		},

		/** An enrollment that the caller may see. @throws ENROLLMENT_NOT_FOUND */
		async visible(ctx: Ctx, id: string): Promise<EnrollmentDoc> {
			const seat = await this.enrollments.get(id);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			if (seat.userId !== ctx.locals.user.id && !(await this.teaches(ctx, seat.courseId)))
				throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return seat;
		},
	},

	actions: {
		async enroll(ctx) {
			const { courseId } = ctx.params;
			const pair = { userId: ctx.locals.user.id, courseId };
			return enrollmentView(await this.admission(ctx).enroll(pair));
		},

		async list(ctx) {
			const { courseId, ...page } = ctx.params;
			const { id: userId } = ctx.locals.user;
			const teaches = courseId !== undefined && (await this.teaches(ctx, courseId));
			const found = await this.enrollments.list(
				{ ...(courseId && { courseId }), ...(!teaches && { userId }) },
				page,
				{ enrolledAt: -1 },
			);
			return { ...found, items: found.items.map(enrollmentView) };
		},

		async get(ctx) {
			return enrollmentView(await this.visible(ctx, ctx.params.id));
		},

		async getByCourse(ctx) {
			const { courseId } = ctx.params;
			const seat = await this.seats().find({ userId: ctx.locals.user.id, courseId });
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return enrollmentView(seat);
		},

		async progress(ctx) {
			const pair = { userId: ctx.locals.user.id, courseId: ctx.params.courseId };
			return enrollmentView(await this.progression(ctx).report(pair, reportOf(ctx.params)));
		},

		async explainProgress(ctx) {
			const seat = await this.visible(ctx, ctx.params.id);
			const { courseId: id } = seat;
			const [completion, { sections }] = await Promise.all([
				ctx.call("courses.completion", { id }),
				ctx.call("courses.outline", { id }),
			]);
			return explainProgress(
				seat,
				completion,
				sections.flatMap(({ lectures }) => lectures),
			);
		},

		async settle(ctx) {
			const seat = await this.enrollments.get(ctx.params.id);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return enrollmentView(await this.progression(ctx).settle(seat));
		},

		async complete(ctx) {
			const { paymentId, ...pair } = ctx.params;
			const { id } = await this.admission(ctx).complete(pair, paymentId);
			return { success: true as const, enrollmentId: id };
		},

		async drop(ctx) {
			const { userId, courseId, paymentId } = ctx.params;
			const { id } = await this.admission(ctx).giveUp({ userId, courseId }, paymentId);
			return { success: true as const, enrollmentId: id };
		},

		async quote(ctx) {
			const { id: courseId, userId } = ctx.params;
			return this.admission(ctx).quote({ userId, courseId });
		},

		async fulfilment(ctx) {
			const { id, userId, paymentId } = ctx.params;
			const seat = await this.seats().find({ userId, courseId: id });
			return { enrollment: seat?.payments[paymentId] ? enrollmentView(seat) : null };
		},

		async usage(ctx) {
			const { id, userId, paymentId } = ctx.params;
			const seat = await this.seats().find({ userId, courseId: id });
			return seat ? usageOf(seat, paymentId) : { part: 1, of: 1 };
		},

		async hold(ctx) {
			const { id: courseId, userId, ...refund } = ctx.params;
			return this.seats().hold(ctx, { userId, courseId }, refund);
		},

		async release(ctx) {
			const { id: courseId, userId, ...refund } = ctx.params;
			await this.seats().release(ctx, { userId, courseId }, refund);
			return { released: true as const };
		},

		async isEnrolled(ctx) {
			const seat = await this.seats().find(ctx.params);
			return { enrolled: seat !== null && isSeated(seat) };
		},

		async records(ctx) {
			const { after = "", ids } = ctx.params;
			const found = await this.enrollments.find(
				{ id: ids ? { $in: ids } : { $gt: after } },
				{ sort: { id: 1 }, limit: recordsPerPage },
			);
			return { items: found.map(enrollmentView) };
		},

		async count(ctx) {
			const { courseId } = ctx.params;
			return { count: await this.enrollments.count({ courseId, status: seated }, countLimit) };
		},
	},

	on: {
		/** Several changes of one course at once are one round through its seats, after which each of them is done. */
		async "course.completion_changed"({ courseId }, ctx) {
			await this.rounds.join(courseId, () => this.progression(ctx).settleAll(courseId));
		},

		/** What was watched before a seat was given up may be all there is by now. */
		async "enrollment.activated"({ enrollmentId }, ctx) {
			const seat = await this.enrollments.get(enrollmentId);
			if (seat?.watched) await this.progression(ctx).settle(seat);
		},

		async "payment.captured"(payment, ctx) {
			const pair = seatOf(payment);
			if (pair) await this.admission(ctx).buy(pair, payment.paymentId);
		},

		async "payment.refunded"(refund, ctx) {
			const pair = seatOf(refund);
			if (pair) await this.seats().refunded(ctx, pair, refund);
		},

		async "payment.refund_failed"(refund, ctx) {
			const pair = seatOf(refund);
			if (pair) await this.seats().refundFailed(ctx, pair, refund);
		},

		async "payment.charged_back"(dispute, ctx) {
			const pair = seatOf(dispute);
			if (pair) await this.seats().chargedBack(ctx, pair, dispute);
		},
	},
});
