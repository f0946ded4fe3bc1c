/**
 * Moves a lecture by one place; at the end of its section into the next one, which it enters at its near end.
 * @param step -1 or 1. @returns the sections after it, the same where it cannot move.
 */
export function moveLecture(sections, lectureId, step) {
	const at = sections.findIndex(({ lectures }) => lectures.some(({ id }) => id === lectureId));
	const section = sections[at];
	const from = section.lectures.findIndex(({ id }) => id === lectureId);
	const to = from + step;
	if (to >= 0 && to < section.lectures.length)
		return placeLecture(sections, lectureId, section.id, to);
	const other = sections[at + step];
	return other
		? placeLecture(sections, lectureId, other.id, step > 0 ? 0 : other.lectures.length)
		: sections;
}

/** Puts a lecture at a place of a section, counted without it. */
export function placeLecture(sections, lectureId, sectionId, index) {
	const lecture = sections.flatMap(({ lectures }) => lectures).find(({ id }) => id === lectureId);
	return sections.map(section => {
		const lectures = section.lectures.filter(({ id }) => id !== lectureId);
		return {
			...section,
			lectures: section.id === sectionId ? lectures.toSpliced(index, 0, lecture) : lectures,
		};
	});
}

/** Moves a section by one place. */
export function moveSection(sections, sectionId, step) {
	const from = sections.findIndex(({ id }) => id === sectionId);
	const to = from + step;
	if (to < 0 || to >= sections.length) return sections;
	return sections.toSpliced(from, 1).toSpliced(to, 0, sections[from]);
}

/** The order of a course, as the API takes it. */
export const orderOf = sections => ({
	sections: sections.map(({ id, lectures }) => ({ id, lectures: lectures.map(({ id }) => id) })),
});

/** Where a lecture stands, in words. */
export function placeWords(sections, lectureId) {
	const section = sections.find(({ lectures }) => lectures.some(({ id }) => id === lectureId));
	const index = section.lectures.findIndex(({ id }) => id === lectureId);
	return `${index + 1} of ${section.lectures.length} in ${section.title}`;
}
