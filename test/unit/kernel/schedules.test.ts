import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseSchedule, type Schedule, takeTick } from "../../../kernel/schedules.ts";
import { defineModel } from "../../../kernel/store/model.ts";
import { memoryCollection } from "../../support/memory.ts";

const scheduled = (text: string): Schedule => {
	const schedule = parseSchedule(text);
	assert.ok(schedule, text);
	return schedule;
};
const instant = (text: string) => Date.parse(text);
const text = (ms: number) => new Date(ms).toISOString();

/** The next runs after an instant. */
function runs(schedule: Schedule, from: string, count: number): string[] {
	const found: string[] = [];
	for (let now = instant(from); found.length < count; now = instant(found.at(-1) as string))
		found.push(text(schedule.next(now)));
	return found;
}

describe("a duration", () => {
	for (const [duration, ms] of [
		["PT30S", 30_000],
		["PT5M", 300_000],
		["PT1H30M", 5_400_000],
		["P1D", 86_400_000],
		["P1DT2H3M4S", 93_784_000],
	] as const)
		test(`${duration} is ${ms} ms, counted from the epoch on every node`, () => {
			const { tick, next } = scheduled(duration);
			const start = ms * 20_000;
			for (const now of [start, start + 1, start + ms - 1]) {
				assert.equal(tick(now), start);
				assert.equal(next(now), start + ms);
			}
		});
});

describe("a cron expression", () => {
	test("runs by the wall clock of its zone, through the change to summer time", () => {
		const schedule = scheduled("0 3 * * * Europe/Berlin");
		assert.deepEqual(runs(schedule, "2026-03-27T12:00:00Z", 3), [
			"2026-03-28T02:00:00.000Z",
			"2026-03-29T01:00:00.000Z",
			"2026-03-30T01:00:00.000Z",
		]);
	});

	test("runs once on the day whose hour does not exist, and once where it comes twice", () => {
		const schedule = scheduled("30 2 * * * Europe/Berlin");
		assert.deepEqual(runs(schedule, "2026-03-28T12:00:00Z", 2), [
			"2026-03-29T01:00:00.000Z",
			"2026-03-30T00:30:00.000Z",
		]);
		assert.deepEqual(runs(schedule, "2026-10-24T12:00:00Z", 2), [
			"2026-10-25T00:30:00.000Z",
			"2026-10-26T01:30:00.000Z",
		]);
	});

	test("names a run by its start from the very ms on, and until the next", () => {
		const { tick, next } = scheduled("0 3 * * * UTC");
		const start = instant("2026-05-01T03:00:00.000Z");
		const day = 86_400_000;
		assert.equal(tick(start - 1), start - day);
		for (const late of [0, 1, 999, 1_000, day - 1]) {
			assert.equal(tick(start + late), start, `${late} ms late`);
			assert.equal(next(start + late), start + day);
		}
	});

	test("takes steps, lists and names of days", () => {
		assert.deepEqual(runs(scheduled("*/20 * * * * UTC"), "2026-05-01T00:00:00Z", 3), [
			"2026-05-01T00:20:00.000Z",
			"2026-05-01T00:40:00.000Z",
			"2026-05-01T01:00:00.000Z",
		]);
		assert.deepEqual(runs(scheduled("0 9 * * MON America/New_York"), "2026-05-01T00:00:00Z", 1), [
			"2026-05-04T13:00:00.000Z",
		]);
	});
});

test("anything else is no schedule", () => {
	for (const wrong of [
		"",
		"P",
		"PT",
		"PT0S",
		"PT1.5S",
		"P1W",
		"PT-5S",
		"30",
		"0 3 * * *",
		"0 3 * * Europe/Berlin",
		"0 3 * * * Mars/Olympus",
		"60 3 * * * UTC",
		"0 0 30 2 * UTC",
		"* * * * * * UTC",
		"@daily UTC",
	])
		assert.equal(parseSchedule(wrong), null, wrong);
});

describe("a tick", () => {
	const open = () =>
		memoryCollection(
			defineModel<{ id: string; tick: number }>()({
				name: "ticks",
				fields: { tick: Number },
				indexes: {},
			}),
		);
	const winners = (taken: boolean[]) => taken.filter(Boolean).length;

	test("is taken by one of 20 at once, the first one too", async () => {
		const ticks = await open();
		for (const tick of [1_000, 2_000, 3_000]) {
			const taken = await Promise.all(
				Array.from({ length: 20 }, () => takeTick(ticks, "sweep", tick)),
			);
			assert.equal(winners(taken), 1, `${tick}`);
		}
	});

	test("that is over is not taken any more", async () => {
		const ticks = await open();
		assert.equal(await takeTick(ticks, "sweep", 2_000), true);
		assert.equal(await takeTick(ticks, "sweep", 1_000), false);
		assert.equal(await takeTick(ticks, "sweep", 2_000), false);
	});

	test("of one action is not that of another", async () => {
		const ticks = await open();
		assert.equal(await takeTick(ticks, "sweep", 1_000), true);
		assert.equal(await takeTick(ticks, "expire", 1_000), true);
	});
});
