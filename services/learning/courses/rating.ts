import type { Collection } from "../../../kernel/store/collection.ts";
import type { Change } from "../../../kernel/store/guard.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";

/** Reviews that count: how many, and the sum of their stars. */
export interface Stars {
	ratingCount: number;
	ratingSum: number;
}

/** As many reviews, of as many stars, are taken to be there before the first: one alone puts no course on top. */
const prior = { count: 5, mean: 3.5 };

/** What a course stands at in order of rating, thousandths of a star. */
const scoreOf = ({ ratingCount, ratingSum }: Stars): number =>
	Math.round((1_000 * (prior.count * prior.mean + ratingSum)) / (prior.count + ratingCount));

export const unrated = { ratingCount: 0, ratingScore: scoreOf({ ratingCount: 0, ratingSum: 0 }) };

/** What the stars of a course set in it: the mean to one decimal, and what it is sorted by. */
export function rated(stars: Stars): Change {
	const { ratingCount, ratingSum } = stars;
	const $set = { ratingCount, ratingScore: scoreOf(stars) };
	if (ratingCount === 0) return { $set, $unset: { rating: true } };
	return { $set: { ...$set, rating: Math.round((10 * ratingSum) / ratingCount) / 10 } };
}

/**
 * Sets a course's rating to what its owner counts. Counts again after the write: of two that run at once, whoever wrote
 * the older count sees so.
 */
export async function rerate(
	courses: Pick<Collection<CourseDoc>, "advance">,
	courseId: string,
	count: () => Promise<Stars>,
): Promise<void> {
	for (let written: Stars | undefined; ; ) {
		const { ratingCount, ratingSum } = await count();
		if (ratingCount === written?.ratingCount && ratingSum === written.ratingSum) return;
		written = { ratingCount, ratingSum };
		await courses.advance({ id: courseId }, rated(written));
	}
}
