import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Completion } from "../../../services/learning/courses/courses.contract.ts";
import { explainProgress } from "../../../services/learning/enrollments/explain.ts";
import { progressed } from "../../../services/learning/enrollments/progress.ts";
import type { SeatStep } from "../../../services/learning/enrollments/seat-steps.ts";
import { lengthOf, merged, type Span } from "../../../services/learning/enrollments/spans.ts";
import {
	maximalRate,
	mostCredit,
	mostSpans,
	settled,
	watched,
} from "../../../services/learning/enrollments/watching.ts";

const start = Date.UTC(2026, 0, 1);
const second = 1_000;

const newSeat = (more: Partial<EnrollmentDoc> = {}): EnrollmentDoc => ({
	id: "enr_1",
	userId: "usr_1",
	courseId: "crs_1",
	userCourse: "usr_1:crs_1",
	status: "active",
	progress: 0,
	totalWatchTime: 0,
	payments: {},
	enrolledAt: new Date(start).toISOString(),
	version: 1,
	...more,
});

const asks = (
	lessons: Record<string, number>,
	completionRule: Completion["completionRule"] = "watched",
): Completion => ({ completionRule, lessons, version: 1 });

/** A seat after a step, as the store would have it: a path names a field, or a lecture of `watched`. */
function after(seat: EnrollmentDoc, step: SeatStep | null): EnrollmentDoc {
	const { watched: lectures, ...next } = structuredClone(seat) as EnrollmentDoc;
	const kept = { ...lectures };
	for (const [path, value] of Object.entries(step?.change.$set ?? {}))
		if (path.startsWith("watched.")) kept[path.slice("watched.".length)] = value as never;
		else Object.assign(next, { [path]: value });
	return { ...next, ...(Object.keys(kept).length > 0 && { watched: kept }) };
}

interface Watching {
	lectureId?: string;
	spans: readonly Span[];
	/** ms after the start */
	at: number;
}

const report = (
	seat: EnrollmentDoc,
	completion: Completion,
	{ lectureId = "a", spans, at }: Watching,
): EnrollmentDoc => after(seat, watched(seat, completion, { lectureId, spans }, start + at));

const seen = (seat: EnrollmentDoc, lectureId = "a"): number =>
	lengthOf(seat.watched?.[lectureId]?.spans ?? []);

const span = fc
	.tuple(fc.integer({ min: 0, max: 3_600_000 }), fc.integer({ min: 0, max: 600_000 }))
	.map(([from, length]): Span => [from, from + length]);
const reports = fc.array(
	fc.record({
		lectureId: fc.constantFrom("a", "b"),
		spans: fc.array(span, { maxLength: 5 }),
		at: fc.integer({ min: 0, max: 7_200_000 }),
	}),
	{ maxLength: 12 },
);

describe("spans", () => {
	test("become their union: in order, apart, each instant once", () => {
		fc.assert(
			fc.property(fc.array(span, { maxLength: 20 }), spans => {
				const union = merged(spans);
				const [first = [0, 0]] = union;
				union.reduce(
					(last, next) => {
						assert.ok(next[0] > last[1] && next[1] > next[0]);
						return next;
					},
					[-1, first[0] - 1] as Span,
				);
				const covers = (list: readonly Span[], at: number) =>
					list.some(([from, to]) => from <= at && at < to);
				for (const at of spans.flatMap(([from, to]) => [from - 1, from, to - 1, to]))
					assert.equal(covers(union, at), covers(spans, at), String(at));
				assert.deepEqual(merged([...union, ...spans]), union);
			}),
		);
	});
});

