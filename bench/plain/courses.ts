import { readFileSync } from "node:fs";
import { join } from "node:path";

const file = join(process.env.BENCH_DIR ?? "", "courses.json");

/** The courses of the bench by their ids. */
export const courses = new Map<string, object>(
	(JSON.parse(readFileSync(file, "utf8")) as { id: string }[]).map(course => [course.id, course]),
);

/** The course's id in `/api/bench/courses/<id>` and `/api/bench/courses/<id>/ratings`. */
export const idIn = (path: string): string => path.split("/", 5)[4] ?? "";
