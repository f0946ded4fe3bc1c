import { invalidField } from "../../../kernel/errors.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import type { Section } from "./courses.contract.ts";

/** What a course consists of, in no order. */
export interface Parts {
	sections: readonly SectionDoc[];
	lectures: readonly LectureDoc[];
}

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

const lectureInSection = (lecture: LectureDoc) => ({
	...lectureInOutline(lecture),
	...(Object.keys(lecture.uploads ?? {}).length > 0 && { hasUpload: true }),
});

/** The sections of a course with their lectures, in the order its teacher gave. */
export const outlineOf = (
	{ outline }: Pick<CourseDoc, "outline">,
	{ sections, lectures }: Parts,
): Section[] =>
	inOrder(
		sections,
		outline.map(section => section.id),
	).map(({ id, title }) => ({
		id,
		title,
		lectures: inOrder(
			lectures.filter(lecture => lecture.sectionId === id),
			outline.find(section => section.id === id)?.lectures ?? [],
		).map(lectureInSection),
	}));

/** @throws VALIDATION_ERROR at the first id that does not belong there or is there twice. */
function checkIds(
	ids: readonly string[],
	allowed: readonly { id: string }[],
	pathOf: (index: number) => string,
	owner: string,
): void {
	const known = new Set(allowed.map(item => item.id));
	ids.forEach((id, index) => {
		if (!known.has(id)) throw invalidField(pathOf(index), "UNKNOWN", `is not in this ${owner}`);
		if (ids.indexOf(id) < index) throw invalidField(pathOf(index), "DUPLICATE", "is there twice");
	});
}

/**
 * Holds a new order against the course: it names sections of it, each with lectures of its own, each once. It may
 * leave some out.
 * @throws VALIDATION_ERROR that names the place.
 */
export function checkOrder(order: CourseDoc["outline"], { sections, lectures }: Parts): void {
	checkIds(
		order.map(section => section.id),
		sections,
		index => `/sections/${index}/id`,
		"course",
	);
	order.forEach((section, at) => {
		checkIds(
			section.lectures,
			lectures.filter(lecture => lecture.sectionId === section.id),
			index => `/sections/${at}/lectures/${index}`,
			"section",
		);
	});
}