describe("what was watched", () => {
	const course = asks({ a: 100, b: 100 });

	test("adds up over two devices, each second once", () => {
		const phone = { spans: [[0, 30_000]] as const, at: 60_000 };
		const laptop = { spans: [[20_000, 50_000]] as const, at: 61_000 };
		const seat = report(report(newSeat(), course, phone), course, laptop);
		assert.deepEqual(seat.watched?.a?.spans, [[0, 50_000]]);
		assert.equal(seat.totalWatchTime, 50);
		assert.equal(seat.progress, 2_500);
	});

	test("is not what was skipped", () => {
		const seat = report(newSeat(), course, {
			spans: [
				[0, 10_000],
				[90_000, 100_000],
			],
			at: 60_000,
		});
		assert.equal(seen(seat), 20_000);
		assert.equal(seat.watched?.a?.completed, false);
	});

	test("does not count at once when a whole lecture is reported", () => {
		const whole = [[0, 100_000]] as const;
		const early = report(newSeat(), course, { spans: whole, at: 5 * second });
		assert.equal(seen(early), 5 * second * maximalRate);
		const again = report(early, course, { spans: whole, at: 5 * second });
		assert.deepEqual(again, early, "nor when it is reported again");
		const later = report(early, course, { spans: whole, at: 8 * second });
		assert.equal(seen(later), 8 * second * maximalRate, "what did not count counts later");
	});

	test("after a year of nothing is not a lecture at once either", () => {
		const long = asks({ a: 3_600 });
		const seat = report(newSeat(), long, { spans: [[0, 3_600_000]], at: 365 * 86_400_000 });
		assert.equal(seen(seat), mostCredit);
	});

	test("never is more than can have gone by, in any order of reports", () => {
		fc.assert(
			fc.property(reports, list => {
				let seat = newSeat();
				let last = 0;
				for (const one of list) {
					seat = report(seat, course, one);
					last = Math.max(last, one.at);
				}
				assert.ok(seen(seat, "a") + seen(seat, "b") <= last * maximalRate);
				const union = merged(list.filter(r => r.lectureId === "a").flatMap(r => r.spans));
				assert.ok(seen(seat) <= lengthOf(union), "nothing that was not reported");
			}),
		);
	});

	test("never shrinks, and neither does progress", () => {
		fc.assert(
			fc.property(reports, list => {
				list.reduce((seat, one) => {
					const next = report(seat, course, one);
					assert.ok(next.progress >= seat.progress);
					assert.ok(next.totalWatchTime >= seat.totalWatchTime);
					assert.ok(seen(next, one.lectureId) >= seen(seat, one.lectureId));
					return next;
				}, newSeat());
			}),
		);
	});

	test("keeps to a number of spans: the shortest are forgotten", () => {
		const spans = Array.from(
			{ length: 200 },
			(_, i): Span => [i * 1_000, i * 1_000 + (i % 2 ? 300 : 10)],
		);
		const seat = report(newSeat(), course, { spans, at: 60_000 });
		const kept = seat.watched?.a?.spans ?? [];
		assert.equal(kept.length, mostSpans);
		assert.ok(kept.every(([from, to]) => to - from === 300));
	});

	test("of a lecture whose length nobody knows yet counts once it is known", () => {
		const unknown = report(newSeat(), asks({ a: 0 }), { spans: [[0, 60_000]], at: 60_000 });
		assert.deepEqual([unknown.progress, unknown.status], [0, "active"]);
		const known = after(unknown, settled(unknown, asks({ a: 61 }), "2026-01-02T00:00:00.000Z"));
		assert.deepEqual([known.progress, known.status], [10_000, "completed"]);
	});
});

describe("a course that is completed by watching", () => {
	const course = asks({ a: 60, b: 40, text: 0 });
	const a = { spans: [[0, 57_000]] as const, at: 60 * second };
	const b = { lectureId: "b", spans: [[0, 38_000]] as const, at: 120 * second };

	test("is so with 95 % of each lecture that has a length, and says so once", () => {
		const first = report(newSeat(), course, a);
		assert.deepEqual([first.status, first.progress], ["active", 6_000]);
		const step = watched(first, course, { lectureId: "b", spans: b.spans }, start + b.at);
		assert.deepEqual(step?.tells, { fact: "completed" });
		const done = after(first, step);
		assert.deepEqual([done.status, done.progress], ["completed", 10_000]);
		const more = watched(done, course, { lectureId: "b", spans: [[0, 40_000]] }, start + 200_000);
		assert.equal(more?.tells, undefined);
	});

	test("is not by a report of 100 %", () => {
		const own = { progress: 10_000, totalWatchTime: 1e6 };
		const said = after(newSeat(), progressed(newSeat(), { own }, course, start));
		assert.deepEqual([said.status, said.progress], ["active", 10_000]);
		assert.equal(report(said, course, a).status, "active");
		assert.equal(report(report(said, course, a), course, b).status, "completed");
	});

	test("is not where there is nothing to watch", () => {
		const seat = newSeat({ progress: 10_000 });
		assert.equal(settled(seat, asks({}), "now"), null);
		assert.equal(settled(seat, asks({ text: 0 }), "now"), null);
	});

	test("is so when what was missing is taken away, and stays so whatever is added", () => {
		const seat = report(newSeat(), course, a);
		assert.equal(settled(seat, course, "now"), null);
		const step = settled(seat, asks({ a: 60 }), "2026-01-02T00:00:00.000Z");
		assert.deepEqual(step?.tells, { fact: "completed" });
		const done = after(seat, step);
		assert.equal(settled(done, asks({ a: 60, c: 1_000 }), "now"), null);
		assert.deepEqual([done.status, done.progress], ["completed", 10_000]);
	});

	test("keeps a lecture completed whose video becomes longer", () => {
		const seat = report(newSeat(), course, a);
		const longer = settled(seat, asks({ a: 600, b: 40 }), "now");
		assert.equal(after(seat, longer).watched?.a?.completed, true);
	});

	test("is completed while a refund freezes its progress, which stays as it is", () => {
		const seat = { ...report(newSeat(), course, a), heldBy: "rfd_1" };
		const done = after(seat, settled(seat, asks({ a: 60 }), "2026-01-02T00:00:00.000Z"));
		assert.deepEqual([done.status, done.progress], ["completed", 6_000]);
	});
});

