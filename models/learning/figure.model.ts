import { defineModel } from "../../kernel/store/model.ts";

/** Money of one currency, minor units. What came back of a refund or dispute is taken off again. */
export interface Sums {
	revenueMinor: number;
	refundedMinor: number;
	disputedMinor: number;
}

/** What is added up: people, and money by currency. */
export interface Totals {
	/** In the course, active or completed. */
	students: number;
	completed: number;
	money: Record<string, Sums>;
}

/** An enrollment as its owner last told it. Days are `<course>/<YYYY-MM-DD>`, UTC. */
export interface FigureSeatDoc {
	id: string;
	courseId: string;
	/** When its student came; while in the course. */
	enrolledOn?: string;
	/** When they completed it; while in the course. */
	completedOn?: string;
}

/** Money that moved for a course, each once: `<kind>:<id of payment, refund or dispute>`. */
export interface FigureMovementDoc {
	id: string;
	courseId: string;
	paymentId: string;
	kind: string;
	amountMinor: number;
	currency: string;
	/** `<course>/<YYYY-MM-DD>`, UTC. */
	on: string;
}

/** What seats and movements of one day come to; its id is `<course>/<day>`. */
export interface FigureDayDoc extends Totals {
	id: string;
	courseId: string;
	teacherId: string;
	/** `YYYY-MM-DD`, UTC. */
	day: string;
}

/** What all days of a course come to; its id is the course's. */
export interface FigureCourseDoc extends Totals {
	id: string;
	teacherId: string;
}

export const FigureSeatModel = defineModel<FigureSeatDoc>()({
	name: "figure_seats",
	fields: { courseId: String, enrolledOn: String, completedOn: String },
	indexes: { enrolledOn: { sparse: true }, completedOn: { sparse: true } },
});

export const FigureMovementModel = defineModel<FigureMovementDoc>()({
	name: "figure_movements",
	fields: {
		courseId: String,
		paymentId: String,
		kind: String,
		amountMinor: Number,
		currency: String,
		on: String,
	},
	indexes: { on: {} },
});

const totals = { students: Number, completed: Number, money: { type: Object } };

export const FigureDayModel = defineModel<FigureDayDoc>()({
	name: "figure_days",
	fields: { courseId: String, teacherId: String, day: String, ...totals },
	indexes: {},
	compound: [
		["courseId", "day"],
		["teacherId", "day"],
	],
});

export const FigureCourseModel = defineModel<FigureCourseDoc>()({
	name: "figure_courses",
	fields: { teacherId: String, ...totals },
	indexes: { teacherId: {} },
});
