import { iso } from "../../../kernel/clock.ts";
import type { Ctx, Locals, Result } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { type LectureDoc, LectureModel } from "../../../models/learning/lecture.model.ts";
import { type SectionDoc, SectionModel } from "../../../models/learning/section.model.ts";
import { type Course, courses, type Lecture } from "./courses.contract.ts";
import { lectureInOutline, outlineOf, wordsOf } from "./outline.ts";
import { priceMinor } from "./price.ts";

const answer = (doc: CourseDoc): Course => ({
	id: doc.id,
	title: doc.title,
	description: doc.description,
	price: toMajor(doc.priceMinor, doc.currency),
	priceMinor: doc.priceMinor,
	currency: doc.currency,
	status: doc.status,
	completionRule: "reported",
	teacherId: doc.teacherId,
	enrollmentCount: doc.enrollmentCount,
	createdAt: doc.createdAt,
	updatedAt: doc.updatedAt,
});

const lectureAnswer = (doc: LectureDoc): Lecture => ({
	...lectureInOutline(doc),
	courseId: doc.courseId,
	sectionId: doc.sectionId,
	...(doc.content !== undefined && { content: doc.content }),
});

const wordKeys = (title: string): Record<string, true> =>
	Object.fromEntries(wordsOf(title).map(word => [word, true]));

const mayEdit = (course: CourseDoc, { caller }: Locals): boolean =>
	caller !== undefined && (course.teacherId === caller.id || caller.roles.includes("admin"));