describe("a course that is completed by reports", () => {
	const course = asks({ a: 60 }, "reported");

	test("is so by one, and by watching all of it", () => {
		const own = { progress: 10_000, totalWatchTime: 0 };
		assert.equal(
			after(newSeat(), progressed(newSeat(), { own }, course, start)).status,
			"completed",
		);
		const seat = report(newSeat(), course, { spans: [[0, 60_000]], at: 60_000 });
		assert.equal(seat.status, "completed");
	});

	test("is so when it comes to be one after the report", () => {
		const seat = newSeat({ progress: 10_000 });
		assert.equal(after(seat, settled(seat, course, "now")).status, "completed");
	});
});

describe("one report of both kinds", () => {
	test("counts both", () => {
		const own = { progress: 5_000, totalWatchTime: 7 };
		const watch = { lectureId: "a", spans: [[0, 10_000]] as const, position: 10_000 };
		const seat = newSeat();
		const step = progressed(seat, { own, watch }, asks({ a: 100 }), start + 60_000);
		const next = after(seat, step);
		assert.deepEqual([next.progress, next.totalWatchTime], [5_000, 10]);
		assert.equal(next.watched?.a?.position, 10_000);
	});
});

describe("an explanation", () => {
	const completion = asks({ a: 100, b: 0, c: 60 });
	const lectures = [
		{ id: "a", title: "Clay", durationSeconds: 100 },
		{ id: "b", title: "Notes", durationSeconds: 0 },
		{ id: "c", title: "Fire", durationSeconds: 60 },
	];

	test("says in words what is missing, and where", () => {
		const seat = report(newSeat(), completion, {
			spans: [
				[0, 30_000],
				[65_000, 100_000],
			],
			at: 60_000,
		});
		const told = explainProgress(seat, completion, lectures);
		assert.deepEqual([told.progressPercentage, told.watchedPercentage], [40.62, 40.62]);
		assert.match(told.summary, /0 of 2 lectures with a length are completed/);
		assert.deepEqual(told.lectures[0], {
			id: "a",
			title: "Clay",
			durationSeconds: 100,
			watchedSeconds: 65,
			neededSeconds: 95,
			completed: false,
			missing: [[30, 65]],
			summary: "1:05 of 1:40 watched, 1:35 are needed. Missing: 0:30 to 1:05.",
		});
		assert.match(told.lectures[1]?.summary ?? "", /counts for nothing/);
		assert.equal(told.lectures[2]?.summary, "Not watched yet.");
	});

	test("tells what was reported from what was watched", () => {
		const told = explainProgress(newSeat({ progress: 10_000 }), completion, lectures);
		assert.match(
			told.summary,
			/Progress is 100 %.*Watching accounts for 0 %.*reported by the client/,
		);
	});

	test("says that a refund is under way, and of a course without lengths what it waits for", () => {
		const seat = newSeat({ heldBy: "rfd_1" });
		assert.match(
			explainProgress(seat, asks({ b: 0 }), [lectures[1] as never]).summary,
			/nothing to watch.*refund/,
		);
	});
});
