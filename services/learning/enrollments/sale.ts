import { problem } from "../../../kernel/errors.ts";
import type { Course } from "../courses/courses.contract.ts";
import { enrollments } from "./enrollments.contract.ts";

/** @throws COURSE_NOT_FOUND for a course that nobody new gets: a draft, an archived one. */
export function checkOnSale({ status }: Pick<Course, "status">): void {
	if (status !== "published") throw problem(enrollments, "COURSE_NOT_FOUND");
}

/** @throws COURSE_NOT_FOUND as above; PAYMENT_REQUIRED for a course that has a price. */
export function checkFree(course: Course): void {
	checkOnSale(course);
	const { id: courseId, price: amount, priceMinor: amountMinor, currency } = course;
	if (amountMinor > 0)
		throw problem(enrollments, "PAYMENT_REQUIRED", { courseId, amount, amountMinor, currency });
}
