import type { Caller } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { type FactContext, implement } from "../../../kernel/implement.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import {
	FigureCourseModel,
	type FigureDayDoc,
	FigureDayModel,
	FigureMovementModel,
	FigureSeatModel,
} from "../../../models/learning/figure.model.ts";
import type { Payable } from "../../money/payments/payments.contract.ts";
import { Books, type Moved } from "./books.ts";
import { figures } from "./figures.contract.ts";
import { TakesIn } from "./intake.ts";
import { periodOf } from "./period.ts";
import { rebuild } from "./rebuild.ts";
import { byDay, totalOf } from "./sums.ts";
import { courseFiguresView, dayView, totalsView } from "./view.ts";

const none = totalOf([]);

/** Figures: what comes of courses, counted from facts. */
export default implement(figures, {
	mixins: [
		Store({
			seats: FigureSeatModel,
			movements: FigureMovementModel,
			days: FigureDayModel,
			courses: FigureCourseModel,
		}),
		TakesIn,
	],

	methods: {
		books(mesh: Caller): Books {
			return new Books({
				seats: this.seats,
				movements: this.movements,
				days: this.days,
				courses: this.courses,
				enrollments: async ids => {
					const { items } = await mesh.call("enrollments.records", { ids: [...ids] });
					return items.map(({ id, courseId, status, enrolledAt, completedAt }) => ({
						id,
						courseId,
						status,
						enrolledAt,
						...(completedAt && { completedAt }),
					}));
				},
				async teacherOf(id) {
					try {
						return (await mesh.call("courses.describe", { id })).teacherId;
					} catch (error) {
						if (codeOf(error) === "COURSE_NOT_FOUND") return null;
						throw error;
					}
				},
			});
		},

		/** @param of what the days are asked for by. */
		async daysOf(
			of: { courseId: string } | { teacherId: string },
			{ from, to }: { from: string; to: string },
		): Promise<FigureDayDoc[]> {
			return this.days.find({ ...of, day: { $gte: from, $lte: to } });
		},

		/** Facts of one course that come at once are counted together: else each would count all of them again. */
		async seat(
			ctx: FactContext,
			{ courseId, enrollmentId }: { courseId: string; enrollmentId: string },
		): Promise<void> {
			const books = this.books(ctx);
			await this.intake.take(
				courseId,
				() => books.seat([enrollmentId]),
				places => books.recount(places),
			);
		},

		async move(ctx: FactContext, payable: Payable, moved: Omit<Moved, "at">): Promise<void> {
			if (payable.kind !== "course") return;
			const books = this.books(ctx);
			await this.intake.take(
				payable.id,
				() => books.move(payable.id, { ...moved, at: ctx.fact.at }),
				places => books.recount(places),
			);
		},
	},

	actions: {
		async course(ctx) {
			const { id, ...asked } = ctx.params;
			const { id: userId, roles } = ctx.locals.user;
			const course = await ctx.call("courses.get", { id });
			if (course.teacherId !== userId && !roles.includes("admin"))
				throw problem(figures, "FORBIDDEN");
			const period = periodOf(asked, this.clock.now());
			const [totals, days] = await Promise.all([
				this.courses.get(course.id),
				this.daysOf({ courseId: course.id }, period),
			]);
			return {
				...courseFiguresView(course, totals ?? none),
				...period,
				days: byDay(days).map(dayView),
			};
		},

		async teaching(ctx) {
			const { from, to, ...page } = ctx.params;
			const { id: teacherId } = ctx.locals.user;
			const period = periodOf({ ...(from && { from }), ...(to && { to }) }, this.clock.now());
			const [taught, all, days] = await Promise.all([
				ctx.call("courses.list", { ...page, teacherId, status: "all" }),
				this.courses.find({ teacherId }),
				this.daysOf({ teacherId }, period),
			]);
			const totals = new Map(all.map(course => [course.id, course]));
			return {
				...taught,
				items: taught.items.map(course => courseFiguresView(course, totals.get(course.id) ?? none)),
				totals: totalsView(totalOf(all)),
				...period,
				days: byDay(days).map(dayView),
			};
		},

		async rebuild(ctx) {
			const { seats, movements, days } = this;
			return rebuild({ mesh: ctx, books: this.books(ctx), seats, movements, days });
		},
	},

	on: {
		async "enrollment.activated"(seat, ctx) {
			await this.seat(ctx, seat);
		},

		async "enrollment.completed"(seat, ctx) {
			await this.seat(ctx, seat);
		},

		async "enrollment.dropped"(seat, ctx) {
			await this.seat(ctx, seat);
		},

		async "payment.captured"({ payable, paymentId, amountMinor, currency }, ctx) {
			const money = { paymentId, amountMinor, currency };
			await this.move(ctx, payable, { ...money, kind: "capture", id: paymentId });
		},

		async "payment.refunded"({ payable, paymentId, refundId, amountMinor, currency }, ctx) {
			const money = { paymentId, amountMinor, currency };
			await this.move(ctx, payable, { ...money, kind: "refund", id: refundId });
		},

		async "payment.refund_failed"(refund, ctx) {
			const { payable, paymentId, refundId, amountMinor, currency, isReversal } = refund;
			const money = { paymentId, amountMinor, currency };
			if (isReversal)
				await this.move(ctx, payable, { ...money, kind: "refund_reversal", id: refundId });
		},

		async "payment.disputed"({ payable, paymentId, disputeId, amountMinor, currency }, ctx) {
			const money = { paymentId, amountMinor, currency };
			await this.move(ctx, payable, { ...money, kind: "dispute", id: disputeId });
		},

		async "payment.reinstated"({ payable, paymentId, disputeId, amountMinor, currency }, ctx) {
			const money = { paymentId, amountMinor, currency };
			await this.move(ctx, payable, { ...money, kind: "dispute_reversal", id: disputeId });
		},
	},
});
