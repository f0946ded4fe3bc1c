import { toMajor } from "../../../kernel/money/money.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import { catalogueView } from "./catalogue.ts";
import type { Course, Lecture } from "./courses.contract.ts";
import { ruleOf } from "./lessons.ts";
import { lectureInOutline } from "./outline.ts";

/** A course as answers show it. */
export const courseView = (course: CourseDoc): Course => ({
	id: course.id,
	title: course.title,
	description: course.description,
	price: toMajor(course.priceMinor, course.currency),
	priceMinor: course.priceMinor,
	currency: course.currency,
	status: course.status,
	completionRule: ruleOf(course),
	teacherId: course.teacherId,
	enrollmentCount: course.enrollmentCount,
	...catalogueView(course),
	createdAt: course.createdAt,
	updatedAt: course.updatedAt,
});

/** A lecture as those see it who may read it. */
export const lectureView = (lecture: LectureDoc): Lecture => ({
	...lectureInOutline(lecture),
	courseId: lecture.courseId,
	sectionId: lecture.sectionId,
	...(lecture.content !== undefined && { content: lecture.content }),
});
