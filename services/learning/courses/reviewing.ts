import { problem } from "../../../kernel/errors.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { Reviewing } from "../../commerce/reviews/reviews.contract.ts";
import { courses as contract } from "./courses.contract.ts";
import { isPublic } from "./rights.ts";

/**
 * Who may say what of a course: its students review it, its teacher, who may be one of them, replies.
 * @throws COURSE_NOT_FOUND for who may not see it.
 */
export function reviewingOf(
	course: CourseDoc | null,
	{ userId, isEnrolled }: { userId: string; isEnrolled: boolean },
): Reviewing {
	const teaches = course?.teacherId === userId;
	if (!course || !(isPublic(course) || isEnrolled || teaches))
		throw problem(contract, "COURSE_NOT_FOUND");
	return { mayReview: isEnrolled && !teaches, mayReply: teaches };
}
