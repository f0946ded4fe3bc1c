import type { Collection } from "../../../kernel/store/collection.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";

/**
 * Sets a course's `enrollmentCount` to what its owner counts. Counts again after the write: of two that run at once,
 * whoever wrote the older count sees so.
 */
export async function recount(
	courses: Pick<Collection<CourseDoc>, "advance">,
	courseId: string,
	count: () => Promise<number>,
): Promise<void> {
	for (let written: number | undefined; ; ) {
		const enrollmentCount = await count();
		if (enrollmentCount === written) return;
		await courses.advance({ id: courseId }, { $set: { enrollmentCount } });
		written = enrollmentCount;
	}
}
