import assert from "node:assert/strict";
import { test } from "node:test";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import { eventually } from "../../support/http.ts";
import type { SignedUp } from "../../support/identity.ts";
import { as, asService, openSchool, outcome, placesOf, type School, twenty } from "./school.ts";

/** What these tests say often. */
function words({ call, course, teacher, student, clock, node, settled, store, told }: School) {
	const mine = (courseId: string, who = student) =>
		call("enrollments.getByCourse", { courseId }, as(who));
	return {
		mine,
		seats: store<EnrollmentDoc>("enrollments", "enrollments"),
		/** A course with lectures of these lengths (seconds) in which the student has a seat. */
		async watchable(...lengths: number[]) {
			const { id: courseId } = await course();
			const { id: sectionId } = await call(
				"courses.addSection",
				{ id: courseId, title: "Clay" },
				as(teacher),
			);
			const lectures: string[] = [];
			for (const durationSeconds of lengths) {
				const lecture = { id: sectionId, title: `Of ${durationSeconds} s`, durationSeconds };
				lectures.push((await call("courses.addLecture", lecture, as(teacher))).id);
			}
			const { id: seatId } = await call("enrollments.enroll", { courseId }, as(student));
			await settled();
			return { courseId, sectionId, lectures: lectures as [string, ...string[]], seatId };
		},
		watch: (courseId: string, lectureId: string, ...intervals: [number, number][]) =>
			call("enrollments.progress", { courseId, lectureId, intervals }, as(student)),
		/** Lets time go by, seconds. */
		async wait(seconds: number) {
			clock.aheadMs += seconds * 1_000;
			await node.platform.tokens.refresh(false);
		},
		completed: (courseId: string) =>
			told("enrollment.completed").filter(({ data }) => data.courseId === courseId).length,
		isCompleted: (courseId: string) =>
			eventually(
				() => mine(courseId),
				({ status }) => status === "completed",
			),
	};
}

