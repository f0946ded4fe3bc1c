import type { Ctx, Result } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { answerWith, implement } from "../../../kernel/implement.ts";
import { Forgets } from "../../../mixins/forgets.mixin.ts";
import { InRounds } from "../../../mixins/rounds.mixin.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { type LectureDoc, LectureModel } from "../../../models/learning/lecture.model.ts";
import { type SectionDoc, SectionModel } from "../../../models/learning/section.model.ts";
import { Authoring } from "./authoring.ts";
import { catalogueQuery } from "./catalogue.ts";
import { courses } from "./courses.contract.ts";
import { Curriculum } from "./curriculum.ts";
import { completionOf, purge } from "./lessons.ts";
import { rerate } from "./rating.ts";
import { recount } from "./recount.ts";
import { reviewingOf } from "./reviewing.ts";
import { Rights } from "./rights.ts";
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
		InRounds,
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

		authoring(ctx: Ctx): Authoring {
			const { courses, clock, env } = this;
			const rights = this.rights(ctx);
			return new Authoring({ courses, clock, ctx, rights, isApprovalOn: env.TEACHER_APPROVAL });
		},

		curriculum(ctx: Ctx): Curriculum {
			const { courses, sections, lectures, clock } = this;
			return new Curriculum({ courses, sections, lectures, clock, ctx });
		},

		async withSections(ctx: Ctx, course: CourseDoc): Promise<Result<"courses.get">> {
			return { ...courseView(course), sections: await this.curriculum(ctx).sectionsOf(course) };
		},

		async recount(ctx: Ctx, courseId: string): Promise<void> {
			const count = async () => (await ctx.call("enrollments.count", { courseId })).count;
			await this.rounds.join(courseId, () => recount(this.courses, courseId, count));
		},
	},

	actions: {
		async list(ctx) {
			const { guard, sort } = catalogueQuery(ctx.params, ctx.locals.caller);
			const found = await this.courses.list(guard, ctx.params, sort);
			return { ...found, items: found.items.map(courseView) };
		},

		async get(ctx) {
			return this.withSections(ctx, await this.rights(ctx).course(ctx.params.id));
		},

		async create(ctx) {
			return courseView(await this.authoring(ctx).create(ctx.params));
		},

		async update(ctx) {
			return courseView(await this.authoring(ctx).update(ctx.params));
		},

		async archive(ctx) {
			return courseView(await this.authoring(ctx).archive(ctx.params.id));
		},

		async order(ctx) {
			const { id } = await this.rights(ctx).editable(ctx.params.id);
			const ordered = await this.curriculum(ctx).order(id, ctx.params.sections);
			return this.withSections(ctx, ordered);
		},

		async addSection(ctx) {
			const course = await this.rights(ctx).editable(ctx.params.id);
			const { id, title } = await this.curriculum(ctx).addSection(course.id, ctx.params.title);
			return { id, title, lectures: [] };
		},

		async updateSection(ctx) {
			const section = await this.rights(ctx).editableSection(ctx.params.id);
			return this.curriculum(ctx).renameSection(section, ctx.params.title);
		},

		async removeSection(ctx) {
			const section = await this.rights(ctx).editableSection(ctx.params.id);
			await this.curriculum(ctx).removeSection(section);
			return null;
		},

		async addLecture(ctx) {
			const section = await this.rights(ctx).editableSection(ctx.params.id);
			return lectureView(await this.curriculum(ctx).addLecture(section, ctx.params));
		},

		async getLecture(ctx) {
			const lecture = await this.rights(ctx).lecture(ctx.params.id);
			return { ...lectureView(lecture), ...(await this.videosOf(ctx).playback(lecture)) };
		},

		async updateLecture(ctx) {
			const lecture = await this.rights(ctx).editableLecture(ctx.params.id);
			return lectureView(await this.curriculum(ctx).changeLecture(lecture, ctx.params));
		},

		async removeLecture(ctx) {
			const lecture = await this.rights(ctx).editableLecture(ctx.params.id);
			await this.curriculum(ctx).removeLecture(lecture);
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
			if (known && !known.lessons) await this.curriculum(ctx).relist(id);
			const course = known?.lessons ? known : await this.courses.get(id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return completionOf(course);
		},

		async outline(ctx) {
			const course = await this.courses.get(ctx.params.id);
			if (!course) throw problem(courses, "COURSE_NOT_FOUND");
			return { sections: await this.curriculum(ctx).sectionsOf(course) };
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
			if (courseId) await this.curriculum(ctx).relist(courseId);
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
		async "course.outline_changed"({ courseId }, ctx) {
			await this.curriculum(ctx).relist(courseId);
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
