import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { amountFields, byId, Id, listParams, pageOf, Timestamp } from "../../../kernel/schemas.ts";
import {
	holdParams,
	Quote,
	quoteParams,
	REFUND_PENDING,
	Released,
	Usage,
} from "../../money/payments/payments.contract.ts";
import { COURSE_NOT_FOUND, LECTURE_NOT_FOUND } from "../courses/courses.contract.ts";

export const Enrollment = Type.Object(
	{
		id: Type.String(),
		courseId: Type.String(),
		userId: Type.String(),
		status: Type.Enum(["active", "completed", "dropped"]),
		progressPercentage: Type.Number({ description: "0..100, two decimals" }),
		totalWatchTime: Type.Number({ description: "Seconds" }),
		enrolledAt: Timestamp,
		completedAt: Type.Optional(Timestamp),
		lectures: Type.Optional(
			Type.Record(
				Type.String(),
				Type.Object({
					watchedSeconds: Type.Integer({ description: "Each second once" }),
					lastPosition: Type.Number({ description: "Seconds from the start" }),
					completed: Type.Boolean(),
				}),
				{ description: "By lecture, what was watched of it; where intervals were reported" },
			),
		),
	},
	{ $id: "Enrollment" },
);
export type Enrollment = Static<typeof Enrollment>;

const Percentage = Type.Number({ description: "0..100, two decimals" });

export const ProgressExplanation = Type.Object(
	{
		id: Type.String(),
		courseId: Type.String(),
		status: Type.Enum(["active", "completed", "dropped"]),
		completionRule: Type.Enum(["reported", "watched"]),
		progressPercentage: Percentage,
		watchedPercentage: Percentage,
		summary: Type.String({
			description: "In words: what completes the course, and what moved progress",
		}),
		lectures: Type.Array(
			Type.Object({
				id: Type.String(),
				title: Type.String(),
				durationSeconds: Type.Integer(),
				watchedSeconds: Type.Integer({ description: "Each second once" }),
				neededSeconds: Type.Integer({ description: "95 % of its length" }),
				completed: Type.Boolean(),
				missing: Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }), {
					description: "What was not watched, `[from, to]` in seconds; at most 20",
				}),
				summary: Type.String({ description: "In words" }),
			}),
			{ description: "In the order of the course" },
		),
	},
	{ $id: "ProgressExplanation" },
);
export type ProgressExplanation = Static<typeof ProgressExplanation>;

const Second = Type.Number({ minimum: 0, maximum: 86_400, description: "From the start" });

const ServiceAnswer = Type.Object(
	{ success: Type.Literal(true), enrollmentId: Type.String() },
	{ $id: "EnrollmentServiceAnswer" },
);

export const ENROLLMENT_NOT_FOUND = { status: 404, title: "There is no such enrollment" } as const;
const ALREADY_ENROLLED = { status: 409, title: "This user has the course already" } as const;

const forPayments = { service: ["payment-service", "course-service"] } as const;
const course = "crs_0190f3c2-0000-7000-8000-000000000000";
const user = "usr_0190f3c2-0000-7000-8000-000000000000";
const payment = "pay_0190f3c2-0000-7000-8000-000000000000";
const refund = "rfd_0190f3c2-0000-7000-8000-000000000000";

const factData = {
	enrollmentId: Type.String(),
	userId: Type.String(),
	courseId: Type.String(),
};

