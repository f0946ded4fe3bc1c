import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	afterQuietHours,
	isTimeZone,
	type QuietHours,
} from "../../../services/engagement/notifications/quiet-hours.ts";

const after = (now: string, from: string, to: string, timeZone: string): string =>
	new Date(afterQuietHours(Date.parse(now), { from, to, timeZone })).toISOString();

test("outside quiet hours nothing waits, and not at the minute they end", () => {
	const now = "2026-01-10T12:00:00.000Z";
	assert.equal(after(now, "22:00", "07:00", "Europe/Berlin"), now);
	const end = "2026-01-10T06:00:00.000Z";
	assert.equal(after(end, "22:00", "07:00", "Europe/Berlin"), end);
});

for (const [what, now, hours, zone, expected] of [
	["a night", "2026-01-10T21:00:00Z", "22:00-07:00", "Europe/Berlin", "2026-01-11T06:00:00.000Z"],
	[
		"its morning",
		"2026-01-11T05:59:59Z",
		"22:00-07:00",
		"Europe/Berlin",
		"2026-01-11T06:00:00.000Z",
	],
	["a noon", "2026-01-10T12:30:00Z", "12:00-14:00", "UTC", "2026-01-10T14:00:00.000Z"],
	["half hours", "2026-01-10T17:00:00Z", "22:00-06:30", "Asia/Kolkata", "2026-01-11T01:00:00.000Z"],
	["quarters", "2026-01-10T17:00:00Z", "22:00-06:00", "Asia/Kathmandu", "2026-01-11T00:15:00.000Z"],
	[
		"a night in which the clock is put forward",
		"2026-03-28T22:30:00Z",
		"22:00-07:00",
		"Europe/Berlin",
		"2026-03-29T05:00:00.000Z",
	],
	[
		"a night in which it is put back",
		"2026-10-24T21:30:00Z",
		"22:00-07:00",
		"Europe/Berlin",
		"2026-10-25T06:00:00.000Z",
	],
	[
		"an end that the clock leaps over",
		"2026-03-28T23:30:00Z",
		"22:00-02:30",
		"Europe/Berlin",
		"2026-03-29T01:00:00.000Z",
	],
	[
		"an end that the clock shows twice, the first time",
		"2026-10-24T22:30:00Z",
		"22:00-02:30",
		"Europe/Berlin",
		"2026-10-25T00:30:00.000Z",
	],
	[
		"a single minute that the clock leaps over",
		"2026-03-28T01:01:00Z",
		"02:01-02:00",
		"Europe/Berlin",
		"2026-03-30T00:00:00.000Z",
	],
	[
		"the other way round in the south",
		"2026-10-03T13:00:00Z",
		"22:00-07:00",
		"Australia/Sydney",
		"2026-10-03T20:00:00.000Z",
	],
] as const)
	test(`quiet hours end on time: ${what}`, () => {
		const [from = "", to = ""] = hours.split("-");
		assert.equal(after(now, from, to, zone), expected);
	});

const time = fc
	.integer({ min: 0, max: 1_439 })
	.map(m => `${String(Math.floor(m / 60)).padStart(2, "0")}:${String(m % 60).padStart(2, "0")}`);

test("what waits goes at the first minute that is not quiet, in any zone and season", () => {
	const zones = [
		"Europe/Berlin",
		"America/New_York",
		"Australia/Lord_Howe",
		"Asia/Kathmandu",
		"UTC",
	];
	const clock = (ms: number, timeZone: string) =>
		new Intl.DateTimeFormat("en-GB", {
			timeZone,
			hour: "2-digit",
			minute: "2-digit",
			hourCycle: "h23",
		}).format(ms);
	const isQuiet = (ms: number, { from, to, timeZone }: QuietHours) => {
		const shown = clock(ms, timeZone);
		return from < to ? shown >= from && shown < to : from !== to && (shown >= from || shown < to);
	};
	const instants = fc.oneof(
		fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) }),
		fc.integer({ min: Date.UTC(2026, 2, 28), max: Date.UTC(2026, 2, 30) }),
		fc.integer({ min: Date.UTC(2026, 9, 24), max: Date.UTC(2026, 9, 26) }),
	);
	fc.assert(
		fc.property(instants, time, time, fc.constantFrom(...zones), (now, from, to, timeZone) => {
			const hours = { from, to, timeZone };
			const then = afterQuietHours(now, hours);
			assert.ok(!isQuiet(then, hours), "it is quiet then");
			if (then === now) return;
			// The one minute that is not quiet may be one that the clock leaps over: then it is the next day's.
			assert.ok(then - now <= 48 * 3_600_000);
			assert.ok(isQuiet(then - 1, hours) && isQuiet(now, hours), "it could have gone sooner");
			const middle = now + Math.floor((then - now) / 2 / 60_000) * 60_000;
			assert.ok(isQuiet(middle, hours), "it could have gone on the way");
		}),
		{ numRuns: 300 },
	);
});

test("a time zone is one that the database of time zones has", () => {
	for (const zone of ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
		assert.ok(isTimeZone(zone), zone);
	for (const zone of ["Europe/Atlantis", "+02:00", "", "../etc/passwd"])
		assert.ok(!isTimeZone(zone), zone);
});
