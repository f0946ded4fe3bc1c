import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Runners } from "../../../kernel/runners.ts";

const recorded = (log: string[], name: string) => ({
	start: async () => void log.push(`${name} starts`),
	stop: async () => void log.push(`${name} stops`),
});

test("runners start once the broker is up, and stop once", async () => {
	const log: string[] = [];
	const runners = new Runners();
	await runners.add(recorded(log, "a"));
	assert.deepEqual(log, []);
	await runners.start();
	await runners.add(recorded(log, "later"));
	assert.deepEqual(log, ["a starts", "later starts"]);
	await runners.stop();
	await runners.stop();
	assert.deepEqual(log, ["a starts", "later starts", "a stops", "later stops"]);
});

test("what waits for all runners comes after the last of them has started", async () => {
	const log: string[] = [];
	const runners = new Runners();
	const waiting = (name: string, ms: number) => ({
		...recorded(log, name),
		start: async () => {
			await sleep(ms);
			log.push(`${name} starts`);
		},
		allStarted: async () => void log.push(`${name} goes on`),
	});
	await runners.add(waiting("a", 0));
	await runners.add(waiting("slow", 20));
	await runners.start();
	assert.deepEqual(log, ["a starts", "slow starts", "a goes on", "slow goes on"]);
	await runners.add(waiting("later", 0));
	assert.deepEqual(log.slice(4), ["later starts", "later goes on"]);
	await runners.stop();
});

test("a runner that is added after the stop does not start by itself", async () => {
	const log: string[] = [];
	const runners = new Runners();
	await runners.start();
	await runners.stop();
	await runners.add(recorded(log, "a"));
	assert.deepEqual(log, []);
});

test("stop waits for all, also where one fails", async () => {
	const log: string[] = [];
	const runners = new Runners();
	const start = async () => {};
	await runners.add({
		start,
		stop: async () => {
			throw new Error("stuck");
		},
	});
	await runners.add({
		start,
		stop: async () => {
			await sleep(20);
			log.push("waited for");
		},
	});
	await runners.start();
	await runners.stop();
	assert.deepEqual(log, ["waited for"]);
});

test("a runner that cannot start keeps the node from starting", async () => {
	const runners = new Runners();
	await runners.add({
		start: async () => {
			throw new Error("no database");
		},
		stop: async () => {},
	});
	await assert.rejects(runners.start(), /no database/);
});

test("what waits for all runners comes after the last of them", async () => {
	const log: string[] = [];
	const runners = new Runners();
	await runners.add({
		...recorded(log, "publisher"),
		allStarted: async () => void log.push("publisher sweeps"),
	});
	await runners.add({
		start: async () => {
			await sleep(20);
			log.push("consumer starts");
		},
		stop: async () => {},
	});
	await runners.start();
	assert.deepEqual(log, ["publisher starts", "consumer starts", "publisher sweeps"]);
});