test("watching", async t => {
	const school = await openSchool(t);
	const { call, student, teacher, course, settled, told } = school;
	const { mine, watchable, watch, wait, completed, isCompleted, seats } = words(school);

	await t.test(
		"completes a course of which everything was watched, and tells it once",
		async () => {
			const { courseId, lectures, seatId } = await watchable(60, 30, 0);
			const [a, b = ""] = lectures;
			assert.equal((await call("courses.get", { id: courseId })).completionRule, "watched");
			await wait(60);
			const first = await watch(courseId, a, [0, 40], [30, 57]);
			assert.deepEqual(first.lectures, {
				[a]: { watchedSeconds: 57, lastPosition: 57, completed: true },
			});
			assert.deepEqual([first.status, first.progressPercentage], ["active", 66.66]);
			const told = await call("enrollments.explainProgress", { id: seatId }, as(student));
			assert.match(told.summary, /1 of 2 lectures with a length are completed/);
			assert.deepEqual(
				told.lectures.map(({ completed }) => completed),
				[true, false, false],
			);
			assert.deepEqual(
				await call("enrollments.explainProgress", { id: seatId }, as(teacher)),
				told,
				"its teacher sees it",
			);
			await wait(30);
			const all = await twenty(() => watch(courseId, b, [0, 30]));
			const last = await mine(courseId);
			assert.deepEqual([last.status, last.progressPercentage], ["completed", 100]);
			assert.equal(new Set(all.map(({ completedAt }) => completedAt).filter(Boolean)).size, 1);
			await settled();
			assert.equal(completed(courseId), 1);
		},
	);

	await t.test("is not done by a script, by skipping, or by saying 100 %", async () => {
		const { courseId, lectures } = await watchable(600);
		const [a] = lectures;
		const at = await watch(courseId, a, [0, 600]);
		assert.ok((at.lectures?.[a]?.watchedSeconds ?? 600) < 10, "at once");
		await wait(30);
		const skipped = await watch(courseId, a, [0, 20], [590, 600]);
		assert.ok((skipped.lectures?.[a]?.watchedSeconds ?? 600) <= 31);
		assert.equal(skipped.lectures?.[a]?.lastPosition, 600);
		const own = { courseId, progressPercentage: 100, totalWatchTime: 600 };
		const said = await call("enrollments.progress", own, as(student));
		assert.deepEqual([said.status, said.progressPercentage], ["active", 100]);
	});

	await t.test("from two devices at once loses nothing of either", async () => {
		const { courseId, lectures } = await watchable(100);
		const [a] = lectures;
		await wait(60);
		await twenty(i => watch(courseId, a, [i * 5, i * 5 + 5]));
		const { lectures: seen } = await mine(courseId);
		assert.deepEqual([seen?.[a]?.watchedSeconds, seen?.[a]?.completed], [100, true]);
	});

	await t.test("is written once for each report, and not where it says nothing new", async () => {
		const { courseId, lectures, seatId } = await watchable(600);
		const [a] = lectures;
		await wait(60);
		const before = (await seats.get(seatId))?.version ?? 0;
		await watch(courseId, a, [0, 10]);
		assert.equal((await seats.get(seatId))?.version, before + 1);
		for (let again = 0; again < 3; again++) await watch(courseId, a, [0, 10]);
		assert.equal((await seats.get(seatId))?.version, before + 1);
	});

	await t.test("completes when the teacher takes away what was missing", async () => {
		for (const take of ["lecture", "section", "length", "rule"] as const) {
			const { courseId, lectures } = await watchable(60);
			const more = { id: courseId, title: "More" };
			const { id: sectionId } = await call("courses.addSection", more, as(teacher));
			const missing = { id: sectionId, title: "Missing", durationSeconds: 40 };
			const { id: b } = await call("courses.addLecture", missing, as(teacher));
			await wait(60);
			await watch(courseId, lectures[0], [0, 60]);
			const own = { courseId, progressPercentage: 100, totalWatchTime: 0 };
			if (take === "rule") await call("enrollments.progress", own, as(student));
			await settled();
			assert.equal((await mine(courseId)).status, "active");
			if (take === "lecture") await call("courses.removeLecture", { id: b }, as(teacher));
			if (take === "section") await call("courses.removeSection", { id: sectionId }, as(teacher));
			if (take === "length")
				await call("courses.updateLecture", { id: b, durationSeconds: 0 }, as(teacher));
			if (take === "rule")
				await call("courses.update", { id: courseId, completionRule: "reported" }, as(teacher));
			await isCompleted(courseId);
			await call("courses.addSection", { id: courseId, title: "Later" }, as(teacher)).then(
				({ id }) =>
					call("courses.addLecture", { id, title: "New", durationSeconds: 9 }, as(teacher)),
			);
			await settled();
			assert.equal((await mine(courseId)).status, "completed", `${take}: for good`);
			assert.equal(completed(courseId), 1, take);
		}
	});

	await t.test("is not lost where the course changes under a report", async t => {
		const { courseId, lectures } = await watchable(60, 40);
		await wait(60);
		const write = seats.advance.bind(seats);
		const late = t.mock.method(seats, "advance", async (...args: Parameters<typeof write>) => {
			late.mock.restore();
			await call("courses.removeLecture", { id: lectures[1] ?? "" }, as(teacher));
			await settled();
			return write(...args);
		});
		assert.equal((await watch(courseId, lectures[0], [0, 60])).status, "completed");
		await settled();
		assert.equal(completed(courseId), 1);
	});

	await t.test(
		"completes a seat that was given up meanwhile, once it is taken up again",
		async () => {
			const { courseId, lectures } = await watchable(60, 40);
			await wait(60);
			await watch(courseId, lectures[0], [0, 60]);
			await call(
				"enrollments.drop",
				{ userId: student.user.id, courseId },
				asService("payment-service"),
			);
			await call("courses.removeLecture", { id: lectures[1] ?? "" }, as(teacher));
			await settled();
			await call("enrollments.enroll", { courseId }, as(student));
			await isCompleted(courseId);
		},
	);

	await t.test(
		"is recomputed where the change of the lectures was cut off after its write",
		async () => {
			const { courseId, lectures } = await watchable(60, 40);
			await wait(60);
			await watch(courseId, lectures[0], [0, 60]);
			const [fact] = told("course.outline_changed").filter(
				({ data }) => data.courseId === courseId,
			);
			assert.ok(fact);
			const parts = school.store<{ id: string; removedAt?: string }>("courses", "lectures");
			const removedAt = "2026-01-01T00:00:00.000Z";
			await parts.advance({ id: lectures[1] ?? "" }, { $set: { removedAt } });
			assert.equal((await mine(courseId)).status, "active");
			await school.tellAgain("courses", fact);
			await isCompleted(courseId);
		},
	);

	await t.test("of what the course has not, or in no order, is refused", async () => {
		const { courseId, lectures } = await watchable(60);
		const elsewhere = await watchable(60);
		for (const id of [elsewhere.lectures[0], "lec_no", "__proto__", "constructor"])
			assert.equal(await outcome(watch(courseId, id, [0, 1])), "LECTURE_NOT_FOUND");
		const [lectureId] = lectures;
		for (const [wrong, path] of [
			[{ lectureId, intervals: [[5, 4]] }, "/intervals/0"],
			[{ lectureId }, "/intervals"],
			[{ intervals: [] }, "/lectureId"],
			[{ lectureId, intervals: [[0]] }, "/intervals/0"],
			[{ lectureId, intervals: [[0, "1"]] }, "/intervals/0/1"],
			[{ lectureId, intervals: [[-1, 1]] }, "/intervals/0/0"],
			[{ lectureId, intervals: [[0, 1e6]] }, "/intervals/0/1"],
			[{}, "/progressPercentage"],
		] as const)
			assert.deepEqual(
				await placesOf(call("enrollments.progress", { courseId, ...wrong } as never, as(student))),
				[path],
				JSON.stringify(wrong),
			);
		const stranger: SignedUp = await school.person();
		const report = { courseId, lectureId, intervals: [[0, 1]] };
		assert.equal(
			await outcome(call("enrollments.progress", report, as(stranger))),
			"ENROLLMENT_NOT_FOUND",
		);
	});

	await t.test("of removed lectures is nobody's, and they are deleted", async () => {
		const { courseId, sectionId, lectures } = await watchable(60, 40);
		const [a, b = ""] = lectures;
		await call("courses.removeLecture", { id: a }, as(teacher));
		assert.equal(await outcome(watch(courseId, a, [0, 1])), "LECTURE_NOT_FOUND");
		assert.equal(
			await outcome(call("courses.getLecture", { id: a }, as(student))),
			"LECTURE_NOT_FOUND",
		);
		await call("courses.removeSection", { id: sectionId }, as(teacher));
		assert.equal(
			await outcome(call("courses.getLecture", { id: b }, as(student))),
			"LECTURE_NOT_FOUND",
		);
		await settled();
		const store = school.store("courses", "lectures");
		await eventually(
			async () => {
				await call("courses.facts.sweep" as never, {} as never);
				await call("courses.purge");
				return store.count({ id: { $in: [a, b] } });
			},
			left => left === 0,
		);
		assert.equal(await school.store("courses", "sections").count({ id: sectionId }), 0);
	});

	await t.test("counts in what a refund gives back", async () => {
		const { id: courseId } = await course({ price: 99.99 });
		const section = { id: courseId, title: "Clay" };
		const { id } = await call("courses.addSection", section, as(teacher));
		const lecture = { id, title: "Kiln", durationSeconds: 100 };
		const { id: lectureId } = await call("courses.addLecture", lecture, as(teacher));
		const paymentId = await school.pay(student, courseId);
		await wait(60);
		await watch(courseId, lectureId, [0, 37]);
		const quote = await call("payments.refundQuote", { id: paymentId }, as(student));
		assert.deepEqual([quote.progressPercentage, quote.amountMinor], [37, 6_299]);
		await call("payments.refund", { id: paymentId }, as(student));
		await settled();
		const seat = await mine(courseId);
		assert.deepEqual([seat.status, seat.progressPercentage], ["dropped", 37]);
		assert.equal(
			await outcome(call("certificates.issue", { id: seat.id }, as(student))),
			"COURSE_NOT_COMPLETED",
		);
		assert.equal(await outcome(watch(courseId, lectureId, [37, 100])), "ENROLLMENT_NOT_FOUND");
	});
});
