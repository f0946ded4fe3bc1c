import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { Currency, listParams, pageOf } from "../../../kernel/schemas.ts";
import { COURSE_NOT_FOUND } from "../courses/courses.contract.ts";

const Day = Type.String({
	format: "date",
	maxLength: 10,
	description: "`YYYY-MM-DD`, UTC",
});

/** Money of one currency. */
const CurrencyFigures = Type.Object({
	currency: Currency,
	revenue: Type.Number({ description: "What was paid, major units" }),
	revenueMinor: Type.Integer({ description: "Minor units" }),
	refunded: Type.Number({
		description: "What went back, major units; what came back of it is taken off",
	}),
	refundedMinor: Type.Integer({ description: "Minor units" }),
	disputed: Type.Number({
		description: "What buyers' banks hold or took, major units; what came back is taken off",
	}),
	disputedMinor: Type.Integer({ description: "Minor units" }),
	net: Type.Number({ description: "Revenue less both, before fees, major units" }),
	netMinor: Type.Integer({ description: "Minor units" }),
});
export type CurrencyFigures = Static<typeof CurrencyFigures>;

const totals = {
	students: Type.Integer({ description: "Active and completed enrollments" }),
	completed: Type.Integer({ description: "Of these, completed" }),
	completionRate: Type.Number({ description: "Percent, one decimal" }),
	money: Type.Array(CurrencyFigures, { description: "By currency" }),
};

const DayFigures = Type.Object({
	day: Day,
	enrolled: Type.Integer({ description: "Students who came that day and are in the course now" }),
	completed: Type.Integer({ description: "Students in the course who completed it that day" }),
	money: Type.Array(CurrencyFigures, { description: "That moved that day" }),
});
export type DayFigures = Static<typeof DayFigures>;

const period = {
	from: Day,
	to: Day,
	days: Type.Array(DayFigures, { description: "Those on which anything happened, oldest first" }),
};

const courseFields = {
	courseId: Type.String(),
	title: Type.String(),
	status: Type.Enum(["draft", "published", "archived"]),
	...totals,
	rating: Type.Optional(Type.Number({ description: "1..5, one decimal" })),
	ratingCount: Type.Integer(),
};

const teaching = { roles: ["teacher", "admin"] } as const;
const periodParams = {
	from: Type.Optional(Day),
	to: Type.Optional(Day),
};

export const figures = defineContract("figures", {
	description: "What comes of courses: students, completions and money, for who teaches them",
	actions: {
		course: {
			description:
				"A course's figures, to its teacher and admins: of all time, and by day (the last 30, or of up to 366 days " +
				"from `from` to `to`)",
			kind: "read",
			access: teaching,
			rest: "GET /api/figures/courses/:id",
			params: Type.Object({ id: Type.String(), ...periodParams }),
			result: Type.Object({ ...courseFields, ...period }, { $id: "CourseFigures" }),
			errors: {
				COURSE_NOT_FOUND,
				FORBIDDEN: { status: 403, title: "Only its teacher or an admin may see this" },
			},
			example: { id: "crs_0190f3c2-0000-7000-8000-000000000000" },
		},
		teaching: {
			description:
				"The caller's courses of any status with their figures, newest first, what all of them come to, and by day",
			kind: "read",
			access: teaching,
			rest: "GET /api/figures/teaching",
			params: Type.Object({ ...listParams, ...periodParams }),
			result: pageOf("TeachingFigures", Type.Object(courseFields), {
				totals: Type.Object(totals),
				...period,
			}),
			example: {},
		},
		rebuild: {
			description:
				"Makes all figures anew from what enrollments and payments have; what is right stays as it is",
			kind: "write",
			access: ["internal", { roles: ["admin"] }],
			rest: "POST /api/figures/rebuild",
			timeoutMs: 60_000,
			result: Type.Object(
				{
					enrollments: Type.Integer(),
					movements: Type.Integer(),
					removed: Type.Integer({ description: "That their owners do not know" }),
					courses: Type.Integer(),
				},
				{ $id: "RebuiltFigures" },
			),
			example: {},
		},
	},
	consumes: {
		"enrollment.activated": { from: "start" },
		"enrollment.completed": { from: "start" },
		"enrollment.dropped": { from: "start" },
		"payment.captured": { from: "start" },
		"payment.refunded": { from: "start" },
		"payment.refund_failed": { from: "start" },
		"payment.disputed": { from: "start" },
		"payment.reinstated": { from: "start" },
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		figures: typeof figures;
	}
}
