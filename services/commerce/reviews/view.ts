import type { ReviewDoc } from "../../../models/commerce/review.model.ts";
import type { Review } from "./reviews.contract.ts";

/** A review as answers show it. @param name its author's public name. */
export const reviewView = (
	{ id, subject, userId, rating, text, counts, reply, createdAt, updatedAt }: ReviewDoc,
	name: string,
): Review => ({
	id,
	subject,
	...(subject.kind === "course" && { courseId: subject.id }),
	author: { id: userId, name },
	rating,
	...(text !== undefined && { text }),
	counts,
	...(reply && { reply }),
	createdAt,
	updatedAt,
});
