import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../../../kernel/errors.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import { catalogued, catalogueQuery } from "../../../services/learning/courses/catalogue.ts";
import { rated, rerate, type Stars, unrated } from "../../../services/learning/courses/rating.ts";
import { reviewingOf } from "../../../services/learning/courses/reviewing.ts";

const placesOf = (ask: () => unknown): string[] => {
	try {
		ask();
	} catch (error) {
		const { data } = error as { data: { errors: { path: string }[] } };
		return data.errors.map(({ path }) => path);
	}
	return [];
};

describe("a range of prices", () => {
	const at = (filters: object) => placesOf(() => catalogueQuery(filters, undefined));

	test("is of a currency that there is and that can express it", () => {
		assert.deepEqual(at({ minPrice: 5 }), ["/currency"]);
		assert.deepEqual(at({ maxPrice: 0 }), ["/currency"]);
		assert.deepEqual(at({ currency: "ABC" }), ["/currency"]);
		assert.deepEqual(at({ minPrice: 5.5, currency: "JPY" }), ["/minPrice"]);
		assert.deepEqual(at({ maxPrice: 9.999, currency: "USD" }), ["/maxPrice"]);
		assert.deepEqual(at({ minPrice: 5, maxPrice: 9.99, currency: "USD" }), []);
	});

	test("and what is free or not hold together", () => {
		const price = (filters: object) =>
			catalogueQuery({ currency: "USD", ...filters }, undefined).guard.priceMinor;
		const most = Number.MAX_SAFE_INTEGER;
		assert.equal(price({}), undefined);
		assert.deepEqual(price({ free: true }), { $gte: 0, $lte: 0 });
		assert.deepEqual(price({ free: false }), { $gte: 1, $lte: most });
		assert.deepEqual(price({ free: false, maxPrice: 5 }), { $gte: 1, $lte: 500 });
		assert.deepEqual(price({ free: true, minPrice: 5 }), { $gte: 500, $lte: 0 });
	});
});

test("what a course is found by follows from both names, whichever changes", () => {
	const course = { title: "Clay", category: "Crafts" };
	const words = (said: object) => Object.keys(catalogued(said, course).words ?? {});
	assert.ok(words({ title: "Kiln" }).includes("crafts"));
	assert.ok(!words({ title: "Kiln" }).includes("clay"));
	assert.ok(words({ category: "Art" }).includes("clay"));
	assert.ok(!words({ category: "" }).includes("crafts"));
	assert.deepEqual(catalogued({ level: "beginner" }, course), { level: "beginner" });
});

describe("the rating of a course", () => {
	test("is the mean to one decimal, and none without a review", () => {
		assert.deepEqual(rated({ ratingCount: 3, ratingSum: 13 }).$set?.rating, 4.3);
		assert.deepEqual(rated({ ratingCount: 0, ratingSum: 0 }), {
			$set: unrated,
			$unset: { rating: true },
		});
	});

	test("sorts by how many say so", () => {
		const score = (ratingCount: number, stars: number) =>
			rated({ ratingCount, ratingSum: ratingCount * stars }).$set?.ratingScore as number;
		assert.ok(score(1, 5) < score(50, 4.8));
		assert.ok(score(1, 1) < unrated.ratingScore && unrated.ratingScore < score(1, 5));
		assert.ok(score(50, 1) < score(1, 1));
	});

	test("is the owner's last one, however recounts, reviews and answers interleave", async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.scheduler(),
				fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
				async (scheduler, given) => {
					const owned: Stars = { ratingCount: 0, ratingSum: 0 };
					let stored: unknown;
					const count = () => scheduler.schedule(Promise.resolve({ ...owned }), "counted");
					const courses = {
						async advance(_: object, { $set }: { $set?: { ratingCount?: number } }) {
							await scheduler.schedule(Promise.resolve(), "writes");
							stored = $set?.ratingCount;
							return null;
						},
					};
					const recounts = given.map(async stars => {
						await scheduler.schedule(Promise.resolve(), `gives ${stars}`);
						owned.ratingCount++;
						owned.ratingSum += stars;
						await rerate(courses as never, "crs_1", count);
					});
					await scheduler.waitFor(Promise.all(recounts));
					assert.equal(stored, given.length);
				},
			),
		);
	});
});

test("students review a course and its teacher replies, also where it teaches itself", () => {
	const course = { teacherId: "usr_t", status: "published", publishedAt: "x" } as CourseDoc;
	const draft = { teacherId: "usr_t", status: "draft" } as CourseDoc;
	const of = (doc: CourseDoc | null, userId: string, isEnrolled: boolean) => {
		try {
			const { mayReview, mayReply } = reviewingOf(doc, { userId, isEnrolled });
			return [mayReview, mayReply];
		} catch (error) {
			return codeOf(error);
		}
	};
	assert.deepEqual(of(course, "usr_s", true), [true, false]);
	assert.deepEqual(of(course, "usr_s", false), [false, false]);
	assert.deepEqual(of(course, "usr_t", true), [false, true]);
	assert.deepEqual(of(draft, "usr_s", true), [true, false]);
	assert.deepEqual(of(draft, "usr_t", false), [false, true]);
	assert.equal(of(draft, "usr_s", false), "COURSE_NOT_FOUND");
	assert.equal(of(null, "usr_s", true), "COURSE_NOT_FOUND");
});
