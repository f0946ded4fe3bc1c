import { Type } from "typebox";
import { defineContract } from "../../../../../kernel/contract.ts";
import { byId } from "../../../../../kernel/schemas.ts";
import {
	COURSE_NOT_FOUND,
	Course,
} from "../../../../../services/learning/courses/courses.contract.ts";

const Rating = Type.Object(
	{ courseId: Type.String(), userId: Type.String(), stars: Type.Integer(), text: Type.String() },
	{ $id: "BenchRating" },
);

const example = { id: "crs_0190f3c2-0000-7000-8000-000000000000" };

/** What every variant of the gateway bench answers. */
export const catalog = defineContract("catalog", {
	description: "Courses that lie in memory, for benches",
	actions: {
		get: {
			description: "A course by its id",
			kind: "read",
			access: "user",
			rest: "GET /api/bench/courses/:id",
			params: byId,
			result: Course,
			errors: { COURSE_NOT_FOUND },
			example,
		},
		rate: {
			description: "Says what was understood; nothing is kept",
			kind: "write",
			access: "user",
			rest: "POST /api/bench/courses/:id/ratings",
			status: 201,
			params: Type.Object({
				id: Type.String(),
				stars: Type.Integer({ minimum: 1, maximum: 5 }),
				text: Type.String({ minLength: 1, maxLength: 2_000 }),
			}),
			result: Rating,
			errors: { COURSE_NOT_FOUND },
			example: { ...example, stars: 5, text: "Clear." },
		},
	},
});
