import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import type { Section } from "./courses.contract.ts";

/** By the place that was given, what has none after it by age. */
const inOrder = <T extends { id: string; createdAt: string }>(
	items: readonly T[],
	places: readonly string[],
): T[] => {
	const place = new Map(places.map((id, index) => [id, index]));
	const rank = (item: T) => place.get(item.id) ?? places.length;
	return [...items].sort(
		(a, b) =>
			rank(a) - rank(b) || a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id),
	);
};

export const lectureInOutline = ({ id, title, durationSeconds, isPreview }: LectureDoc) => ({
	id,
	title,
	durationSeconds,
	isPreview,
});

/** The sections of a course with their lectures, in the order its teacher gave. */
export function outlineOf(
	course: Pick<CourseDoc, "outline">,
	sections: readonly SectionDoc[],
	lectures: readonly LectureDoc[],
): Section[] {
	return inOrder(
		sections,
		course.outline.map(section => section.id),
	).map(({ id, title }) => ({
		id,
		title,
		lectures: inOrder(
			lectures.filter(lecture => lecture.sectionId === id),
			course.outline.find(section => section.id === id)?.lectures ?? [],
		).map(lectureInOutline),
	}));
}

/** The words of a title as search keys: letters and digits, lower case, no accents, each once. */
export const wordsOf = (text: string): string[] => [
	...new Set(
		text
			.normalize("NFKD")
			.replace(/\p{M}/gu, "")
			.toLowerCase()
			.match(/[\p{L}\p{N}]+/gu) ?? [],
	),
];
