import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { derivedId, idFor, newId, nextOrdinal } from "../../../kernel/ids.ts";

const form = /^pay_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const at = Date.parse("2026-05-01T12:00:00.000Z");
const timeIn = (id: string) => Number.parseInt(id.slice(4).replaceAll("-", "").slice(0, 12), 16);
const request = (seed?: string) => ({ headers: seed ? { seed } : {}, locals: {} });

describe("a new id", () => {
	test("is its prefix and a UUID v7 that carries its time", () => {
		const id = newId("pay", at);
		assert.match(id, form);
		assert.equal(timeIn(id), at);
	});

	test("sorts by time, and within one ms by its making", () => {
		const times = fc.integer({ min: 0, max: 2 ** 42 });
		fc.assert(
			fc.property(times, times, (a, b) => {
				if (a !== b) assert.equal(newId("pay", a) < newId("pay", b), a < b);
			}),
		);
		const made = Array.from({ length: 1_000 }, () => newId("pay", at));
		assert.deepEqual(made, made.toSorted());
	});

	test("is never made twice", () => {
		const made = Array.from({ length: 20_000 }, () => newId("pay", at));
		assert.equal(new Set(made).size, made.length);
	});
});

describe("a derived id", () => {
	test("follows from its seed, prefix and label alone, and differs by each", () => {
		const seed = newId("fct", at);
		const id = derivedId("pay", seed, "1");
		assert.match(id, form);
		assert.equal(derivedId("pay", seed, "1"), id);
		assert.notEqual(derivedId("pay", seed, "2").slice(4), id.slice(4));
		assert.notEqual(derivedId("enr", seed, "1").slice(4), id.slice(4));
		assert.notEqual(derivedId("pay", `${seed}/1`, "1").slice(4), id.slice(4));
	});

	test("is the same in every version of this code", () => {
		assert.equal(
			derivedId("pay", "fct_0190f3c2-0000-7000-8000-000000000000", "1"),
			"pay_0190f3c2-0000-77a7-a7f1-cb19eb8f8ae4",
		);
	});

	test("carries the time of its seed", () => {
		assert.equal(timeIn(derivedId("pay", newId("fct", at), "1")), at);
		assert.equal(timeIn(derivedId("pay", `${newId("fct", at)}/2/7`, "1")), at);
		assert.equal(timeIn(derivedId("pay", "no id", "1")), 0);
	});

	test("does not collide where parts are moved between seed, prefix and label", () => {
		const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "1"), maxLength: 4 });
		fc.assert(
			fc.property(text, text, text, text, (seed, label, otherSeed, otherLabel) => {
				const same = seed === otherSeed && label === otherLabel;
				const ids = [derivedId("p", seed, label), derivedId("p", otherSeed, otherLabel)];
				assert.equal(ids[0] === ids[1], same);
			}),
		);
	});
});

describe("the ids of a request", () => {
	test("are new where it has no seed", () => {
		const ctx = request();
		assert.notEqual(idFor(ctx, "pay"), idFor(ctx, "pay"));
	});

	test("are those of its first run where it has one, each another", () => {
		const seed = newId("idm", at);
		const run = () => {
			const ctx = request(seed);
			return [idFor(ctx, "pay"), idFor(ctx, "pay"), idFor(ctx, "enr")];
		};
		const first = run();
		assert.equal(new Set(first.map(id => id.slice(4))).size, 3);
		assert.deepEqual(run(), first);
		assert.notDeepEqual(idFor(request(newId("idm", at)), "pay"), first[0]);
	});

	test("count on from what the request handed to nested calls", () => {
		const locals = {};
		assert.deepEqual([nextOrdinal(locals), nextOrdinal(locals)], [1, 2]);
		const seed = newId("idm", at);
		assert.equal(idFor({ headers: { seed }, locals }, "pay"), derivedId("pay", seed, "3"));
	});
});
