import assert from "node:assert/strict";
import { test } from "node:test";
import { floorOf, trendOf } from "../../drills/harness/trend.ts";
import { random } from "../../support/random.ts";

const line = (slope: number, noise: () => number) =>
	Array.from({ length: 40 }, (_, x): [number, number] => [x, 5 + slope * x + noise()]);

test("points on a line give its slope, for certain", () => {
	const { slope, within } = trendOf(line(3, () => 0));
	assert.ok(Math.abs(slope - 3) < 1e-9);
	assert.ok(within < 1e-6);
});

test("noise without a trend is not told from none", () => {
	const next = random(7);
	const { slope, within } = trendOf(line(0, () => 10 * next()));
	assert.ok(Math.abs(slope) < within, `${slope} ± ${within}`);
});

test("a trend shows through noise", () => {
	const next = random(7);
	const { slope, within } = trendOf(line(2, () => 10 * next()));
	assert.ok(slope - within > 1 && slope + within < 3, `${slope} ± ${within}`);
});

test("two points say nothing", () => {
	assert.equal(trendOf(line(1, () => 0).slice(0, 2)).within, Number.POSITIVE_INFINITY);
});

test("the floor is the least of each stretch", () => {
	const points: [number, number][] = [
		[0, 9],
		[4, 3],
		[9, 7],
		[10, 8],
		[19, 6],
	];
	assert.deepEqual(floorOf(points, 10), [
		[4, 3],
		[19, 6],
	]);
});
