import { invalidField } from "../../../kernel/errors.ts";
import type { Subject } from "./reviews.contract.ts";

/** What a request is about. @throws VALIDATION_ERROR unless it says so once. */
export function subjectOf(params: { courseId?: string; subject?: Subject }): Subject {
	const { courseId, subject } = params;
	if (courseId !== undefined && subject)
		throw invalidField("/courseId", "CONFLICT", "must not come together with another subject");
	if (subject) return subject;
	if (courseId === undefined)
		throw invalidField("/courseId", "REQUIRED", "must have a course or another subject");
	return { kind: "course", id: courseId };
}
