import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { LoopLag } from "../../../kernel/loop-lag.ts";

const lagOf = (...late: number[]): LoopLag => {
	const lag = new LoopLag();
	for (const ms of late) lag.add(ms);
	return lag;
};

test("one long pause among quick turns is no overload", () => {
	assert.equal(lagOf(1, 2_000, 0, 1, 0).isOverloaded, false);
	assert.equal(lagOf(2_000, 2_000, 2_000, 2_000, 3).standingMs, 3);
});

test("turns that are all late are one", () => {
	assert.equal(lagOf(300, 250, 400, 220, 900).standingMs, 220);
	assert.equal(lagOf(300, 250, 400, 220, 900).isOverloaded, true);
	assert.equal(lagOf(300, 250, 400, 190, 900).isOverloaded, false);
});

test("a quick turn ends it at once", () => {
	const lag = lagOf(300, 300, 300, 300, 300);
	lag.add(0);
	assert.equal(lag.isOverloaded, false);
});

test("few turns say nothing", () => assert.equal(lagOf(900, 900).isOverloaded, false));

test("it measures a loop that is kept busy", async () => {
	const lag = new LoopLag();
	lag.start();
	for (let turn = 0; turn < 8; turn++) {
		const until = performance.now() + 250;
		while (performance.now() < until);
		await pause(1);
	}
	assert.equal(lag.isOverloaded, true);
	lag.stop();
	assert.equal(lag.standingMs, 0);
});
