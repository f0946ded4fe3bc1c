import type { Change } from "../../../kernel/store/guard.ts";
import type { ReviewDoc } from "../../../models/commerce/review.model.ts";
import type { Subject } from "./reviews.contract.ts";
import { plainText } from "./text.ts";

/** What somebody says of a subject. */
export interface Said {
	/** Stars, 1..5. */
	rating: number;
	text?: string | undefined;
}

export const subjectKeyOf = ({ kind, id }: Subject): string => `${kind}:${id}`;

/** What makes a review the only one of its user and subject. */
export const userSubjectOf = (userId: string, subject: Subject): string =>
	`${userId}:${subjectKeyOf(subject)}`;

/** Where a review is counted that counts. */
export const countKeyOf = (subject: Subject, rating: number): string =>
	`${subjectKeyOf(subject)}:${rating}`;

/** What giving a review sets in it. */
export type Given = ReturnType<typeof given>;

/** Whether it was taken away; what is left keeps its place, so that there is one for ever. */
export const isGone = ({ subjectKey }: Pick<ReviewDoc, "subjectKey">): boolean =>
	subjectKey === undefined;

/**
 * A review that was not there, or was taken away.
 * @param now ISO 8601.
 */
export function given(
	subject: Subject,
	{ rating, text = "" }: Said,
	{ now, seed }: { now: string; seed: string | undefined },
) {
	const kept = plainText(text);
	return {
		subjectKey: subjectKeyOf(subject),
		countKey: countKeyOf(subject, rating),
		rating,
		...(kept && { text: kept }),
		counts: true,
		...(seed === undefined ? {} : { givenBy: seed }),
		createdAt: now,
		updatedAt: now,
	};
}

/** What its author changes in it; null where that is nothing. */
export function changed(review: ReviewDoc, said: Partial<Said>, now: string): Change | null {
	const rating = said.rating ?? review.rating;
	const text = said.text === undefined ? review.text : plainText(said.text) || undefined;
	if (rating === review.rating && text === review.text) return null;
	return {
		$set: {
			rating,
			...(review.counts && { countKey: countKeyOf(review.subject, rating) }),
			...(text !== undefined && { text }),
			updatedAt: now,
		},
		...(text === undefined && { $unset: { text: true } }),
	};
}

/** Whether it counts from now on; null where that is so already. */
export function counting(review: ReviewDoc, counts: boolean): Change | null {
	if (isGone(review) || review.counts === counts) return null;
	return counts
		? { $set: { counts, countKey: countKeyOf(review.subject, review.rating) } }
		: { $set: { counts }, $unset: { countKey: true } };
}

/** Takes it away, with all that anybody wrote. */
export const taken = (now: string): Change => ({
	$set: { counts: false, updatedAt: now },
	$unset: { subjectKey: true, countKey: true, text: true, reply: true },
});
