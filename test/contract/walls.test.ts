import assert from "node:assert/strict";
import { test } from "node:test";
import { breaches, sharedModels, wallBetween } from "../../scripts/walls.ts";

test("the sources keep to the walls", () => {
	assert.deepEqual(breaches(), []);
});

const enrollments = "services/learning/enrollments/enrollments.service.ts";

for (const [from, to, isAllowed] of [
	[enrollments, "services/learning/enrollments/seats.ts", true],
	[enrollments, "services/money/payments/payments.contract.ts", true],
	[enrollments, "services/money/payments/payments.service.ts", false],
	[enrollments, "services/learning/courses/outline.ts", false],
	[enrollments, "models/learning/enrollment.model.ts", true],
	[enrollments, "models/money/payment.model.ts", false],
	[enrollments, "kernel/clock.ts", true],
	[enrollments, "test/support/http.ts", false],
	["kernel/node.ts", "mixins/store.mixin.ts", false],
	["models/money/payment.model.ts", "kernel/money/money.ts", false],
] as const)
	test(`${from} ${isAllowed ? "may" : "may not"} import ${to}`, () => {
		assert.equal(wallBetween({ from, to }) === null, isAllowed);
	});

test("a model that two services import is named", () => {
	const to = "models/learning/course.model.ts";
	const found = sharedModels([
		{ from: "services/learning/courses/courses.service.ts", to },
		{ from: enrollments, to },
	]);
	assert.equal(found.length, 1);
	assert.match(found[0] as string, /course\.model\.ts belongs to one service/);
});
