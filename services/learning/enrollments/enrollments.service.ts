import { iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type EnrollmentDoc, EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import type { Course } from "../courses/courses.contract.ts";
import { type Enrollment, enrollments } from "./enrollments.contract.ts";
import { advanceProgress, toHundredths } from "./progress.ts";
import { factData, isPaid, pairOf, Seats, seated } from "./seats.ts";

const countLimit = 1_000_000_000;

const answer = (doc: EnrollmentDoc): Enrollment => ({
	id: doc.id,
	courseId: doc.courseId,
	userId: doc.userId,
	status: doc.status,
	progressPercentage: doc.progress / 100,
	totalWatchTime: doc.totalWatchTime,
	enrolledAt: doc.enrolledAt,
	...(doc.completedAt && { completedAt: doc.completedAt }),
});

/** Enrollments: from "I want this course" to a seat that survives any crash. */
export default implement(enrollments, {
	mixins: [Store({ enrollments: EnrollmentModel })],

	methods: {
		seats(): Seats {
			return new Seats(this.enrollments, this.clock);
		},

		/** @throws COURSE_NOT_FOUND for one that is not on sale. */
		async courseOnSale(ctx: Ctx, id: string): Promise<Course> {
			const course = await ctx.call("courses.describe", { id });
			if (course.status !== "published") throw problem(enrollments, "COURSE_NOT_FOUND");
			return course;
		},

		async find(userId: string, courseId: string): Promise<EnrollmentDoc | null> {
			return this.enrollments.findOne({ userCourse: pairOf(userId, courseId) });
		},

		async teaches(ctx: Ctx, courseId: string): Promise<boolean> {
			try {
				const course = await ctx.call("courses.describe", { id: courseId });
				return course.teacherId === ctx.locals.user.id;
			} catch (error) {
				if (codeOf(error) === "COURSE_NOT_FOUND") return false;
				throw error;
			}
		},

		/** Whether a payment was captured for this user and course. */
		async isCovered(
			ctx: Ctx,
			{ userId, courseId, paymentId }: Record<"userId" | "courseId" | "paymentId", string>,
		): Promise<boolean> {
			try {
				const payment = await ctx.call("payments.describe", { id: paymentId });
				return (
					payment.status === "captured" &&
					payment.userId === userId &&
					payment.payable.kind === "course" &&
					payment.payable.id === courseId
				);
			} catch (error) {
				if (codeOf(error) === "PAYMENT_NOT_FOUND") return false;
				throw error;
			}
		},
	},

	actions: {
		async enroll(ctx) {
			const { id: userId } = ctx.locals.user;
			const course = await this.courseOnSale(ctx, ctx.params.courseId);
			const seat = await this.find(userId, course.id);
			if (seat && seat.status !== "dropped") throw problem(enrollments, "ALREADY_ENROLLED");
			if (course.priceMinor > 0 && !(seat && isPaid(seat)))
				throw problem(enrollments, "PAYMENT_REQUIRED", {
					courseId: course.id,
					amount: toMajor(course.priceMinor, course.currency),
					amountMinor: course.priceMinor,
					currency: course.currency,
				});
			const taken = seat
				? await this.seats().reopen(ctx, seat)
				: await this.seats().open(ctx, userId, course.id);
			if (!taken) throw problem(enrollments, "ALREADY_ENROLLED");
			return answer(taken);
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
			return { ...found, items: found.items.map(answer) };
		},

		async get(ctx) {
			const seat = await this.enrollments.get(ctx.params.id);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			if (seat.userId !== ctx.locals.user.id && !(await this.teaches(ctx, seat.courseId)))
				throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return answer(seat);
		},

		async getByCourse(ctx) {
			const seat = await this.find(ctx.locals.user.id, ctx.params.courseId);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return answer(seat);
		},

		async progress(ctx) {
			const { courseId, progressPercentage, totalWatchTime } = ctx.params;
			const report = { progress: toHundredths(progressPercentage), totalWatchTime };
			for (;;) {
				const seat = await this.find(ctx.locals.user.id, courseId);
				if (!seat || seat.status === "dropped") throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
				const { completes, ...$set } = advanceProgress(seat, report);
				const changed = await this.enrollments.advance(
					{
						id: seat.id,
						status: seat.status,
						progress: seat.progress,
						totalWatchTime: seat.totalWatchTime,
					},
					{
						$set: {
							...$set,
							...(completes && { status: "completed", completedAt: iso(this.clock.now()) }),
						},
					},
					completes
						? [fact(ctx, this.clock, enrollments, "enrollment.completed", factData(seat))]
						: [],
				);
				if (changed) return answer(changed);
			}
		},

		async complete(ctx) {
			const { userId, courseId, paymentId } = ctx.params;
			if (!(await this.isCovered(ctx, ctx.params)))
				throw problem(enrollments, "PAYMENT_NOT_CAPTURED");
			const seat = await this.seats().forPayment(ctx, userId, courseId, paymentId);
			return { success: true as const, enrollmentId: seat.id };
		},

		async drop(ctx) {
			const { userId, courseId, paymentId } = ctx.params;
			const seat = await this.find(userId, courseId);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			await this.enrollments.advance(
				{ id: seat.id, status: seated },
				{
					$set: {
						status: "dropped",
						droppedAt: iso(this.clock.now()),
						...(paymentId && { [`payments.${paymentId}`]: "refunded" }),
					},
				},
				[fact(ctx, this.clock, enrollments, "enrollment.dropped", factData(seat))],
			);
			return { success: true as const, enrollmentId: seat.id };
		},

		async quote(ctx) {
			const { id, userId } = ctx.params;
			const { priceMinor, currency, title } = await this.courseOnSale(ctx, id);
			if (priceMinor === 0) throw problem(enrollments, "COURSE_IS_FREE");
			const seat = await this.find(userId, id);
			if (seat && (seat.status !== "dropped" || isPaid(seat)))
				throw problem(enrollments, "ALREADY_ENROLLED");
			return { amountMinor: priceMinor, currency, title };
		},

		async fulfilment(ctx) {
			const { id, userId, paymentId } = ctx.params;
			const seat = await this.find(userId, id);
			return { enrollment: seat?.payments[paymentId] ? answer(seat) : null };
		},

		async isEnrolled(ctx) {
			const seat = await this.find(ctx.params.userId, ctx.params.courseId);
			return { enrolled: seat !== null && seat.status !== "dropped" };
		},

		async count(ctx) {
			const { courseId } = ctx.params;
			return { count: await this.enrollments.count({ courseId, status: seated }, countLimit) };
		},
	},

	on: {
		async "payment.captured"({ payable, userId, paymentId }, ctx) {
			if (payable.kind === "course")
				await this.seats().forPayment(ctx, userId, payable.id, paymentId);
		},
	},
});
