import { type Static, Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import {
	byId,
	Currency,
	Id,
	listParams,
	Nothing,
	pageOf,
	Timestamp,
} from "../../../kernel/schemas.ts";
import { Reviewing, reviewingParams } from "../../commerce/reviews/reviews.contract.ts";
import {
	FILE_STORE_MISSING,
	UPLOAD_MISSING,
	UPLOAD_QUOTA_EXCEEDED,
	Upload,
} from "../../content/files/files.contract.ts";
import { catalogueFields, catalogueFilters, catalogueParams } from "./catalogue.schemas.ts";
import {
	LECTURE_HAS_NO_VIDEO,
	LectureVideo,
	lectureReady,
	playbackFields,
	UPLOAD_NOT_FOUND,
	uploadParams,
	VIDEO_UNAVAILABLE,
} from "./video.schemas.ts";

const CourseStatus = Type.Enum(["draft", "published", "archived"]);
const CompletionRule = Type.Enum(["reported", "watched"], {
	description: "What completes it: a reported 100 %, or watching the lectures",
});
const Title = Type.String({ minLength: 1, maxLength: 200, pattern: "\\S" });
const Price = Type.Number({
	minimum: 0,
	description: "Major units, exact in its currency; 0 is free",
});

const courseFields = {
	id: Type.String(),
	title: Type.String(),
	description: Type.String(),
	price: Type.Number({ description: "Major units" }),
	priceMinor: Type.Integer({ description: "Minor units" }),
	currency: Currency,
	status: CourseStatus,
	completionRule: CompletionRule,
	teacherId: Type.String(),
	enrollmentCount: Type.Integer({ description: "Active and completed enrollments" }),
	...catalogueFields,
	createdAt: Timestamp,
	updatedAt: Timestamp,
};

export const Course = Type.Object(courseFields, { $id: "Course" });
export type Course = Static<typeof Course>;

const lectureFields = {
	id: Type.String(),
	title: Type.String(),
	durationSeconds: Type.Integer(),
	isPreview: Type.Boolean(),
};

export const Section = Type.Object(
	{
		id: Type.String(),
		title: Type.String(),
		lectures: Type.Array(
			Type.Object({
				...lectureFields,
				hasUpload: Type.Optional(
					Type.Boolean({
						description:
							"There where a video was announced for it; how that stands, `GET /api/lectures/:id/status` says to its teacher",
					}),
				),
			}),
		),
	},
	{ $id: "Section" },
);
export type Section = Static<typeof Section>;

export const CourseWithSections = Type.Object(
	{ ...courseFields, sections: Type.Array(Section) },
	{ $id: "CourseWithSections" },
);

export const Lecture = Type.Object(
	{
		...lectureFields,
		courseId: Type.String(),
		sectionId: Type.String(),
		content: Type.Optional(Type.String()),
		...playbackFields,
	},
	{ $id: "Lecture" },
);
export type Lecture = Static<typeof Lecture>;

/** What a course asks of its students before it is completed. */
export const Completion = Type.Object(
	{
		completionRule: CompletionRule,
		lessons: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
			description: "Length of each lecture, seconds, by id; 0 where it has none",
		}),
		version: Type.Integer({ description: "Counts the changes of the lectures" }),
	},
	{ $id: "CourseCompletion" },
);
export type Completion = Static<typeof Completion>;

export const COURSE_NOT_FOUND = { status: 404, title: "There is no such course" } as const;
const SECTION_NOT_FOUND = { status: 404, title: "There is no such section" } as const;
export const LECTURE_NOT_FOUND = { status: 404, title: "There is no such lecture" } as const;
const FORBIDDEN = { status: 403, title: "Only its teacher or an admin may do this" } as const;
const TEACHER_NOT_APPROVED = {
	status: 403,
	title: "The teacher is not approved",
	explanation: "An admin approves teachers here before they may publish a course that has a price.",
} as const;

const teaching = { roles: ["teacher", "admin"] } as const;
const example = { id: "crs_0190f3c2-0000-7000-8000-000000000000" };

