import type { Clock } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import type { Collection, OutgoingFact } from "../../../kernel/store/collection.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import { type Completion, courses as contract } from "./courses.contract.ts";
import type { Parts } from "./outline.ts";

/** Of any thing: that it was not removed. */
export const kept = { removedAt: { $exists: false } } as const;

/** Length of each lecture that students see, seconds, by id: one whose section was removed is none. */
export function lessonsOf({ sections, lectures }: Parts): Record<string, number> {
	const seen = new Set(sections.map(section => section.id));
	return Object.fromEntries(
		lectures
			.filter(lecture => seen.has(lecture.sectionId))
			.map(lecture => [lecture.id, lecture.durationSeconds]),
	);
}

/** What completes a course: as its teacher set it, else watching where there is a lecture with a length. */
export const ruleOf = ({
	completionRule,
	lessons = {},
}: Pick<CourseDoc, "completionRule" | "lessons">): Completion["completionRule"] =>
	completionRule ?? (Object.values(lessons).some(seconds => seconds > 0) ? "watched" : "reported");

/** What a course asks of its students. */
export const completionOf = (course: CourseDoc): Completion => ({
	completionRule: ruleOf(course),
	lessons: course.lessons ?? {},
	version: course.lessonsVersion ?? 0,
});

/** Told with each change of sections and lectures. */
export const outlineChanged = (
	ctx: Pick<Ctx, "headers" | "locals">,
	clock: Clock,
	courseId: string,
): OutgoingFact => fact(ctx, clock, contract, "course.outline_changed", { courseId });

/**
 * Told with each change of what completes a course. Its id derives from nothing: one request or fact may lead to several,
 * each of which is to be heard.
 */
export const completionChanged = (clock: Clock, courseId: string): OutgoingFact =>
	fact({ headers: {}, locals: {} } as never, clock, contract, "course.completion_changed", {
		courseId,
	});

const purgeBatch = 200;

/**
 * Deletes what was removed: lectures, and sections once nothing is left in them. What still has a fact to tell, or files to
 * drop, stays for the next time.
 * @returns how many were deleted
 */
export async function purge({
	sections,
	lectures,
}: {
	sections: Collection<SectionDoc>;
	lectures: Collection<LectureDoc>;
}): Promise<number> {
	const removed = { removedAt: { $exists: true } };
	const fileless = { uploads: { $exists: false } };
	let deleted = await lectures.remove({ ...removed, ...fileless });
	for (const { id } of await sections.find(removed, { limit: purgeBatch })) {
		deleted += await lectures.remove({ sectionId: id, ...fileless });
		if ((await lectures.count({ sectionId: id }, 1)) === 0)
			deleted += await sections.remove({ id });
	}
	return deleted;
}
