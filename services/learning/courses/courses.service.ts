import { iso } from "../../../kernel/clock.ts";
import type { Ctx, Result } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { answerWith, implement } from "../../../kernel/implement.ts";
import { Forgets } from "../../../mixins/forgets.mixin.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { type LectureDoc, LectureModel } from "../../../models/learning/lecture.model.ts";
import { type SectionDoc, SectionModel } from "../../../models/learning/section.model.ts";
import { catalogueQuery, namedAs } from "./catalogue.ts";
import { courses } from "./courses.contract.ts";
import { changeOf, courseFrom } from "./editing.ts";
import { insertOnce } from "./insert-once.ts";
import { completionChanged, completionOf, kept, outlineChanged, purge, relist } from "./lessons.ts";
import { checkOrder, outlineOf, type Parts } from "./outline.ts";
import { rerate } from "./rating.ts";
import { recount } from "./recount.ts";
import { reviewingOf } from "./reviewing.ts";
import { Rights } from "./rights.ts";
import { isSold } from "./terms.ts";
import { dropVideos, LectureVideos } from "./video.ts";
import { courseView, lectureView } from "./view.ts";

/** Courses: what is taught, by whom, in which order. */
export default implement(courses, {
	mixins: [
		Store({ courses: CourseModel, sections: SectionModel, lectures: LectureModel }),
		Forgets("courses.get", {
			courses: ({ id }: CourseDoc) => id,
			sections: ({ courseId }: SectionDoc) => courseId,
			lectures: ({ courseId }: LectureDoc) => courseId,
		}),
	],

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

		videosOf(ctx: Ctx): LectureVideos {
			const { lectures, courses, clock } = this;
			return new LectureVideos({ lectures, courses, clock, ctx });
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
				this.sections.find({ courseId, ...kept }),
				this.lectures.findWithout(["content"], { courseId, ...kept }),
			]);
			return { sections, lectures };
		},

		async withSections(course: CourseDoc): Promise<Result<"courses.get">> {
			const sections = outlineOf(course, await this.partsOf(course.id));
			return { ...courseView(course), sections };
		},

		/** After a change of sections or lectures; the fact that tells it makes this good where it was cut off. */
		async relist(courseId: string): Promise<void> {
			const { courses, clock } = this;
			await relist({ courses, clock, partsOf: id => this.partsOf(id) }, courseId);
		},

		async recount(ctx: Ctx, courseId: string): Promise<void> {
			await recount(this.courses, courseId, async () => {
				return (await ctx.call("enrollments.count", { courseId })).count;
			});
		},
	},

	actions: {
		async list(ctx) {
			const { guard, sort } = catalogueQuery(ctx.params, ctx.locals.caller);
			const found = await this.courses.list(guard, ctx.params, sort);
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
				const guard = { id, status, priceMinor, currency, ...namedAs(course) };
				const { completionRule = course.completionRule } = change;
				const facts =
					completionRule === course.completionRule ? [] : [completionChanged(this.clock, id)];
				const changed = await this.courses.advance(guard, { $set: change }, facts);
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
			const { id, courseId } = await this.rights(ctx).editableSection(ctx.params.id);
			const removedAt = iso(this.clock.now());
			const facts = [outlineChanged(ctx, this.clock, courseId)];
			await this.sections.advance({ id, ...kept }, { $set: { removedAt } }, facts);
			await this.relist(courseId);
			return null;
		},

		async addLecture(ctx) {
			const section = await this.rights(ctx).editableSection(ctx.params.id);
			const { title, durationSeconds = 0, isPreview = false, content } = ctx.params;
			const { id: sectionId, courseId } = section;
			const made = {
				id: idFor(ctx, "lec"),
				courseId,
				sectionId,
				title,
				durationSeconds,
				isPreview,
				...(content !== undefined && { content }),
				createdAt: iso(this.clock.now()),
			};
			const facts = [outlineChanged(ctx, this.clock, courseId)];
			const lecture = await insertOnce(this.lectures, made, facts);
			await this.relist(courseId);
			return lectureView(lecture);
		},

		async getLecture(ctx) {
			const lecture = await this.rights(ctx).lecture(ctx.params.id);
			return { ...lectureView(lecture), ...(await this.videosOf(ctx).playback(lecture)) };
		},

		async updateLecture(ctx) {
			const { title, durationSeconds, isPreview, content } = ctx.params;
			const { id, courseId } = await this.rights(ctx).editableLecture(ctx.params.id);
			const isResized = durationSeconds !== undefined;
			const changed = await this.lectures.advance(
				{ id, ...kept },
				{ $set: { title, durationSeconds, isPreview, content } },
				isResized ? [outlineChanged(ctx, this.clock, courseId)] : [],
			);
			if (!changed) throw problem(courses, "LECTURE_NOT_FOUND");
			if (isResized) await this.relist(courseId);
			return lectureView(changed);
		},

		async removeLecture(ctx) {
			const { id, courseId } = await this.rights(ctx).editableLecture(ctx.params.id);
			const removedAt = iso(this.clock.now());
			const facts = [outlineChanged(ctx, this.clock, courseId)];
			await this.lectures.advance({ id, ...kept }, { $set: { removedAt } }, facts);
			await this.relist(courseId);
			return null;
		},

		async describe(ctx) {
			const course = await this.courses.get(ctx.params.id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return courseView(course);
		},

		async completion(ctx) {
			const { id } = ctx.params;
			const known = await this.courses.get(id);
			if (known && !known.lessons) await this.relist(id);
			const course = known?.lessons ? known : await this.courses.get(id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return completionOf(course);
		},

		async outline(ctx) {
			const course = await this.courses.get(ctx.params.id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return { sections: (await this.withSections(course)).sections };
		},

		async purge(ctx) {
			await dropVideos({ sections: this.sections, lectures: this.lectures, mesh: ctx });
			return { removed: await purge(this) };
		},

		async uploadLecture(ctx) {
			const lecture = await this.rights(ctx).editableLecture(ctx.params.id);
			return this.videosOf(ctx).begin(lecture, ctx.locals.user.id, ctx.params);
		},

		async confirmUpload(ctx) {
			const lecture = await this.rights(ctx).editableLecture(ctx.params.id);
			const video = await this.videosOf(ctx).confirm(lecture, ctx.params.fileId);
			if (video.status === "ready") answerWith(ctx, 200);
			return video;
		},

		async lectureVideo(ctx) {
			const lecture = await this.rights(ctx).editableLecture(ctx.params.id);
			return this.videosOf(ctx).status(lecture);
		},

		async reviewing(ctx) {
			const { id: courseId, userId } = ctx.params;
			const { enrolled } = await ctx.call("enrollments.isEnrolled", { userId, courseId });
			return reviewingOf(await this.courses.get(courseId), { userId, isEnrolled: enrolled });
		},
	},

	on: {
		async "video.ready"(video, ctx) {
			const courseId = await this.videosOf(ctx).ready(video);
			if (courseId) await this.relist(courseId);
		},
		async "video.failed"({ lectureId, fileId, reason }, ctx) {
			await this.videosOf(ctx).failed(lectureId, fileId, reason);
		},
		async "file.rejected"({ subjectId, fileId, reason }, ctx) {
			const videos = this.videosOf(ctx);
			if (reason === "expired") await videos.gone(subjectId, fileId);
			else await videos.failed(subjectId, fileId, reason);
		},
		async "file.deleted"({ subjectId, fileId }, ctx) {
			await this.videosOf(ctx).gone(subjectId, fileId);
		},
		async "course.outline_changed"({ courseId }) {
			await this.relist(courseId);
		},
		async "review.changed"({ subject }, ctx) {
			if (subject.kind === "course")
				await rerate(this.courses, subject.id, () => ctx.call("reviews.summary", { subject }));
		},
		async "enrollment.activated"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
		async "enrollment.dropped"({ courseId }, ctx) {
			await this.recount(ctx, courseId);
		},
	},
});
