import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeWorld } from "../../../bench/harness/world.ts";

test("a world: a thousand courses of 629 bytes, 64 tokens, every pair once, one request in ten traced", () => {
	const world = makeWorld(7);
	assert.equal(world.courses.length, 1_000);
	for (const course of world.courses) assert.equal(JSON.stringify(course).length, 629);
	assert.equal(new Set(world.tokens).size, 64);
	for (const scenario of ["get", "post"] as const) {
		const all = world.requests(scenario);
		const pairs = all.map(({ path, headers }) => `${path} ${headers.authorization}`);
		assert.equal(new Set(pairs).size, 8_000);
		const sampled = all.filter(({ headers }) => headers.traceparent?.endsWith("-01"));
		assert.equal(sampled.length, 800);
		assert.equal(
			readFileSync(join(world.dir, `${scenario}.lua`), "utf8").split("\n").length,
			8_003,
		);
	}
	world.end();
	assert.ok(!existsSync(world.dir));
});

test("the same seed makes the same courses, another one others", () => {
	const worlds = [makeWorld(1), makeWorld(1), makeWorld(2)];
	const [first, same, other] = worlds.map(({ courses }) => JSON.stringify(courses));
	assert.equal(first, same);
	assert.notEqual(first, other);
	for (const world of worlds) world.end();
});
