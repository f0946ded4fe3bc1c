import assert from "node:assert/strict";
import { test } from "node:test";
import type {
	FigureDayDoc,
	FigureMovementDoc,
	FigureSeatDoc,
} from "../../../models/learning/figure.model.ts";
import { eventually } from "../../support/http.ts";
import type { SignedUp } from "../../support/identity.ts";
import { as, openSchool, outcome } from "./school.ts";

const dayMs = 86_400_000;

test("figures", async t => {
	const school = await openSchool(t);
	const { call, clock, teacher, student, person } = school;
	const [other, colleague, admin] = await Promise.all([
		person(),
		person("teacher"),
		person("admin"),
	]);
	const today = () => new Date(clock.now()).toISOString().slice(0, 10);
	const of = (id: string, who: SignedUp = teacher, period: object = {}) =>
		call("figures.course", { id, ...period }, as(who));
	const settledAs = async (id: string, students: number, netMinor?: number) => {
		await school.settled();
		return eventually(
			() => of(id),
			seen => seen.students === students && seen.money[0]?.netMinor === netMinor,
		);
	};
	const complete = (courseId: string, who: SignedUp) =>
		call(
			"enrollments.progress",
			{ courseId, progressPercentage: 100, totalWatchTime: 60 },
			as(who),
		);

	const later = async (ms: number) => {
		clock.aheadMs += ms;
		for (const who of [teacher, student, other, colleague, admin]) {
			const { email, password } = who;
			who.token = (await call("auth.login", { email, password })).accessToken;
		}
		const { tokens } = school.node.platform;
		await eventually(
			async () => tokens.isStale(),
			isStale => !isStale,
		);
	};

	const twoDaysLater = () => later(2 * dayMs);
	// No midnight comes while the test runs.
	await later(1.5 * dayMs - (clock.now() % dayMs));

	const { id } = await school.course({ title: "Clay", price: 99.99, completionRule: "reported" });
	const first = today();

	await t.test("are what students paid and did, by day and currency", async () => {
		await school.pay(student, id);
		const paymentId = await school.pay(other, id);
		await complete(id, student);
		await settledAs(id, 2, 19_998);
		await twoDaysLater();
		await call("payments.refund", { id: paymentId }, as(other));
		const seen = await settledAs(id, 1, 9_999);
		const money = { currency: "USD", disputed: 0, disputedMinor: 0 };
		const paid = { revenue: 199.98, revenueMinor: 19_998 };
		const back = { refunded: 99.99, refundedMinor: 9_999 };
		assert.deepEqual(seen, {
			courseId: id,
			title: "Clay",
			status: "published",
			students: 1,
			completed: 1,
			completionRate: 100,
			ratingCount: 0,
			money: [{ ...money, ...paid, ...back, net: 99.99, netMinor: 9_999 }],
			from: new Date(clock.now() - 29 * dayMs).toISOString().slice(0, 10),
			to: today(),
			days: [
				{
					day: first,
					enrolled: 1,
					completed: 1,
					money: [
						{ ...money, ...paid, refunded: 0, refundedMinor: 0, net: 199.98, netMinor: 19_998 },
					],
				},
				{
					day: today(),
					enrolled: 0,
					completed: 0,
					money: [
						{ ...money, revenue: 0, revenueMinor: 0, ...back, net: -99.99, netMinor: -9_999 },
					],
				},
			],
		});
		assert.deepEqual((await of(id, teacher, { to: first })).days.length, 1);
	});

	await t.test("stay the same when every fact is told again, the last first", async () => {
		const before = await of(id);
		const names = ["payment.captured", "payment.refunded", "enrollment.activated"];
		const told = [...names, "enrollment.completed", "enrollment.dropped"].flatMap(school.told);
		assert.ok(told.length >= 7, `${told.length} facts`);
		for (const fact of told.reverse()) await school.tellAgain("figures", fact);
		assert.deepEqual(await of(id), before);
	});

	await t.test("are for the teacher of the course and for admins", async () => {
		const draft = await school.course({ status: "draft" });
		const ask = (courseId: string, who: SignedUp) => outcome(of(courseId, who));
		for (const who of [teacher, admin])
			for (const one of [id, draft.id]) assert.equal(await ask(one, who), "ok");
		assert.equal(await ask(id, colleague), "FORBIDDEN");
		assert.equal(await ask(draft.id, colleague), "COURSE_NOT_FOUND");
		assert.equal(await ask(id, student), "FORBIDDEN");
	});

	await t.test("of all that a teacher teaches are of courses of any status", async () => {
		const seen = await call("figures.teaching", {}, as(teacher));
		assert.deepEqual(
			seen.items.map(({ status, students }) => [status, students]),
			[
				["draft", 0],
				["published", 1],
			],
		);
		const { days, totals } = await of(id).then(({ days, ...totals }) => ({ days, totals }));
		assert.deepEqual(seen.days, days);
		assert.deepEqual(seen.totals.money, totals.money);
		assert.equal((await call("figures.teaching", {}, as(colleague))).total, 0);
	});

	await t.test("are made anew from the owners, whatever was there", async () => {
		const before = await of(id);
		const movements = school.store<FigureMovementDoc>("figures", "movements");
		const seats = school.store<FigureSeatDoc>("figures", "seats");
		const days = school.store<FigureDayDoc>("figures", "days");
		const [movement] = await movements.find({ kind: "capture" });
		assert.ok(movement);
		await movements.remove({ id: movement.id });
		await movements.advance({ kind: "refund" }, { $set: { amountMinor: 1 } });
		await movements.insert({ ...movement, id: "capture:pay_x", paymentId: "pay_x" });
		await seats.insert({ id: "enr_x", courseId: id, enrolledOn: `${id}/${first}` });
		await days.advance({ day: first }, { $set: { students: 77 } });
		await days.insert({
			id: `${id}/2020-01-01`,
			courseId: id,
			teacherId: teacher.user.id,
			day: "2020-01-01",
			students: 5,
			completed: 5,
			money: {},
		});
		const rebuilt = await call("figures.rebuild", {}, as(admin));
		assert.deepEqual(rebuilt, { movements: 3, enrollments: 2, removed: 2, courses: 1 });
		assert.deepEqual(await of(id), before);
		await call("figures.rebuild", {});
		assert.deepEqual(await of(id), before);
	});
});
