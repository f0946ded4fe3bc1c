import type { Params } from "../../../kernel/contract.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import { catalogued } from "./catalogue.ts";
import { unrated } from "./rating.ts";
import { freeTerms, type Terms, termsAfter } from "./terms.ts";

/**
 * A course as its teacher asks for it.
 * @param now ISO 8601.
 * @throws VALIDATION_ERROR as `termsAfter` does.
 */
export function courseFrom(
	params: Params<"courses.create">,
	{ id, teacherId, now }: { id: string; teacherId: string; now: string },
): CourseDoc {
	const { title, description = "", completionRule } = params;
	const terms = termsAfter(freeTerms, params);
	return {
		id,
		title,
		...(catalogued(params) as Pick<CourseDoc, "words" | "titleKey">),
		...unrated,
		description,
		...terms,
		...(terms.status === "published" && { publishedAt: now }),
		...(completionRule && { completionRule }),
		teacherId,
		enrollmentCount: 0,
		outline: [],
		createdAt: now,
		updatedAt: now,
	};
}

/**
 * What a teacher's changes set in a course: its terms, which hold only as long as those they were made from, and what
 * was asked for.
 * @param now ISO 8601.
 * @throws VALIDATION_ERROR as `termsAfter` does.
 */
export function changeOf(
	course: CourseDoc,
	{
		title,
		description,
		completionRule,
		category,
		level,
		language,
		...wanted
	}: Omit<Params<"courses.update">, "id">,
	now: string,
): Terms & Partial<CourseDoc> {
	const terms = termsAfter(course, wanted);
	return {
		...terms,
		...(terms.status === "published" && !course.publishedAt && { publishedAt: now }),
		...(title !== undefined && { title }),
		...catalogued({ title, category, level, language }, course),
		...(description !== undefined && { description }),
		...(completionRule && { completionRule }),
		updatedAt: now,
	};
}
