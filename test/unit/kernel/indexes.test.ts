import assert from "node:assert/strict";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Sort } from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import { embeddedIndexes, fewestLast, mongoIndexes } from "../../../kernel/store/indexes.ts";
import type { Doc, Model } from "../../../kernel/store/model.ts";
import { ReviewModel } from "../../../models/commerce/review.model.ts";
import { NotificationModel } from "../../../models/engagement/notification.model.ts";
import { UserModel } from "../../../models/identity/user.model.ts";
import { CourseModel } from "../../../models/learning/course.model.ts";
import { EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import { FigureDayModel } from "../../../models/learning/figure.model.ts";
import { PaymentModel } from "../../../models/money/payment.model.ts";
import { catalogueQuery } from "../../../services/learning/courses/catalogue.ts";
import { root } from "../../support/node.ts";

const words = { keys: true } as const;
const model = {
	indexes: { email: { unique: true }, status: {}, words },
	compound: [
		["userId", "createdAt"],
		["userId", "status"],
	],
} as const;

test("MongoDB keeps all of them, those of several fields with the id as the last", () => {
	assert.deepEqual(mongoIndexes(model), [
		{ key: { outboxSize: 1 }, sparse: true },
		{ key: { email: 1 }, unique: true },
		{ key: { status: 1 } },
		{ key: { "words.$**": 1 } },
		{ key: { userId: 1, createdAt: 1, _id: 1 } },
		{ key: { userId: 1, status: 1, _id: 1 } },
	]);
});

test("the embedded store keeps those of one field, and the first of several", () => {
	assert.deepEqual(embeddedIndexes(model), {
		outboxSize: { sparse: true },
		email: { unique: true },
		status: {},
		userId: {},
	});
});

test("the embedded store finds by the value that the fewest share", () => {
	const counts: Record<string, number> = { status: 1_000, userId: 3, payableKey: 1 };
	const asked = { payableKey: "k", createdAt: { $gt: "a" }, status: "captured", userId: "u" };
	const ordered = fewestLast(asked, field => counts[field]);
	assert.deepEqual(ordered, asked);
	assert.equal(Object.keys(ordered).at(-1), "payableKey");
	for (const alone of [{ status: "captured" }, { status: { $in: ["a"] }, userId: "u" }, {}])
		assert.equal(
			fewestLast(alone, field => counts[field]),
			alone,
		);
});

const comparesEqual = (condition: unknown) => typeof condition !== "object";

/**
 * Whether MongoDB finds the list in its order: the fields of the index are first those that are compared for equality, then
 * the one that is sorted by, then the id, so that it reads no more than it shows, whichever way it walks.
 */
function isServed(of: Model<never>, guard: Guard, sort: Sort): boolean {
	const [field] = Object.keys(sort) as [string];
	if (field === "id") return true;
	return mongoIndexes(of as never).some(({ key, sparse }) => {
		const fields = Object.keys(key);
		const equal = fields.slice(0, -2);
		const isEqual = equal.every(name => name in guard && comparesEqual(guard[name]));
		return !sparse && isEqual && equal.length > 0 && fields.at(-2) === field && key._id === 1;
	});
}

const public_ = { id: "usr_1", roles: [], sid: "ses_1" };
const sorts = [
	...["newest", "popular", "rating", "price", "-price", "createdAt", "-createdAt"],
	...["title", "-title", "priceMinor", "-priceMinor"],
] as const;

const lists: readonly [string, Model<never>, Guard, Sort][] = [
	...sorts.map((sort): [string, Model<never>, Guard, Sort] => {
		const asked = catalogueQuery({ sort } as never, undefined);
		return [`catalogue by ${sort}`, CourseModel as never, asked.guard, asked.sort];
	}),
	(() => {
		const asked = catalogueQuery({ teacherId: "usr_1", status: "all" } as never, public_);
		return ["own courses", CourseModel as never, asked.guard, asked.sort];
	})(),
	["own enrollments", EnrollmentModel as never, { userId: "usr_1" }, { enrolledAt: -1 }],
	["a course's enrollments", EnrollmentModel as never, { courseId: "crs_1" }, { enrolledAt: -1 }],
	["payments", PaymentModel as never, { userId: "usr_1" }, { createdAt: -1 }],
	[
		"notifications",
		NotificationModel as never,
		{ userId: "usr_1", hidden: { $exists: false } },
		{ createdAt: -1 },
	],
	["reviews", ReviewModel as never, { subjectKey: "course:crs_1" }, { createdAt: -1 }],
	["reviews by stars", ReviewModel as never, { subjectKey: "course:crs_1" }, { rating: 1 }],
	[
		"own reviews",
		ReviewModel as never,
		{ userId: "usr_1", subjectKey: { $exists: true } },
		{ createdAt: -1 },
	],
	["days of a course", FigureDayModel as never, { courseId: "crs_1" }, { day: 1 }],
	["days of a teacher", FigureDayModel as never, { teacherId: "usr_1" }, { day: 1 }],
	["users", UserModel as never, {}, { id: -1 }],
];

for (const [name, of, guard, sort] of lists)
	test(`${name}: found in order by an index`, () => {
		assert.ok(isServed(of, guard, sort), JSON.stringify(mongoIndexes(of as never)));
	});

test("every index is of fields that there are, and none is the beginning of another", async () => {
	let found = 0;
	for await (const file of glob("models/**/*.model.ts", { cwd: root })) {
		const exported: Record<string, unknown> = await import(join(root, file));
		for (const [name, value] of Object.entries(exported)) {
			if (!name.endsWith("Model")) continue;
			found++;
			const one = value as Model<Doc>;
			const keys = mongoIndexes(one as never).map(({ key }) => Object.keys(key));
			for (const field of keys.flat()) {
				const [path] = field.split(".") as [string];
				const isKnown = ["_id", "outboxSize"].includes(path) || Object.hasOwn(one.fields, path);
				assert.ok(isKnown, `${name}: ${field}`);
			}
			for (const key of keys)
				assert.equal(
					keys.filter(other => other.join().startsWith(key.join())).length,
					1,
					`${name}: ${key}`,
				);
		}
	}
	assert.ok(found > 20, `${found} models`);
});
