import assert from "node:assert/strict";
import { test } from "node:test";
import { Collection } from "../../../kernel/store/collection.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { Authoring } from "../../../services/learning/courses/authoring.ts";
import { memoryDriver, StillClock } from "../../support/memory.ts";
import { outcome } from "../../support/outcome.ts";

/** @param meanwhile done between the reading of a course and its change, the first time. */
async function world({ isApproved = true, roles = ["teacher"], isApprovalOn = false } = {}) {
	const courses = new Collection(CourseModel, await memoryDriver(CourseModel));
	const authoring = (seed?: string, meanwhile?: () => Promise<unknown>) => {
		let once = meanwhile;
		const call = async () => ({ approved: isApproved });
		const user = { id: "usr_t", roles, sid: "ses_1" };
		return new Authoring({
			courses,
			clock: new StillClock(),
			ctx: { call, headers: seed ? { seed } : {}, locals: { user } } as never,
			rights: {
				async editable(id) {
					const course = (await courses.get(id)) as CourseDoc;
					await once?.();
					once = undefined;
					return course;
				},
			},
			isApprovalOn,
		});
	};
	return {
		courses,
		authoring,
		async told(): Promise<string[]> {
			return (await courses.outboxes(9)).flatMap(({ facts }) => facts.map(({ name }) => name));
		},
	};
}

test("a course made twice under one seed is one", async () => {
	const { authoring, courses } = await world();
	const made = await authoring("key").create({ title: "Pottery" });
	assert.deepEqual(await authoring("key").create({ title: "Pottery" }), made);
	await authoring().create({ title: "Pottery" });
	assert.equal(await courses.count({}, 9), 2);
});

test("two changes of the terms at once never mix: the later one is decided again", async () => {
	const { authoring } = await world();
	const { id } = await authoring().create({ title: "Pottery", price: 49, currency: "USD" });
	const meanwhile = () => authoring().update({ id, price: 5_000, currency: "JPY" });
	const { priceMinor, currency } = await authoring(undefined, meanwhile).update({ id, price: 70 });
	assert.deepEqual([priceMinor, currency], [70, "JPY"]);
});

test("what completes a course is told where it changes, and only there", async () => {
	const { authoring, told } = await world();
	const { id } = await authoring().create({ title: "Pottery" });
	await authoring().update({ id, title: "Clay" });
	assert.deepEqual(await told(), []);
	await authoring().update({ id, completionRule: "watched" });
	await authoring().update({ id, completionRule: "watched" });
	assert.deepEqual(await told(), ["course.completion_changed"]);
});

test("where approval is on, who is not approved sells nothing, and an admin needs none", async () => {
	const refused = await world({ isApproved: false, isApprovalOn: true });
	const sold = { title: "Pottery", price: 49 };
	assert.equal(await outcome(refused.authoring().create(sold)), "TEACHER_NOT_APPROVED");
	const { id } = await refused.authoring().create({ ...sold, status: "draft" });
	const publish = { id, status: "published" } as const;
	assert.equal(await outcome(refused.authoring().update(publish)), "TEACHER_NOT_APPROVED");
	assert.equal((await refused.courses.get(id))?.status, "draft");
	for (const allowed of [
		{ isApprovalOn: false, isApproved: false },
		{ isApprovalOn: true, isApproved: true },
		{ isApprovalOn: true, isApproved: false, roles: ["teacher", "admin"] },
	])
		assert.equal(await outcome((await world(allowed)).authoring().create(sold)), "ok");
});

test("an archived course is archived once", async () => {
	const { authoring, courses } = await world();
	const { id } = await authoring().create({ title: "Pottery" });
	assert.equal((await authoring().archive(id)).status, "archived");
	await courses.advance({ id }, { $set: { updatedAt: "2026-01-01T00:00:00.000Z" } });
	assert.equal((await authoring().archive(id)).updatedAt, "2026-01-01T00:00:00.000Z");
});