/** A course's own words: what is taught, by whom, at what price, in which order. */
export const courses = defineContract("courses", {
	description: "Courses with their sections and lectures",
	actions: {
		list: {
			description:
				"Published courses, newest first; each word of `q` finds titles and categories with a word that begins so",
			kind: "read",
			access: "public",
			rest: "GET /api/courses",
			params: Type.Object({ ...listParams, ...catalogueFilters }),
			result: pageOf("CoursePage", Course),
			example: { q: "pottery", pageSize: 5 },
		},
		get: {
			description:
				"A course with its sections and lectures; a draft only to its teacher, admins and who is enrolled",
			kind: "read",
			cache: { ttlSeconds: 5, about: "id", sharedWhile: "published" },
			access: "public",
			rest: "GET /api/courses/:id",
			params: byId,
			result: CourseWithSections,
			errors: { COURSE_NOT_FOUND },
			example,
		},
		create: {
			description: "Makes a course of the caller's; its price is in major units",
			kind: "write",
			access: teaching,
			rest: "POST /api/courses",
			status: 201,
			params: Type.Object({
				title: Title,
				description: Type.Optional(Type.String({ maxLength: 20_000 })),
				price: Type.Optional(Price),
				currency: Type.Optional(Currency),
				status: Type.Optional(CourseStatus),
				completionRule: Type.Optional(CompletionRule),
				...catalogueParams,
			}),
			result: Course,
			errors: { TEACHER_NOT_APPROVED },
			example: { title: "Test Course", price: 99.99 },
		},
		update: {
			description:
				"Its teacher or an admin changes a course; a new price never touches a payment that is open",
			kind: "write",
			access: "user",
			audit: true,
			rest: "PATCH /api/courses/:id",
			params: Type.Object({
				id: Type.String(),
				title: Type.Optional(Title),
				description: Type.Optional(Type.String({ maxLength: 20_000 })),
				price: Type.Optional(Price),
				currency: Type.Optional(Currency),
				status: Type.Optional(CourseStatus),
				completionRule: Type.Optional(CompletionRule),
				...catalogueParams,
			}),
			result: Course,
			errors: { COURSE_NOT_FOUND, FORBIDDEN, TEACHER_NOT_APPROVED },
			example: { ...example, price: 79 },
		},
		archive: {
			description: "Its teacher or an admin takes a course from sale; who is enrolled keeps it",
			kind: "write",
			access: "user",
			audit: true,
			rest: "DELETE /api/courses/:id",
			params: byId,
			result: Course,
			errors: { COURSE_NOT_FOUND, FORBIDDEN },
			example,
		},
		order: {
			description:
				"Sets the order of sections and of the lectures in each; what is not named comes after, by age",
			kind: "write",
			access: "user",
			rest: "PUT /api/courses/:id/order",
			params: Type.Object({
				id: Type.String(),
				sections: Type.Array(
					Type.Object({ id: Id, lectures: Type.Array(Id, { maxItems: 1_000 }) }),
					{ maxItems: 200 },
				),
			}),
			result: CourseWithSections,
			errors: { COURSE_NOT_FOUND, FORBIDDEN },
			example: { ...example, sections: [] },
		},
		addSection: {
			description: "Adds a section at the end of a course",
			kind: "write",
			access: "user",
			rest: "POST /api/courses/:id/sections",
			status: 201,
			params: Type.Object({ id: Type.String(), title: Title }),
			result: Section,
			errors: { COURSE_NOT_FOUND, FORBIDDEN },
			example: { ...example, title: "Getting started" },
		},
		updateSection: {
			description: "Renames a section",
			kind: "write",
			access: "user",
			rest: "PATCH /api/sections/:id",
			params: Type.Object({ id: Type.String(), title: Type.Optional(Title) }),
			result: Section,
			errors: { SECTION_NOT_FOUND, FORBIDDEN },
			example: { id: "sec_0190f3c2", title: "First steps" },
		},
		removeSection: {
			description: "Removes a section and its lectures",
			kind: "write",
			access: "user",
			rest: "DELETE /api/sections/:id",
			status: 204,
			params: byId,
			result: Nothing,
			errors: { SECTION_NOT_FOUND, FORBIDDEN },
			example: { id: "sec_0190f3c2" },
		},
		addLecture: {
			description: "Adds a lecture at the end of a section; its duration is in seconds",
			kind: "write",
			access: "user",
			rest: "POST /api/sections/:id/lectures",
			status: 201,
			params: Type.Object({
				id: Type.String(),
				title: Title,
				durationSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
				isPreview: Type.Optional(Type.Boolean()),
				content: Type.Optional(Type.String({ maxLength: 100_000 })),
			}),
			result: Lecture,
			errors: { SECTION_NOT_FOUND, FORBIDDEN },
			example: { id: "sec_0190f3c2", title: "Welcome", durationSeconds: 90, isPreview: true },
		},
		getLecture: {
			description:
				"A lecture with its content and what plays its video, to who is enrolled, its teacher, or anyone where " +
				"it is a preview",
			kind: "read",
			access: "public",
			rest: "GET /api/lectures/:id",
			params: byId,
			result: Lecture,
			errors: {
				LECTURE_NOT_FOUND,
				ENROLLMENT_REQUIRED: { status: 403, title: "The lecture is for those who are enrolled" },
			},
			example: { id: "lec_0190f3c2" },
		},
		updateLecture: {
			description: "Changes a lecture; its duration is in seconds",
			kind: "write",
			access: "user",
			rest: "PATCH /api/lectures/:id",
			params: Type.Object({
				id: Type.String(),
				title: Type.Optional(Title),
				durationSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
				isPreview: Type.Optional(Type.Boolean()),
				content: Type.Optional(Type.String({ maxLength: 100_000 })),
			}),
			result: Lecture,
			errors: { LECTURE_NOT_FOUND, FORBIDDEN },
			example: { id: "lec_0190f3c2", isPreview: false },
		},
		removeLecture: {
			description: "Removes a lecture",
			kind: "write",
			access: "user",
			rest: "DELETE /api/lectures/:id",
			status: 204,
			params: byId,
			result: Nothing,
			errors: { LECTURE_NOT_FOUND, FORBIDDEN },
			example: { id: "lec_0190f3c2" },
		},
		uploadLecture: {
			description:
				"Announces a video of `fileSize` bytes for a lecture and says where it is to be uploaded; what plays now " +
				"does so until the new one is ready",
			kind: "write",
			access: "user",
			rest: "POST /api/lectures/:id/upload",
			status: 201,
			params: Type.Object({ id: Type.String(), ...uploadParams }),
			result: Upload,
			errors: {
				LECTURE_NOT_FOUND,
				FORBIDDEN,
				VIDEO_UNAVAILABLE,
				FILE_STORE_MISSING,
				UPLOAD_QUOTA_EXCEEDED,
			},
			example: {
				id: "lec_0190f3c2",
				fileName: "lesson1.mp4",
				fileSize: 104_857_600,
				contentType: "video/mp4",
			},
		},
		confirmUpload: {
			description: "Says that a lecture's video was uploaded; 202 until it can be played",
			kind: "write",
			access: "user",
			rest: "POST /api/lectures/:id/confirm-upload",
			status: [202, 200],
			timeoutMs: 60_000,
			params: Type.Object({ id: Type.String(), fileId: Id }),
			result: LectureVideo,
			errors: {
				LECTURE_NOT_FOUND,
				FORBIDDEN,
				UPLOAD_NOT_FOUND,
				UPLOAD_MISSING,
				FILE_STORE_MISSING,
			},
			example: { id: "lec_0190f3c2", fileId: "fil_0190f3c2-0000-7000-8000-000000000000" },
		},
		lectureVideo: {
			description: "How the newest upload of a lecture stands, and what plays now",
			kind: "read",
			access: "user",
			rest: "GET /api/lectures/:id/status",
			params: byId,
			result: LectureVideo,
			errors: { LECTURE_NOT_FOUND, FORBIDDEN, LECTURE_HAS_NO_VIDEO },
			example: { id: "lec_0190f3c2" },
		},
		completion: {
			description:
				"What completes a course: its rule, and its lectures with their lengths (seconds)",
			kind: "read",
			access: "internal",
			params: byId,
			result: Completion,
			errors: { COURSE_NOT_FOUND },
			example,
		},
		outline: {
			description:
				"The sections and lectures of a course of any status, in order, for other services",
			kind: "read",
			access: "internal",
			params: byId,
			result: Type.Object({ sections: Type.Array(Section) }, { $id: "CourseOutline" }),
			errors: { COURSE_NOT_FOUND },
			example,
		},
		purge: {
			description: "Deletes sections and lectures that were removed",
			kind: "write",
			access: "internal",
			result: Type.Object({ removed: Type.Integer() }, { $id: "PurgedLectures" }),
			example: {},
		},
		describe: {
			description: "A course of any status, for other services",
			kind: "read",
			access: ["internal", { service: ["payment-service", "file-service", "user-service"] }],
			rest: "GET /api/courses/internal/:id",
			params: byId,
			result: Course,
			errors: { COURSE_NOT_FOUND },
			example,
		},
		reviewing: {
			description: "Whether a user may review a course, or reply to its reviews",
			kind: "read",
			access: "internal",
			params: reviewingParams,
			result: Reviewing,
			errors: { COURSE_NOT_FOUND },
			example: { ...example, userId: "usr_0190f3c2-0000-7000-8000-000000000000" },
		},
	},
	facts: {
		...audited("course"),
		"lecture.ready": lectureReady,
		"course.outline_changed": {
			v: 1,
			data: Type.Object({ courseId: Type.String() }, { $id: "CourseOutlineChanged" }),
		},
		"course.completion_changed": {
			v: 1,
			data: Type.Object({ courseId: Type.String() }, { $id: "CourseCompletionChanged" }),
		},
	},
	consumes: {
		"course.outline_changed": { from: "start" },
		"enrollment.activated": { from: "start" },
		"enrollment.dropped": { from: "start" },
		"file.deleted": { from: "start" },
		"file.rejected": { from: "start" },
		"video.failed": { from: "start" },
		"video.ready": { from: "start" },
		"review.changed": { from: "start" },
	},
	schedules: { purge: "PT1H" },
	provides: { "reviewing:course": "reviewing" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		courses: typeof courses;
	}
}