/** Courses: what is taught, by whom, in which order. */
export default implement(courses, {
	mixins: [Store({ courses: CourseModel, sections: SectionModel, lectures: LectureModel })],

	methods: {
		/** A course the caller may change; a draft that it may not see is not there. */
		async editable(ctx: Ctx, id: string): Promise<CourseDoc> {
			const course = await this.courses.get(id);
			if (course && mayEdit(course, ctx.locals)) return course;
			throw problem(courses, course?.status === "published" ? "FORBIDDEN" : "COURSE_NOT_FOUND");
		},

		async editableSection(ctx: Ctx, id: string): Promise<SectionDoc> {
			const section = await this.sections.get(id);
			if (!section) throw problem(courses, "SECTION_NOT_FOUND");
			const course = await this.courses.get(section.courseId);
			if (course && mayEdit(course, ctx.locals)) return section;
			throw problem(courses, course?.status === "published" ? "FORBIDDEN" : "SECTION_NOT_FOUND");
		},

		async editableLecture(ctx: Ctx, id: string): Promise<LectureDoc> {
			const lecture = await this.lectures.get(id);
			if (!lecture) throw problem(courses, "LECTURE_NOT_FOUND");
			const course = await this.courses.get(lecture.courseId);
			if (course && mayEdit(course, ctx.locals)) return lecture;
			throw problem(courses, course?.status === "published" ? "FORBIDDEN" : "LECTURE_NOT_FOUND");
		},

		/** @throws TEACHER_NOT_APPROVED where approval is on and a paid course would be published without it. */
		async checkApproval(ctx: Ctx, status: string, price: number): Promise<void> {
			const { id, roles } = ctx.locals.user;
			if (!this.env.TEACHER_APPROVAL || status !== "published" || price === 0) return;
			if (roles.includes("admin")) return;
			const { approved } = await ctx.call("users.describe", { id });
			if (!approved) throw problem(courses, "TEACHER_NOT_APPROVED");
		},

		async withSections(course: CourseDoc): Promise<Result<"courses.get">> {
			const [sections, lectures] = await Promise.all([
				this.sections.find({ courseId: course.id }),
				this.lectures.find({ courseId: course.id }),
			]);
			return { ...answer(course), sections: outlineOf(course, sections, lectures) };
		},

		/**
		 * Sets the count its owner tells. Reads again after the write: of two that run at once, whoever wrote the
		 * older count sees so.
		 */
		async recount(ctx: Ctx, courseId: string): Promise<void> {
			for (let written: number | undefined; ; ) {
				const { count } = await ctx.call("enrollments.count", { courseId });
				if (count === written) return;
				await this.courses.advance({ id: courseId }, { $set: { enrollmentCount: count } });
				written = count;
			}
		},
	},

	actions: {
		async list(ctx) {
			const { q = "", teacherId, sort = "-createdAt", ...page } = ctx.params;
			const words = wordsOf(q).map(word => [`words.${word}`, true] as const);
			const found = await this.courses.list(
				{ status: "published", ...(teacherId && { teacherId }), ...Object.fromEntries(words) },
				page,
				{ [sort.replace("-", "")]: sort.startsWith("-") ? -1 : 1 },
			);
			return { ...found, items: found.items.map(answer) };
		},

		async get(ctx) {
			const course = await this.courses.get(ctx.params.id);
			if (!course || (course.status === "draft" && !mayEdit(course, ctx.locals)))
				throw problem(courses, "COURSE_NOT_FOUND");
			return this.withSections(course);
		},

		async create(ctx) {
			const { title, description = "", price = 0, currency = "USD", completionRule } = ctx.params;
			const status = ctx.params.status ?? "published";
			const minor = priceMinor(price, currency);
			await this.checkApproval(ctx, status, minor);
			const now = iso(this.clock.now());
			const course = await this.courses.insert({
				id: idFor(ctx, "crs"),
				title,
				description,
				words: wordKeys(title),
				priceMinor: minor,
				currency,
				status,
				...(completionRule && { completionRule }),
				teacherId: ctx.locals.user.id,
				enrollmentCount: 0,
				outline: [],
				createdAt: now,
				updatedAt: now,
			});
			return answer(course);
		},

		async update(ctx) {
			const { id, title, description, price, status, completionRule } = ctx.params;
			const course = await this.editable(ctx, id);
			const currency = ctx.params.currency ?? course.currency;
			const major = price ?? toMajor(course.priceMinor, course.currency);
			const minor = priceMinor(major, currency);
			await this.checkApproval(ctx, status ?? course.status, minor);
			const changed = await this.courses.advance(
				{ id },
				{
					$set: {
						title,
						words: title === undefined ? undefined : wordKeys(title),
						description,
						priceMinor: minor,
						currency,
						status,
						completionRule,
						updatedAt: iso(this.clock.now()),
					},
				},
			);
			return answer(changed as CourseDoc);
		},

		async archive(ctx) {
			const { id } = await this.editable(ctx, ctx.params.id);
			const changed = await this.courses.advance(
				{ id },
				{ $set: { status: "archived", updatedAt: iso(this.clock.now()) } },
			);
			return answer(changed as CourseDoc);
		},

		async order(ctx) {
			const { id } = await this.editable(ctx, ctx.params.id);
			const changed = await this.courses.advance(
				{ id },
				{ $set: { outline: ctx.params.sections, updatedAt: iso(this.clock.now()) } },
			);
			return this.withSections(changed as CourseDoc);
		},

		async addSection(ctx) {
			const { id: courseId } = await this.editable(ctx, ctx.params.id);
			const { id, title } = await this.sections.insert({
				id: idFor(ctx, "sec"),
				courseId,
				title: ctx.params.title,
				createdAt: iso(this.clock.now()),
			});
			return { id, title, lectures: [] };
		},

		async updateSection(ctx) {
			const { id, courseId } = await this.editableSection(ctx, ctx.params.id);
			await this.sections.advance({ id }, { $set: { title: ctx.params.title } });
			const { sections } = await this.withSections((await this.courses.get(courseId)) as CourseDoc);
			const section = sections.find(s => s.id === id);
			if (!section) throw problem(courses, "SECTION_NOT_FOUND");
			return section;
		},

		async removeSection(ctx) {
			const { id } = await this.editableSection(ctx, ctx.params.id);
			await this.lectures.remove({ sectionId: id });
			await this.sections.remove({ id });
			return null;
		},

		async addLecture(ctx) {
			const section = await this.editableSection(ctx, ctx.params.id);
			const { title, durationSeconds = 0, isPreview = false, content } = ctx.params;
			const lecture = await this.lectures.insert({
				id: idFor(ctx, "lec"),
				courseId: section.courseId,
				sectionId: section.id,
				title,
				durationSeconds,
				isPreview,
				...(content !== undefined && { content }),
				createdAt: iso(this.clock.now()),
			});
			return lectureAnswer(lecture);
		},

		async getLecture(ctx) {
			const lecture = await this.lectures.get(ctx.params.id);
			const course = lecture && (await this.courses.get(lecture.courseId));
			const { caller } = ctx.locals;
			if (!course || (course.status === "draft" && !mayEdit(course, ctx.locals)))
				throw problem(courses, "LECTURE_NOT_FOUND");
			if (lecture.isPreview || mayEdit(course, ctx.locals)) return lectureAnswer(lecture);
			const seat = caller && { userId: caller.id, courseId: course.id };
			if (!seat || !(await ctx.call("enrollments.isEnrolled", seat)).enrolled)
				throw problem(courses, "ENROLLMENT_REQUIRED");
			return lectureAnswer(lecture);
		},

		async updateLecture(ctx) {
			const { title, durationSeconds, isPreview, content } = ctx.params;
			const { id } = await this.editableLecture(ctx, ctx.params.id);
			const changed = await this.lectures.advance(
				{ id },
				{ $set: { title, durationSeconds, isPreview, content } },
			);
			if (!changed) throw problem(courses, "LECTURE_NOT_FOUND");
			return lectureAnswer(changed);
		},

		async removeLecture(ctx) {
			const { id } = await this.editableLecture(ctx, ctx.params.id);
			await this.lectures.remove({ id });
			return null;
		},

		async describe(ctx) {
			const course = await this.courses.get(ctx.params.id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return answer(course);
		},
	},

	on: {
		async "enrollment.activated"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
		async "enrollment.completed"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
		async "enrollment.dropped"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
	},
});
