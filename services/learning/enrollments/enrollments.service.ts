import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { implement } from "../../../kernel/implement.ts";
import { Forgets } from "../../../mixins/forgets.mixin.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type EnrollmentDoc, EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import type { Payment } from "../../money/payments/payments.contract.ts";
import type { Completion } from "../courses/courses.contract.ts";
import { enrollments } from "./enrollments.contract.ts";
import { explainProgress } from "./explain.ts";
import { needsCourse, progressed, reportOf } from "./progress.ts";
import { checkFree, checkOnSale } from "./sale.ts";
import { isPaid, isSeated, paidBy, usageOf } from "./seat-steps.ts";
import { type Pair, Seats, seated, tookSeat } from "./seats.ts";
import { enrollmentView } from "./view.ts";

const countLimit = 1_000_000_000;
const recordsPerPage = 500;

const isSame = (a: Completion, b: Completion): boolean =>
	a.version === b.version && a.completionRule === b.completionRule;

/** Enrollments: from "I want this course" to a seat that survives any crash. */
export default implement(enrollments, {
	mixins: [
		Store({ enrollments: EnrollmentModel }),
		Forgets("enrollments.list", { enrollments: ({ userId }: EnrollmentDoc) => userId }),
	],

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

		/** An enrollment that the caller may see. @throws ENROLLMENT_NOT_FOUND */
		async visible(ctx: Ctx, id: string): Promise<EnrollmentDoc> {
			const seat = await this.enrollments.get(id);
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			if (seat.userId !== ctx.locals.user.id && !(await this.teaches(ctx, seat.courseId)))
				throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return seat;
		},

		/**
		 * Completes a seat that has what its course asks for. Whoever changes the course tells so after the change; here it
		 * is asked for after the seat was written: whichever of the two comes last sees both.
		 * @param known what the course asked for when the seat was written
		 */
		async settle(ctx: Ctx, seat: EnrollmentDoc, known?: Completion): Promise<EnrollmentDoc> {
			for (let current = seat, judgedBy = known; ; ) {
				if (current.status !== "active") return current;
				const completion = await ctx.call("courses.completion", { id: seat.courseId });
				if (judgedBy && isSame(judgedBy, completion)) return current;
				current = (await this.seats().settle(current, completion)).seat;
				judgedBy = completion;
			}
		},

		/** Gives the seat a payment buys; one that bought nothing, because the seat was taken, goes back. */
		async buy(ctx: Ctx, pair: Pair, paymentId: string): Promise<EnrollmentDoc> {
			const seat = await this.seats().buy(ctx, pair, paymentId);
			if (seat.payments[paymentId] === "surplus")
				await ctx.call("payments.giveBack", {
					id: paymentId,
					reason: "The course was bought already",
				});
			return seat;
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
			return enrollmentView(await this.visible(ctx, ctx.params.id));
		},

		async getByCourse(ctx) {
			const { courseId } = ctx.params;
			const seat = await this.seats().find({ userId: ctx.locals.user.id, courseId });
			if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			return enrollmentView(seat);
		},

		async progress(ctx) {
			const { courseId } = ctx.params;
			const report = reportOf(ctx.params);
			const seats = this.seats();
			const seat = await seats.find({ userId: ctx.locals.user.id, courseId });
			if (!seat || !isSeated(seat)) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			const completion = needsCourse(seat, report)
				? await ctx.call("courses.completion", { id: courseId })
				: undefined;
			const { watch } = report;
			if (watch && completion && !Object.hasOwn(completion.lessons, watch.lectureId))
				throw problem(enrollments, "LECTURE_NOT_FOUND");
			const { seat: after } = await seats.change(ctx, seat, now => {
				if (!isSeated(now)) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
				if (now.heldBy !== undefined) throw problem(enrollments, "REFUND_PENDING");
				return progressed(now, report, completion, this.clock.now());
			});
			return enrollmentView(completion ? await this.settle(ctx, after, completion) : after);
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
			return enrollmentView(await this.settle(ctx, seat));
		},

		async complete(ctx) {
			const { paymentId, ...pair } = ctx.params;
			const payment = await this.paymentFor(ctx, pair, paymentId);
			if (payment?.status !== "captured") throw problem(enrollments, "PAYMENT_NOT_CAPTURED");
			const seat = await this.buy(ctx, pair, paymentId);
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
			if (seat && (isSeated(seat) || isPaid(seat))) throw problem(enrollments, "ALREADY_ENROLLED");
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
		async "course.completion_changed"({ courseId }, ctx) {
			const completion = await ctx.call("courses.completion", { id: courseId });
			await this.seats().settleAll(courseId, completion);
		},

		/** What was watched before a seat was given up may be all there is by now. */
		async "enrollment.activated"({ enrollmentId }, ctx) {
			const seat = await this.enrollments.get(enrollmentId);
			if (seat?.watched) await this.settle(ctx, seat);
		},

		async "payment.captured"({ payable, userId, paymentId }, ctx) {
			if (payable.kind === "course")
				await this.buy(ctx, { userId, courseId: payable.id }, paymentId);
		},

		async "payment.refunded"({ payable, userId, ...refund }, ctx) {
			if (payable.kind === "course")
				await this.seats().refunded(ctx, { userId, courseId: payable.id }, refund);
		},

		async "payment.refund_failed"({ payable, userId, ...refund }, ctx) {
			if (payable.kind === "course")
				await this.seats().refundFailed(ctx, { userId, courseId: payable.id }, refund);
		},

		async "payment.charged_back"({ payable, userId, ...dispute }, ctx) {
			if (payable.kind === "course")
				await this.seats().chargedBack(ctx, { userId, courseId: payable.id }, dispute);
		},
	},
});
