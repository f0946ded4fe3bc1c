import { isDeepStrictEqual } from "node:util";
import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx, Params } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import type { Collection, OutgoingFact } from "../../../kernel/store/collection.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import { courses as contract, type Section } from "./courses.contract.ts";
import { insertOnce } from "./insert-once.ts";
import { completionChanged, kept, lessonsOf, outlineChanged } from "./lessons.ts";
import { checkOrder, outlineOf, type Parts } from "./outline.ts";

export interface CurriculumNeeds {
	courses: Pick<Collection<CourseDoc>, "get" | "advance">;
	sections: Collection<SectionDoc>;
	lectures: Collection<LectureDoc>;
	clock: Clock;
	/** The request or fact; its seed, if any, decides the ids. */
	ctx: Pick<Ctx, "headers" | "locals">;
}

/**
 * The sections and lectures of courses, and their order. What changes the lectures that students see is told in the same
 * write and listed in the course after it; where it was cut off before that, the fact makes it good.
 */
export class Curriculum {
	readonly #needs: CurriculumNeeds;

	constructor(needs: CurriculumNeeds) {
		this.#needs = needs;
	}

	/** The sections of a course with their lectures, in the order its teacher gave. */
	async sectionsOf(course: CourseDoc): Promise<Section[]> {
		return outlineOf(course, await this.#partsOf(course.id));
	}

	/** Gives a course's sections and lectures a new order. @throws VALIDATION_ERROR that names the place. */
	async order(id: string, outline: CourseDoc["outline"]): Promise<CourseDoc> {
		checkOrder(outline, await this.#partsOf(id));
		const changed = await this.#needs.courses.advance(
			{ id },
			{ $set: { outline, updatedAt: this.#now() } },
		);
		return changed as CourseDoc;
	}

	async addSection(courseId: string, title: string): Promise<SectionDoc> {
		const { sections, ctx } = this.#needs;
		const id = idFor(ctx, "sec");
		return insertOnce(sections, { id, courseId, title, createdAt: this.#now() });
	}

	/** Gives a section its new title, if any. @throws SECTION_NOT_FOUND where it was removed meanwhile. */
	async renameSection({ id, courseId }: SectionDoc, title: string | undefined): Promise<Section> {
		const { courses, sections } = this.#needs;
		await sections.advance({ id }, { $set: { title } });
		const all = await this.sectionsOf((await courses.get(courseId)) as CourseDoc);
		const section = all.find(s => s.id === id);
		if (!section) throw problem(contract, "SECTION_NOT_FOUND");
		return section;
	}

	/** Removes a section, and with it its lectures from sight; a second time changes nothing. */
	async removeSection(section: SectionDoc): Promise<void> {
		await this.#remove(this.#needs.sections, section);
	}

	async addLecture(
		{ id: sectionId, courseId }: SectionDoc,
		wanted: Params<"courses.addLecture">,
	): Promise<LectureDoc> {
		const { title, durationSeconds = 0, isPreview = false, content } = wanted;
		const made = {
			id: idFor(this.#needs.ctx, "lec"),
			courseId,
			sectionId,
			title,
			durationSeconds,
			isPreview,
			...(content !== undefined && { content }),
			createdAt: this.#now(),
		};
		const lecture = await insertOnce(this.#needs.lectures, made, this.#told(courseId));
		await this.relist(courseId);
		return lecture;
	}

	/** Changes what is given of a lecture. @throws LECTURE_NOT_FOUND where it was removed meanwhile. */
	async changeLecture(
		{ id, courseId }: LectureDoc,
		{ title, durationSeconds, isPreview, content }: Params<"courses.updateLecture">,
	): Promise<LectureDoc> {
		const isResized = durationSeconds !== undefined;
		const changed = await this.#needs.lectures.advance(
			{ id, ...kept },
			{ $set: { title, durationSeconds, isPreview, content } },
			isResized ? this.#told(courseId) : [],
		);
		if (!changed) throw problem(contract, "LECTURE_NOT_FOUND");
		if (isResized) await this.relist(courseId);
		return changed;
	}

	/** Removes a lecture; a second time changes nothing. */
	async removeLecture(lecture: LectureDoc): Promise<void> {
		await this.#remove(this.#needs.lectures, lecture);
	}

	/**
	 * Writes the lectures of a course into the course, and tells it where they have changed: made on the course as it was
	 * before the lectures were read, or not at all. Looks again after the write: who changed the lectures back meanwhile
	 * found nothing to write.
	 */
	async relist(id: string): Promise<void> {
		const { courses, clock } = this.#needs;
		for (;;) {
			const course = await courses.get(id);
			if (!course) return;
			const lessons = lessonsOf(await this.#partsOf(id));
			if (isDeepStrictEqual(lessons, course.lessons ?? {})) return;
			await courses.advance(
				{ id, lessonsVersion: course.lessonsVersion ?? { $exists: false } },
				{ $set: { lessons }, $inc: { lessonsVersion: 1 } },
				[completionChanged(clock, id)],
			);
		}
	}

	async #remove<T extends SectionDoc | LectureDoc>(
		from: Pick<Collection<T>, "advance">,
		{ id, courseId }: T,
	): Promise<void> {
		const change = { $set: { removedAt: this.#now() } };
		await from.advance({ id, ...kept }, change, this.#told(courseId));
		await this.relist(courseId);
	}

	async #partsOf(courseId: string): Promise<Parts> {
		const [sections, lectures] = await Promise.all([
			this.#needs.sections.find({ courseId, ...kept }),
			this.#needs.lectures.findWithout(["content"], { courseId, ...kept }),
		]);
		return { sections, lectures };
	}

	#told(courseId: string): OutgoingFact[] {
		return [outlineChanged(this.#needs.ctx, this.#needs.clock, courseId)];
	}

	#now(): string {
		return iso(this.#needs.clock.now());
	}
}
