import assert from "node:assert/strict";
import { test } from "node:test";
import { type EnrollmentDoc, EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import type { Completion } from "../../../services/learning/courses/courses.contract.ts";
import { Progression } from "../../../services/learning/enrollments/progression.ts";
import { Seats } from "../../../services/learning/enrollments/seats.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";
import { outcome } from "../../support/outcome.ts";

const pair = { userId: "usr_1", courseId: "crs_1" };
const cause = { headers: {}, locals: {} } as never;
const lessons = { lec_1: 60, lec_2: 60 };
const first = {
	lec_1: { spans: [[0, 60_000]], position: 60_000, watchedSeconds: 60, completed: true },
};

/** One active seat that has seen the first of two lectures; the course answers with each of `asked` in turn. */
async function world(...asked: Completion[]) {
	const enrollments = await memoryCollection(EnrollmentModel);
	const clock = new StillClock();
	const seats = new Seats(enrollments, clock);
	const { id } = (await seats.open(cause, pair)) as EnrollmentDoc;
	await enrollments.advance({ id }, { $set: { watched: first } });
	const calls: string[] = [];
	const call = async (action: string) => {
		calls.push(action);
		return asked[Math.min(calls.length, asked.length) - 1];
	};
	const ctx = { call, headers: {}, locals: {} } as never;
	return {
		seats,
		calls,
		clock,
		progression: new Progression({ seats, clock, ctx }),
		seat: async () => (await enrollments.get(id)) as EnrollmentDoc,
		set: (change: Partial<EnrollmentDoc>) => enrollments.advance({ id }, { $set: change }),
	};
}
const watching = (version: number, of: Completion["lessons"]): Completion => ({
	completionRule: "watched",
	lessons: of,
	version,
});

test("a seat is judged again until its course asks for what it was judged by", async () => {
	const whole = watching(1, lessons);
	const still = await world(whole, whole);
	assert.equal((await still.progression.settle(await still.seat())).status, "active");
	assert.equal(still.calls.length, 2);
	const shrinks = await world(whole, watching(2, { lec_1: 60 }));
	assert.equal((await shrinks.progression.settle(await shrinks.seat())).status, "completed");
	const known = await world(whole);
	await known.progression.settle(await known.seat(), whole);
	assert.equal(known.calls.length, 1);
});

test("a seat that is not active is left alone", async () => {
	const { progression, seat, set, calls } = await world(watching(1, { lec_1: 60 }));
	await set({ status: "dropped" });
	assert.equal((await progression.settle(await seat())).status, "dropped");
	assert.equal(calls.length, 0);
});

test("a report that comes with a change of the lectures completes the seat", async () => {
	const { progression, clock, set } = await world(watching(1, lessons), watching(2, { lec_1: 60 }));
	await set({ reportedAt: clock.now() - 60_000 });
	const watch = { lectureId: "lec_2", spans: [[0, 10_000]], position: 10_000 } as const;
	assert.equal((await progression.report(pair, { watch })).status, "completed");
});

test("a report of one's own asks the course for nothing until it is a full one", async () => {
	const { progression, calls } = await world({
		completionRule: "reported",
		lessons: {},
		version: 0,
	});
	const half = await progression.report(pair, { own: { progress: 5_000, totalWatchTime: 30 } });
	assert.deepEqual([half.status, half.progress, calls.length], ["active", 5_000, 0]);
	const full = await progression.report(pair, { own: { progress: 10_000, totalWatchTime: 60 } });
	assert.deepEqual([full.status, calls.length], ["completed", 1]);
});

test("a report is refused without a seat, of no lecture, and while a refund freezes the seat", async () => {
	const { progression, set } = await world(watching(1, lessons));
	const own = { progress: 1, totalWatchTime: 1 };
	const elsewhere = { ...pair, courseId: "crs_2" };
	assert.equal(await outcome(progression.report(elsewhere, { own })), "ENROLLMENT_NOT_FOUND");
	const watch = { lectureId: "toString", spans: [] };
	assert.equal(await outcome(progression.report(pair, { watch })), "LECTURE_NOT_FOUND");
	await set({ heldBy: "rfd_1" });
	assert.equal(await outcome(progression.report(pair, { own })), "REFUND_PENDING");
	await set({ status: "dropped" });
	assert.equal(await outcome(progression.report(pair, { own })), "ENROLLMENT_NOT_FOUND");
});

test("all active seats of a course are judged by what it asks for now", async () => {
	const { progression, seats, seat } = await world(watching(1, { lec_1: 60 }));
	const another = { ...pair, userId: "usr_2" };
	await seats.open(cause, another);
	await progression.settleAll("crs_1");
	assert.equal((await seat()).status, "completed");
	assert.equal((await seats.find(another))?.status, "active");
});
