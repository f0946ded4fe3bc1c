import { type Static, Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import { byId, Id, listParams, Nothing, pageOf, Timestamp } from "../../../kernel/schemas.ts";

/** What a review is of: `course` is the first kind. */
export const Subject = Type.Object({
	kind: Type.String({ pattern: "^[a-z][a-z-]{0,31}$" }),
	id: Id,
});
export type Subject = Static<typeof Subject>;

/** What a service that owns a kind of subject is asked by its action under `reviewing:<kind>`. */
export const reviewingParams = Type.Object({ id: Id, userId: Id });

/** Who a user is to a subject. */
export const Reviewing = Type.Object(
	{
		mayReview: Type.Boolean({ description: "Has what is reviewed; a review counts as long as so" }),
		mayReply: Type.Boolean({ description: "Made it" }),
	},
	{ $id: "Reviewing" },
);
export type Reviewing = Static<typeof Reviewing>;

const Rating = Type.Integer({ minimum: 1, maximum: 5, description: "Stars" });
const Text = Type.String({ maxLength: 4_000, description: "Plain text; an empty one removes it" });

const stars = {
	ratingCount: Type.Integer({ description: "Reviews that count" }),
	ratingSum: Type.Integer({ description: "Their stars" }),
	byRating: Type.Object(
		{
			1: Type.Integer(),
			2: Type.Integer(),
			3: Type.Integer(),
			4: Type.Integer(),
			5: Type.Integer(),
		},
		{ description: "How many of them gave as many stars" },
	),
};

export const ReviewSummary = Type.Object(stars, { $id: "ReviewSummary" });
export type ReviewSummary = Static<typeof ReviewSummary>;

export const Review = Type.Object(
	{
		id: Type.String(),
		subject: Subject,
		courseId: Type.Optional(Type.String({ description: "The subject's id where it is a course" })),
		author: Type.Object({
			id: Type.String(),
			name: Type.String({ description: "Their public name, which may be empty" }),
		}),
		rating: Rating,
		text: Type.Optional(Type.String()),
		counts: Type.Boolean({ description: "Whether its author still has what it is of" }),
		reply: Type.Optional(
			Type.Object(
				{ text: Type.String(), userId: Type.String(), createdAt: Timestamp },
				{ description: "Of who made what it is of" },
			),
		),
		createdAt: Timestamp,
		updatedAt: Timestamp,
	},
	{ $id: "Review" },
);
export type Review = Static<typeof Review>;

const REVIEW_NOT_FOUND = { status: 404, title: "There is no such review" } as const;
const COURSE_NOT_FOUND = { status: 404, title: "There is no such course" } as const;

const FORBIDDEN = { status: 403, title: "Only whose it is may do this" } as const;

const course = "crs_0190f3c2-0000-7000-8000-000000000000";
const example = { id: "rev_0190f3c2-0000-7000-8000-000000000000" };

export const reviews = defineContract("reviews", {
	description: "What people who have something say of it, each once",
	actions: {
		create: {
			description:
				"Reviews what the caller has; of a course: who is enrolled and does not teach it. One review of each " +
				"subject, which `PATCH` changes",
			kind: "write",
			access: "user",
			rest: "POST /api/reviews",
			status: 201,
			params: Type.Object({
				courseId: Type.Optional(Id),
				subject: Type.Optional(Subject),
				rating: Rating,
				text: Type.Optional(Text),
			}),
			result: Review,
			errors: {
				COURSE_NOT_FOUND,
				REVIEW_NOT_ALLOWED: {
					status: 403,
					title: "Only who has it may review it, and not who made it",
				},
				ALREADY_REVIEWED: {
					status: 409,
					title: "The caller has reviewed this already",
					explanation: "Change that review instead: its id is in the members.",
					data: Type.Object({ reviewId: Type.String() }),
				},
			},
			example: { courseId: course, rating: 5, text: "My bowls hold water now." },
		},
		list: {
			description:
				"Reviews of a subject, newest first unless sorted otherwise, and the stars of those that count",
			kind: "read",
			access: "public",
			rest: "GET /api/reviews",
			params: Type.Object({
				...listParams,
				courseId: Type.Optional(Id),
				kind: Type.Optional(Type.String({ maxLength: 32 })),
				subjectId: Type.Optional(Id),
				sort: Type.Optional(Type.Enum(["-createdAt", "createdAt", "-rating", "rating"])),
			}),
			result: pageOf("ReviewPage", Review, stars),
			example: { courseId: course },
		},
		mine: {
			description: "The caller's own reviews, newest first",
			kind: "read",
			access: "user",
			rest: "GET /api/reviews/mine",
			params: Type.Object({ ...listParams, courseId: Type.Optional(Id) }),
			result: pageOf("OwnReviewPage", Review),
			example: { courseId: course },
		},
		update: {
			description: "Changes the caller's own review",
			kind: "write",
			access: "user",
			rest: "PATCH /api/reviews/:id",
			params: Type.Object({
				id: Type.String(),
				rating: Type.Optional(Rating),
				text: Type.Optional(Text),
			}),
			result: Review,
			errors: { REVIEW_NOT_FOUND, FORBIDDEN },
			example: { ...example, rating: 4 },
		},
		remove: {
			description: "Takes a review away, with its reply: the caller's own, or any by an admin",
			kind: "write",
			access: "user",
			audit: true,
			rest: "DELETE /api/reviews/:id",
			status: 204,
			params: byId,
			result: Nothing,
			errors: { REVIEW_NOT_FOUND, FORBIDDEN },
			example,
		},
		reply: {
			description: "The one reply of who made what is reviewed",
			kind: "write",
			access: "user",
			rest: "POST /api/reviews/:id/reply",
			status: 201,
			params: Type.Object({
				id: Type.String(),
				text: Type.String({
					minLength: 1,
					maxLength: 4_000,
					pattern: "\\S",
					description: "Plain text",
				}),
			}),
			result: Review,
			errors: {
				REVIEW_NOT_FOUND,
				FORBIDDEN,
				ALREADY_REPLIED: { status: 409, title: "There is a reply already" },
			},
			example: { ...example, text: "Thank you." },
		},
		summary: {
			description: "The stars of a subject's reviews that count, for other services",
			kind: "read",
			access: "internal",
			params: Type.Object({ subject: Subject }),
			result: ReviewSummary,
			example: { subject: { kind: "course", id: course } },
		},
	},
	facts: {
		...audited("review"),
		"review.changed": {
			v: 1,
			data: Type.Object(
				{
					reviewId: Type.String(),
					userId: Type.String(),
					subject: Subject,
					rating: Type.Optional(Type.Integer({ description: "Stars; none once it is gone" })),
					counts: Type.Boolean(),
				},
				{ $id: "ReviewChanged" },
			),
		},
	},
	consumes: {
		"review.changed": { from: "start" },
		"enrollment.activated": { from: "start" },
		"enrollment.dropped": { from: "start" },
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		reviews: typeof reviews;
	}
}
