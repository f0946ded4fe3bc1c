import type { EnrollmentDoc, WatchedLecture } from "../../../models/learning/enrollment.model.ts";
import type { Enrollment } from "./enrollments.contract.ts";

const lecturesOf = (watched: Record<string, WatchedLecture>): Enrollment["lectures"] =>
	Object.fromEntries(
		Object.entries(watched).map(([id, { watchedSeconds, position, completed }]) => [
			id,
			{ watchedSeconds, lastPosition: position / 1_000, completed },
		]),
	);

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
	...(seat.watched && { lectures: lecturesOf(seat.watched) }),
});
