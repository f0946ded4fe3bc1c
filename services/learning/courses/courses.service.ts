import { iso } from "../../../kernel/clock.ts";
import type { Ctx, Result } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { implement } from "../../../kernel/implement.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { LectureModel } from "../../../models/learning/lecture.model.ts";
import { SectionModel } from "../../../models/learning/section.model.ts";
import { courses } from "./courses.contract.ts";
import { changeOf, courseFrom } from "./editing.ts";
import { insertOnce } from "./insert-once.ts";
import { checkOrder, outlineOf, type Parts } from "./outline.ts";
import { recount } from "./recount.ts";
import { Rights } from "./rights.ts";
import { wordsOf } from "./search.ts";
import { isSold } from "./terms.ts";
import { courseView, lectureView } from "./view.ts";

/** Courses: what is taught, by whom, in which order. */
export default implement(courses, {
	mixins: [Store({ courses: CourseModel, sections: SectionModel, lectures: LectureModel })],

	methods: {
		rights(ctx: Ctx): Rights {
			const { caller } = ctx.locals;
			return new Rights({
				courses: this.courses,
				sections: this.sections,
				lectures: this.lectures,
				caller,
				isEnrolled: async courseId => {
					const seat = { userId: caller?.id ?? "", courseId };
					return (await ctx.call("enrollments.isEnrolled", seat)).enrolled;
				},
			});
		},

		/** @throws TEACHER_NOT_APPROVED where approval is on and the caller has none. */
		async checkApproval(ctx: Ctx): Promise<void> {
			const { id, roles } = ctx.locals.user;
			if (!this.env.TEACHER_APPROVAL || roles.includes("admin")) return;
			const { approved } = await ctx.call("users.describe", { id });
			if (!approved) throw problem(courses, "TEACHER_NOT_APPROVED");
		},

		async partsOf(courseId: string): Promise<Parts> {
			const [sections, lectures] = await Promise.all([
				this.sections.find({ courseId }),
				this.lectures.find({ courseId }),
			]);
			return { sections, lectures };
		},

		async withSections(course: CourseDoc): Promise<Result<"courses.get">> {
			const sections = outlineOf(course, await this.partsOf(course.id));
			return { ...courseView(course), sections };
		},

		async recount(ctx: Ctx, courseId: string): Promise<void> {
			await recount(this.courses, courseId, async () => {
				return (await ctx.call("enrollments.count", { courseId })).count;
			});
		},
	},

	actions: {
		async list(ctx) {
			const { q = "", teacherId, sort = "-createdAt", ...page } = ctx.params;
			const words = wordsOf(q).map(word => [`words.${word}`, true] as const);
			const field = sort.replace("-", "");
			const found = await this.courses.list(
				{ status: "published", ...(teacherId && { teacherId }), ...Object.fromEntries(words) },
				page,
				{ [field === "title" ? "titleKey" : field]: sort.startsWith("-") ? -1 : 1 },
			);
			return { ...found, items: found.items.map(courseView) };
		},

		async get(ctx) {
			return this.withSections(await this.rights(ctx).course(ctx.params.id));
		},

		async create(ctx) {
			const made = {
				id: idFor(ctx, "crs"),
				teacherId: ctx.locals.user.id,
				now: iso(this.clock.now()),
			};
			const course = courseFrom(ctx.params, made);
			if (isSold(course)) await this.checkApproval(ctx);
			return courseView(await insertOnce(this.courses, course));
		},

		async update(ctx) {
			const { id, ...wanted } = ctx.params;
			for (;;) {
				const course = await this.rights(ctx).editable(id);
				const change = changeOf(course, wanted, iso(this.clock.now()));
				if (isSold(change) && !isSold(course)) await this.checkApproval(ctx);
				const { status, priceMinor, currency } = course;
				const guard = { id, status, priceMinor, currency };
				const changed = await this.courses.advance(guard, { $set: change });
				if (changed) return courseView(changed);
			}
		},

		async archive(ctx) {
			const { id } = await this.rights(ctx).editable(ctx.params.id);
			const archived = await this.courses.advance(
				{ id, status: { $in: ["draft", "published"] } },
				{ $set: { status: "archived", updatedAt: iso(this.clock.now()) } },
			);
			return courseView(archived ?? ((await this.courses.get(id)) as CourseDoc));
		},

		async order(ctx) {
			const { id } = await this.rights(ctx).editable(ctx.params.id);
			const { sections: outline } = ctx.params;
			checkOrder(outline, await this.partsOf(id));
			const updatedAt = iso(this.clock.now());
			const changed = await this.courses.advance({ id }, { $set: { outline, updatedAt } });
			return this.withSections(changed as CourseDoc);
		},

		async addSection(ctx) {
			const { id: courseId } = await this.rights(ctx).editable(ctx.params.id);
			const { id, title } = await insertOnce(this.sections, {
				id: idFor(ctx, "sec"),
				courseId,
				title: ctx.params.title,
				createdAt: iso(this.clock.now()),
			});
			return { id, title, lectures: [] };
		},

		async updateSection(ctx) {
			const { id, courseId } = await this.rights(ctx).editableSection(ctx.params.id);
			await this.sections.advance({ id }, { $set: { title: ctx.params.title } });
			const { sections } = await this.withSections((await this.courses.get(courseId)) as CourseDoc);
			const section = sections.find(s => s.id === id);
			if (!section) throw problem(courses, "SECTION_NOT_FOUND");
			return section;
		},

		async removeSection(ctx) {
			const { id } = await this.rights(ctx).editableSection(ctx.params.id);
			await this.sections.remove({ id });
			await this.lectures.remove({ sectionId: id });
			return null;
		},

		async addLecture(ctx) {
			const section = await this.rights(ctx).editableSection(ctx.params.id);
			const { title, durationSeconds = 0, isPreview = false, content } = ctx.params;
			const lecture = await insertOnce(this.lectures, {
				id: idFor(ctx, "lec"),
				courseId: section.courseId,
				sectionId: section.id,
				title,
				durationSeconds,
				isPreview,
				...(content !== undefined && { content }),
				createdAt: iso(this.clock.now()),
			});
			return lectureView(lecture);
		},

		async getLecture(ctx) {
			return lectureView(await this.rights(ctx).lecture(ctx.params.id));
		},

		async updateLecture(ctx) {
			const { title, durationSeconds, isPreview, content } = ctx.params;
			const { id } = await this.rights(ctx).editableLecture(ctx.params.id);
			const changed = await this.lectures.advance(
				{ id },
				{ $set: { title, durationSeconds, isPreview, content } },
			);
			if (!changed) throw problem(courses, "LECTURE_NOT_FOUND");
			return lectureView(changed);
		},

		async removeLecture(ctx) {
			const { id } = await this.rights(ctx).editableLecture(ctx.params.id);
			await this.lectures.remove({ id });
			return null;
		},

		async describe(ctx) {
			const course = await this.courses.get(ctx.params.id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return courseView(course);
		},
	},

	on: {
		async "enrollment.activated"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
		async "enrollment.dropped"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
	},
});