export const enrollments = defineContract("enrollments", {
	description: "From wanting a course to a seat in it, and how far one is",
	actions: {
		enroll: {
			description: "Enrolls the caller in a free course, or takes up again one that was dropped",
			kind: "write",
			access: "user",
			rest: "POST /api/enrollments",
			status: 201,
			params: Type.Object({ courseId: Id }),
			result: Enrollment,
			errors: {
				COURSE_NOT_FOUND,
				ALREADY_ENROLLED,
				PAYMENT_REQUIRED: {
					status: 402,
					title: "The course has a price",
					explanation: "Create a payment for the course; it enrolls the payer once it is captured.",
					data: Type.Object({ courseId: Type.String(), ...amountFields }),
				},
			},
			example: { courseId: course },
		},
		list: {
			description:
				"The caller's enrollments, newest first; of one course all of them to its teacher",
			kind: "read",
			cache: { ttlSeconds: 3, about: "caller", exceptWith: "courseId" },
			access: "user",
			rest: "GET /api/enrollments",
			params: Type.Object({ ...listParams, courseId: Type.Optional(Id) }),
			result: pageOf("EnrollmentPage", Enrollment),
			example: {},
		},
		get: {
			description: "One enrollment, to whose it is and to the course's teacher",
			kind: "read",
			access: "user",
			rest: "GET /api/enrollments/:id",
			params: byId,
			result: Enrollment,
			errors: { ENROLLMENT_NOT_FOUND },
			example: { id: "enr_0190f3c2" },
		},
		getByCourse: {
			description: "The caller's enrollment in a course",
			kind: "read",
			access: "user",
			rest: "GET /api/enrollments/course/:courseId",
			params: Type.Object({ courseId: Type.String() }),
			result: Enrollment,
			errors: { ENROLLMENT_NOT_FOUND },
			example: { courseId: course },
		},
		progress: {
			description:
				"Reports progress (percent, kept to two decimals, rounded down) and watch time (seconds); neither goes back. " +
				"Or what was watched of a lecture, `[from, to]` in seconds: each second counts once, whichever device reports it, " +
				"and no more of them than can have gone by at twice the speed since the last report",
			kind: "write",
			access: "user",
			rest: "PATCH /api/enrollments/course/:courseId/progress",
			params: Type.Object({
				courseId: Type.String(),
				progressPercentage: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
				totalWatchTime: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })),
				lectureId: Type.Optional(Id),
				intervals: Type.Optional(
					Type.Array(Type.Array(Second, { minItems: 2, maxItems: 2 }), { maxItems: 200 }),
				),
			}),
			result: Enrollment,
			errors: { ENROLLMENT_NOT_FOUND, LECTURE_NOT_FOUND, REFUND_PENDING },
			example: { courseId: course, progressPercentage: 75.5, totalWatchTime: 3600 },
		},
		explainProgress: {
			description:
				"What moved progress and what is missing until the course is completed, in words, to whose it is and the course's teacher",
			kind: "read",
			access: "user",
			rest: "GET /api/enrollments/:id/explain-progress",
			params: byId,
			result: ProgressExplanation,
			errors: { ENROLLMENT_NOT_FOUND },
			example: { id: "enr_0190f3c2" },
		},
		settle: {
			description:
				"An enrollment, for other services; one whose course was completed by what it asks for now is so afterwards",
			kind: "write",
			access: "internal",
			params: byId,
			result: Enrollment,
			errors: { ENROLLMENT_NOT_FOUND },
			example: { id: "enr_0190f3c2" },
		},
		complete: {
			description:
				"Enrolls a user whose captured payment covers the course; the same on every repeat",
			kind: "write",
			access: forPayments,
			rest: "POST /api/enrollments/internal/complete",
			params: Type.Object({ userId: Id, courseId: Id, paymentId: Id }),
			result: ServiceAnswer,
			errors: {
				PAYMENT_NOT_CAPTURED: {
					status: 409,
					title: "That payment does not cover this user and course",
				},
			},
			example: { userId: user, courseId: course, paymentId: payment },
		},
		drop: {
			description: "Takes a user out of a course; the same on every repeat",
			kind: "write",
			access: forPayments,
			rest: "POST /api/enrollments/internal/drop",
			params: Type.Object({
				userId: Id,
				courseId: Id,
				paymentId: Type.Optional(Id),
				reason: Type.Optional(Type.String({ maxLength: 500 })),
			}),
			result: ServiceAnswer,
			errors: { ENROLLMENT_NOT_FOUND },
			example: { userId: user, courseId: course },
		},
		quote: {
			description: "What the course costs this user, in minor units",
			kind: "read",
			access: "internal",
			params: quoteParams,
			result: Quote,
			errors: {
				COURSE_NOT_FOUND,
				ALREADY_ENROLLED,
				COURSE_IS_FREE: { status: 409, title: "The course has no price: enroll in it" },
			},
			example: { id: course, userId: user },
		},
		fulfilment: {
			description: "The enrollment that a payment led to, null as long as there is none",
			kind: "read",
			access: "internal",
			params: Type.Object({ id: Id, userId: Id, paymentId: Id }),
			result: Type.Object(
				{ enrollment: Type.Union([Enrollment, Type.Null()]) },
				{ $id: "EnrollmentFulfilment" },
			),
			example: { id: course, userId: user, paymentId: payment },
		},
		usage: {
			description:
				"How much of what a payment bought is unused: 100 - progress of 100 - progress when it was bought",
			kind: "read",
			access: "internal",
			params: Type.Object({ id: Id, userId: Id, paymentId: Id }),
			result: Usage,
			example: { id: course, userId: user, paymentId: payment },
		},
		hold: {
			description:
				"Freezes progress for a refund and says how much is unused; the same on every repeat",
			kind: "write",
			access: "internal",
			params: holdParams,
			result: Usage,
			errors: { REFUND_PENDING },
			example: { id: course, userId: user, paymentId: payment, refundId: refund },
		},
		release: {
			description: "Ends the freeze of a refund that came to nothing",
			kind: "write",
			access: "internal",
			params: holdParams,
			result: Released,
			example: { id: course, userId: user, paymentId: payment, refundId: refund },
		},
		isEnrolled: {
			description: "Whether a user is in a course, active or completed",
			kind: "read",
			access: "internal",
			params: Type.Object({ userId: Id, courseId: Id }),
			result: Type.Object({ enrolled: Type.Boolean() }, { $id: "IsEnrolled" }),
			example: { userId: user, courseId: course },
		},
		records: {
			description:
				"Up to 500 enrollments of any status after an id, in the order of ids, or given ones",
			kind: "read",
			access: "internal",
			params: Type.Object({
				after: Type.Optional(Type.String()),
				ids: Type.Optional(Type.Array(Type.String(), { maxItems: 500 })),
			}),
			result: Type.Object({ items: Type.Array(Enrollment) }, { $id: "EnrollmentRecords" }),
			example: {},
		},
		count: {
			description: "Active and completed enrollments of a course",
			kind: "read",
			access: "internal",
			params: Type.Object({ courseId: Id }),
			result: Type.Object({ count: Type.Integer() }, { $id: "EnrollmentCount" }),
			example: { courseId: course },
		},
	},
	facts: {
		"enrollment.activated": {
			v: 1,
			data: Type.Object(
				{ ...factData, paymentId: Type.Optional(Type.String()) },
				{ $id: "EnrollmentActivated" },
			),
		},
		"enrollment.completed": {
			v: 1,
			data: Type.Object(factData, { $id: "EnrollmentCompleted" }),
		},
		"enrollment.dropped": { v: 1, data: Type.Object(factData, { $id: "EnrollmentDropped" }) },
	},
	consumes: {
		"course.completion_changed": { from: "start" },
		"enrollment.activated": { from: "start" },
		"payment.captured": { from: "start" },
		"payment.refunded": { from: "start" },
		"payment.refund_failed": { from: "start" },
		"payment.charged_back": { from: "start" },
	},
	provides: {
		"payable:course": "quote",
		"fulfilment:course": "fulfilment",
		"usage:course": "usage",
		"hold:course": "hold",
		"release:course": "release",
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		enrollments: typeof enrollments;
	}
}
