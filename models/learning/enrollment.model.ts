import { defineModel } from "../../kernel/store/model.ts";

export interface EnrollmentDoc {
	id: string;
	userId: string;
	courseId: string;
	/** `<userId>:<courseId>`: one enrollment per user and course, for ever. */
	userCourse: string;
	status: "active" | "completed" | "dropped";
	/** Hundredths of a percent, 0..10,000. */
	progress: number;
	/** Seconds. */
	totalWatchTime: number;
	/** What each payment for it came to; refunded wins for ever. */
	payments: Record<string, "captured" | "refunded">;
	/** Seed of the request that last took the seat, where it had one: taken up after a crash it knows its own. */
	takenBy?: string;
	enrolledAt: string;
	completedAt?: string;
	droppedAt?: string;
}

export const EnrollmentModel = defineModel<EnrollmentDoc>()({
	name: "enrollments",
	fields: {
		userId: String,
		courseId: String,
		userCourse: String,
		status: String,
		progress: Number,
		totalWatchTime: Number,
		payments: { type: Object },
		takenBy: String,
		enrolledAt: String,
		completedAt: String,
		droppedAt: String,
	},
	indexes: { userCourse: { unique: true }, userId: {}, courseId: {} },
});
