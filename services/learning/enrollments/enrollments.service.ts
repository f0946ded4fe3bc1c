import { iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { implement } from "../../../kernel/implement.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import type { Payment } from "../../money/payments/payments.contract.ts";
import { enrollments } from "./enrollments.contract.ts";
import { advanceProgress, toHundredths } from "./progress.ts";
import { checkFree, checkOnSale } from "./sale.ts";
import { factData, isSeated, type Pair, paidBy, Seats, seated, tookSeat } from "./seats.ts";
import { enrollmentView } from "./view.ts";

const countLimit = 1_000_000_000;

/** Enrollments: from "I want this course" to a seat that survives any crash. */
export default implement(enrollments, {
	mixins: [Store({ enrollments: EnrollmentModel })],

	methods: {
		seats(): Seats {
			return new Seats(this.enrollments, this.clock);
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

		/** The payment, where it is by this user for this course. */
		async paymentFor(ctx: Ctx, pair: Pair, id: string): Promise<Payment | null> {
			try {
				const payment = await ctx.call("payments.describe", { id });
				const { payable } = payment;
				const isForCourse = payable.kind === "course" && payable.id === pair.courseId;
				return isForCourse && payment.userId === pair.userId ? payment : null;
			} catch (error) {
				if (codeOf(error) === "PAYMENT_NOT_FOUND") return null;
				throw error;
			}
		},
	},

	actions: {
		async enroll(ctx) {
			const course = await ctx.call("courses.describe", { id: ctx.params.courseId });
			const pair = { userId: ctx.locals.user.id, courseId: course.id };
			const seats = this.seats();
			for (;;) {
				const seat = await seats.find(pair);
				if (seat && isSeated(seat)) {
					if (tookSeat(ctx, seat)) return enrollmentView(seat);
					throw problem(enrollments, "ALREADY_ENROLLED");
				}
				const payment = seat ? paidBy(seat) : undefined;
				if (!payment) checkFree(course);
				const taken = seat ? await seats.reopen(ctx, seat, payment) : await seats.open(ctx, pair);
				if (taken) return enrollmentView(taken);
			}
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
			const seat = await this.enrollments.get(ctx.params.id);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			if (seat.userId !== ctx.locals.user.id && !(await this.teaches(ctx, seat.courseId)))
				throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return enrollmentView(seat);
		},

		async getByCourse(ctx) {
			const { courseId } = ctx.params;
			const seat = await this.seats().find({ userId: ctx.locals.user.id, courseId });
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return enrollmentView(seat);
		},

		async progress(ctx) {
			const { courseId, progressPercentage, totalWatchTime } = ctx.params;
			const report = { progress: toHundredths(progressPercentage), totalWatchTime };
			const pair = { userId: ctx.locals.user.id, courseId };
			for (;;) {
				const seat = await this.seats().find(pair);
				if (!seat || !isSeated(seat)) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
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
				if (changed) return enrollmentView(changed);
			}
		},

		async complete(ctx) {
			const { paymentId, ...pair } = ctx.params;
			const payment = await this.paymentFor(ctx, pair, paymentId);
			if (payment?.status !== "captured") throw problem(enrollments, "PAYMENT_NOT_CAPTURED");
			const seat = await this.seats().buy(ctx, pair, paymentId);
			return { success: true as const, enrollmentId: seat.id };
		},

		async drop(ctx) {
			const { userId, courseId, paymentId } = ctx.params;
			const pair = { userId, courseId };
			const payment = paymentId ? await this.paymentFor(ctx, pair, paymentId) : null;
			const refunded = payment?.capturedAt && payment.id;
			const seats = this.seats();
			const seat =
				(await seats.find(pair)) ??
				(refunded && (await seats.openDropped(ctx, pair, refunded))) ??
				(await seats.find(pair));
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			await seats.drop(ctx, seat, refunded);
			return { success: true as const, enrollmentId: seat.id };
		},

		async quote(ctx) {
			const { id, userId } = ctx.params;
			const course = await ctx.call("courses.describe", { id });
			const seat = await this.seats().find({ userId, courseId: id });
			if (seat && (isSeated(seat) || paidBy(seat))) throw problem(enrollments, "ALREADY_ENROLLED");
			checkOnSale(course);
			const { priceMinor: amountMinor, currency, title } = course;
			if (amountMinor === 0) throw problem(enrollments, "COURSE_IS_FREE");
			return { amountMinor, currency, title };
		},

		async fulfilment(ctx) {
			const { id, userId, paymentId } = ctx.params;
			const seat = await this.seats().find({ userId, courseId: id });
			return { enrollment: seat?.payments[paymentId] ? enrollmentView(seat) : null };
		},

		async isEnrolled(ctx) {
			const seat = await this.seats().find(ctx.params);
			return { enrolled: seat !== null && isSeated(seat) };
		},

		async count(ctx) {
			const { courseId } = ctx.params;
			return { count: await this.enrollments.count({ courseId, status: seated }, countLimit) };
		},
	},

	on: {
		async "payment.captured"({ payable, userId, paymentId }, ctx) {
			if (payable.kind === "course")
				await this.seats().buy(ctx, { userId, courseId: payable.id }, paymentId);
		},
	},
});
