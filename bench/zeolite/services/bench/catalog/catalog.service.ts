import { readFileSync } from "node:fs";
import { join } from "node:path";
import { problem } from "../../../../../kernel/errors.ts";
import { implement } from "../../../../../kernel/implement.ts";
import type { Course } from "../../../../../services/learning/courses/courses.contract.ts";
import { catalog } from "./catalog.contract.ts";

const file = join(process.env.BENCH_DIR ?? "", "courses.json");
const courses = new Map(
	(JSON.parse(readFileSync(file, "utf8")) as Course[]).map(course => [course.id, course]),
);

export default implement(catalog, {
	methods: {
		/** @throws COURSE_NOT_FOUND */
		find(id: string): Course {
			const course = courses.get(id);
			if (!course) throw problem(catalog, "COURSE_NOT_FOUND");
			return course;
		},
	},

	actions: {
		async get(ctx) {
			return this.find(ctx.params.id);
		},

		async rate(ctx) {
			const { id, stars, text } = ctx.params;
			return { courseId: this.find(id).id, userId: ctx.locals.user.id, stars, text };
		},
	},
});
