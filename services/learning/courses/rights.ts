import type { Identity } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import { courses as contract } from "./courses.contract.ts";

/** Whether the caller may change a course: its teacher, as long as it is one, or an admin. */
export const mayEdit = (
	{ teacherId }: Pick<CourseDoc, "teacherId">,
	caller: Identity | undefined,
): boolean =>
	caller !== undefined &&
	(caller.roles.includes("admin") || (caller.id === teacherId && caller.roles.includes("teacher")));

/** Whether anybody may see a course: it is published, or was before it was archived. */
export const isPublic = ({
	status,
	publishedAt,
}: Pick<CourseDoc, "status" | "publishedAt">): boolean =>
	status !== "draft" && publishedAt !== undefined;

/** A thing that is there and was not removed. */
const keptOf = <T extends { removedAt?: string }>(thing: T | null): T | null =>
	thing && !thing.removedAt ? thing : null;

export interface RightsNeeds {
	courses: Pick<Collection<CourseDoc>, "get">;
	sections: Pick<Collection<SectionDoc>, "get">;
	lectures: Pick<Collection<LectureDoc>, "get">;
	/** Nobody, where there is none. */
	caller: Identity | undefined;
	/** Whether the caller is enrolled in a course. */
	isEnrolled(courseId: string): Promise<boolean>;
}

/** What one caller may see and change. What it may not see is not there: its thing's own 404. */
export class Rights {
	readonly #needs: RightsNeeds;

	constructor(needs: RightsNeeds) {
		this.#needs = needs;
	}

	/** @throws COURSE_NOT_FOUND */
	async course(id: string): Promise<CourseDoc> {
		const course = await this.#needs.courses.get(id);
		if (!course || !(await this.#maySee(course))) throw problem(contract, "COURSE_NOT_FOUND");
		return course;
	}

	/** A lecture to be read. @throws LECTURE_NOT_FOUND @throws ENROLLMENT_REQUIRED */
	async lecture(id: string): Promise<LectureDoc> {
		const lecture = await this.#lecture(id);
		const course = lecture && (await this.#needs.courses.get(lecture.courseId));
		if (!course) throw problem(contract, "LECTURE_NOT_FOUND");
		if (mayEdit(course, this.#needs.caller) || (lecture.isPreview && isPublic(course)))
			return lecture;
		if (await this.#isEnrolled(course.id)) return lecture;
		throw problem(contract, isPublic(course) ? "ENROLLMENT_REQUIRED" : "LECTURE_NOT_FOUND");
	}

	/** A course to be changed. @throws COURSE_NOT_FOUND @throws FORBIDDEN */
	async editable(id: string): Promise<CourseDoc> {
		return this.#checkEdit(id, "COURSE_NOT_FOUND");
	}

	/** A section to be changed. @throws SECTION_NOT_FOUND @throws FORBIDDEN */
	async editableSection(id: string): Promise<SectionDoc> {
		const section = await this.#needs.sections.get(id);
		await this.#checkEdit(keptOf(section)?.courseId, "SECTION_NOT_FOUND");
		return section as SectionDoc;
	}

	/** A lecture to be changed. @throws LECTURE_NOT_FOUND @throws FORBIDDEN */
	async editableLecture(id: string): Promise<LectureDoc> {
		const lecture = await this.#lecture(id);
		await this.#checkEdit(lecture?.courseId, "LECTURE_NOT_FOUND");
		return lecture as LectureDoc;
	}

	async #checkEdit(
		courseId: string | undefined,
		missing: "COURSE_NOT_FOUND" | "SECTION_NOT_FOUND" | "LECTURE_NOT_FOUND",
	): Promise<CourseDoc> {
		const course = courseId === undefined ? null : await this.#needs.courses.get(courseId);
		if (!course || !(await this.#maySee(course))) throw problem(contract, missing);
		if (!mayEdit(course, this.#needs.caller)) throw problem(contract, "FORBIDDEN");
		return course;
	}

	/** Who is enrolled keeps the course, even where its teacher made it a draft again. */
	async #maySee(course: CourseDoc): Promise<boolean> {
		return isPublic(course) || mayEdit(course, this.#needs.caller) || this.#isEnrolled(course.id);
	}

	async #isEnrolled(courseId: string): Promise<boolean> {
		return this.#needs.caller !== undefined && this.#needs.isEnrolled(courseId);
	}

	/** A lecture as long as its section is there: what is left of a removed one is nowhere to be seen. */
	async #lecture(id: string): Promise<LectureDoc | null> {
		const lecture = keptOf(await this.#needs.lectures.get(id));
		return lecture && keptOf(await this.#needs.sections.get(lecture.sectionId)) ? lecture : null;
	}
}
