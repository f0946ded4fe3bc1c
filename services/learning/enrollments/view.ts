import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Enrollment } from "./enrollments.contract.ts";

/** An enrollment as answers show it. */
export const enrollmentView = (seat: EnrollmentDoc): Enrollment => ({
	id: seat.id,
	courseId: seat.courseId,
	userId: seat.userId,
	status: seat.status,
	progressPercentage: seat.progress / 100,
	totalWatchTime: seat.totalWatchTime,
	enrolledAt: seat.enrolledAt,
	...(seat.completedAt && { completedAt: seat.completedAt }),
});
