import type { Clock } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import { applied } from "../../../kernel/store/difference.ts";
import type { Change } from "../../../kernel/store/guard.ts";
import type { ReviewDoc } from "../../../models/commerce/review.model.ts";
import { type ReviewSummary, reviews, type Subject } from "./reviews.contract.ts";
import { countKeyOf, type Given, isGone, userSubjectOf } from "./steps.ts";

const countLimit = 1_000_000_000;

/** The request or fact that causes a change; its seed, if any, decides the ids. */
type Cause = Pick<Ctx, "headers" | "locals">;

/** The writes of reviews: each is made on what was read, with its fact, or not at all. */
export class Records {
	readonly #reviews: Collection<ReviewDoc>;
	readonly #clock: Clock;

	constructor(collection: Collection<ReviewDoc>, clock: Clock) {
		this.#reviews = collection;
		this.#clock = clock;
	}

	/** The one review of a user and subject, also one that was taken away. */
	async find(userId: string, subject: Subject): Promise<ReviewDoc | null> {
		return this.#reviews.findOne({ userSubject: userSubjectOf(userId, subject) });
	}

	/** What can be read. @throws REVIEW_NOT_FOUND */
	async get(id: string): Promise<ReviewDoc> {
		const review = await this.#reviews.get(id);
		if (!review || isGone(review)) throw problem(reviews, "REVIEW_NOT_FOUND");
		return review;
	}

	/**
	 * Gives a review; one that was taken away is given anew under its id.
	 * @throws ALREADY_REVIEWED unless an earlier run under the same seed gave it.
	 */
	async give(
		cause: Cause,
		review: Pick<ReviewDoc, "id" | "userId" | "subject">,
		said: Given,
	): Promise<ReviewDoc> {
		const { userId, subject } = review;
		const userSubject = userSubjectOf(userId, subject);
		for (;;) {
			const there = await this.find(userId, subject);
			if (there && !isGone(there)) {
				if (said.givenBy !== undefined && there.givenBy === said.givenBy) return there;
				throw problem(reviews, "ALREADY_REVIEWED", { reviewId: there.id });
			}
			const $unset = { ...(said.givenBy === undefined && { givenBy: true as const }) };
			const made = there
				? await this.write(cause, there, { $set: said, $unset })
				: await this.#insert(cause, { ...review, userSubject, ...said, version: 1 });
			if (made) return made;
		}
	}

	/** Changes a review as decided on what is there; where another was quicker it is decided again. */
	async change(
		cause: Cause,
		id: string,
		decide: (review: ReviewDoc) => Change | null,
	): Promise<ReviewDoc> {
		for (;;) {
			const review = await this.get(id);
			const change = decide(review);
			const written = change ? await this.write(cause, review, change) : review;
			if (written) return written;
		}
	}

	/** Null where another was quicker. */
	async write(cause: Cause, review: ReviewDoc, change: Change): Promise<ReviewDoc | null> {
		return this.#reviews.advance(
			{ id: review.id, version: review.version },
			{ ...change, $inc: { version: 1 } },
			[this.#told(cause, applied(review, change))],
		);
	}

	/** The stars of a subject, as its reviews that count have them. */
	async summary(subject: Subject): Promise<ReviewSummary> {
		const count = (rating: number) =>
			this.#reviews.count({ countKey: countKeyOf(subject, rating) }, countLimit);
		const [one = 0, two = 0, three = 0, four = 0, five = 0] = await Promise.all(
			[1, 2, 3, 4, 5].map(count),
		);
		return {
			ratingCount: one + two + three + four + five,
			ratingSum: one + 2 * two + 3 * three + 4 * four + 5 * five,
			byRating: { 1: one, 2: two, 3: three, 4: four, 5: five },
		};
	}

	async #insert(cause: Cause, review: ReviewDoc): Promise<ReviewDoc | null> {
		try {
			return await this.#reviews.insert(review, [this.#told(cause, review)]);
		} catch (error) {
			if (isDuplicate(error)) return null;
			throw error;
		}
	}

	#told(cause: Cause, review: ReviewDoc): OutgoingFact {
		const { id: reviewId, userId, subject, rating, counts } = review;
		return fact(cause, this.#clock, reviews, "review.changed", {
			reviewId,
			userId,
			subject,
			...(!isGone(review) && { rating }),
			counts,
		});
	}
}
