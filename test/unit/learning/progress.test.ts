import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { advanceProgress, toHundredths } from "../../../services/learning/enrollments/progress.ts";

const percent = fc.double({ min: 0, max: 100, noNaN: true });
const seat = fc.record({
	status: fc.constantFrom("active" as const, "completed" as const),
	progress: fc.integer({ min: 0, max: 10_000 }),
	totalWatchTime: fc.integer({ min: 0, max: 1_000_000 }),
});
const report = fc.record({
	progress: fc.integer({ min: 0, max: 10_000 }),
	totalWatchTime: fc.integer({ min: 0, max: 1_000_000 }),
});

describe("hundredths of a percent", () => {
	test("are what two decimals say", () => {
		for (let hundredths = 0; hundredths <= 10_000; hundredths++)
			assert.equal(toHundredths(Number((hundredths / 100).toFixed(2))), hundredths);
	});

	test("are rounded down, however little is missing", () => {
		assert.equal(toHundredths(33.339), 3_333);
		assert.equal(toHundredths(99.995), 9_999);
		assert.equal(toHundredths(99.999_999_999_9), 9_999);
		assert.equal(toHundredths(0.009_999), 0);
		assert.equal(toHundredths(1e-300), 0);
	});

	test("are the most that was reached", () => {
		fc.assert(
			fc.property(percent, reached => {
				const hundredths = toHundredths(reached);
				assert.ok(Number.isInteger(hundredths) && hundredths >= 0);
				assert.ok(hundredths / 100 <= reached && reached < (hundredths + 1) / 100);
			}),
		);
	});
});

describe("a report", () => {
	test("moves nothing back", () => {
		fc.assert(
			fc.property(seat, report, (before, sent) => {
				const after = advanceProgress(before, sent, true);
				assert.equal(after.progress, Math.max(before.progress, sent.progress));
				assert.equal(after.totalWatchTime, Math.max(before.totalWatchTime, sent.totalWatchTime));
			}),
		);
	});

	test("completes an active enrollment at 100 % and no other", () => {
		fc.assert(
			fc.property(seat, report, (before, sent) => {
				const { completes, progress } = advanceProgress(before, sent, true);
				assert.equal(completes, before.status === "active" && progress === 10_000);
			}),
		);
	});

	test("of many leads to the same in any order", () => {
		fc.assert(
			fc.property(seat, fc.array(report, { maxLength: 6 }), (before, reports) => {
				const end = (order: typeof reports) =>
					order.reduce<typeof before>((now, sent) => {
						const { completes, ...after } = advanceProgress(now, sent, true);
						return { ...after, status: completes ? "completed" : now.status };
					}, before);
				assert.deepEqual(end(reports), end(reports.toReversed()));
			}),
		);
	});
});
