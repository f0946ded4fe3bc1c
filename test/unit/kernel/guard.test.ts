import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
	type Change,
	checkChange,
	checkGuard,
	checkValue,
	type Guard,
	UnsupportedQuery,
} from "../../../kernel/store/guard.ts";

const allowed = (check: () => unknown) => assert.doesNotThrow(check);
const refused = (check: () => unknown, expected: RegExp) =>
	assert.throws(check, error => {
		assert.ok(error instanceof UnsupportedQuery);
		assert.equal(error.name, "UnsupportedQuery");
		assert.match(error.message, expected);
		return true;
	});
const paths = ["a.$", "$where", "a.$[]", "a..b", ".a", "a.", "", "__proto__", "a.__proto__.b"];

describe("a guard", () => {
	test("takes scalars, lists of them, presence and order", () => {
		for (const condition of [
			"text",
			"",
			0,
			-1.5,
			true,
			false,
			{ $in: [] },
			{ $in: ["a", 1, true] },
			{ $exists: true },
			{ $gt: 1 },
			{ $gte: "a", $lt: "b" },
			{ $lte: 0 },
		] as Guard[string][]) {
			allowed(() => checkGuard({ field: condition }));
			allowed(() => checkGuard({ "members.usr_1.role": condition, id: "x" }));
		}
		allowed(() => checkGuard({}));
	});

	for (const [what, condition] of [
		["null", null],
		["undefined", undefined],
		["a list", ["a"]],
		["a document", { a: 1 }],
		["nothing", {}],
		["a date", new Date(0)],
		["a regular expression", /a/],
		["NaN", Number.NaN],
		["Infinity", Number.POSITIVE_INFINITY],
		["a bigint", 1n],
		["a function", () => true],
		["$ne", { $ne: "a" }],
		["$nin", { $nin: ["a"] }],
		["$not", { $not: { $gt: 1 } }],
		["$regex", { $regex: "a" }],
		["$elemMatch", { $elemMatch: { a: 1 } }],
		["$size", { $size: 1 }],
		["$all", { $all: ["a"] }],
		["$type", { $type: "string" }],
		["$mod", { $mod: [2, 0] }],
		["$where", { $where: "true" }],
		["$eq", { $eq: "a" }],
		["$in of null", { $in: ["a", null] }],
		["$in of lists", { $in: [["a"]] }],
		["$in of no list", { $in: "a" }],
		["$exists of no boolean", { $exists: 1 }],
		["$gt of null", { $gt: null }],
		["$gt of a boolean", { $gt: true }],
		["$lte of a document", { $lte: {} }],
		["an operator beside a refused one", { $gt: 1, $ne: 2 }],
		["a key beside an operator", { $gt: 1, a: 2 }],
	] as const)
		test(`refuses ${what}`, () =>
			refused(() => checkGuard({ field: condition as never }), /^field: /));

	test("refuses what is no path, operators of whole queries too", () => {
		for (const path of [...paths, "$or", "$and", "$expr"])
			refused(() => checkGuard({ [path]: "a" }), /is not a path$/);
		refused(() => checkGuard(JSON.parse('{"__proto__":"a"}')), /is not a path$/);
	});
});

describe("a change", () => {
	test("sets, unsets and counts", () => {
		allowed(() => checkChange({}));
		allowed(() =>
			checkChange({
				$set: { a: { b: [1, { c: "d" }] }, "e.f": true, g: undefined },
				$unset: { h: true, "e.i": true },
				$inc: { j: -3, "k.l": 0 },
			}),
		);
	});

	for (const operator of [
		"$push",
		"$pull",
		"$addToSet",
		"$pop",
		"$min",
		"$max",
		"$mul",
		"$rename",
		"$currentDate",
		"$setOnInsert",
		"$bit",
		"title",
	])
		test(`refuses ${operator}`, () =>
			refused(() => checkChange({ [operator]: { a: 1 } } as Change), /is not a supported change$/));

	test("refuses what is no path, under each operator", () => {
		for (const path of paths)
			for (const change of [
				{ $set: { [path]: 1 } },
				{ $unset: { [path]: true } },
				{ $inc: { [path]: 1 } },
			] as Change[])
				if (Object.keys(Object.values(change)[0] as object).length > 0)
					refused(() => checkChange(change), /is not a path$/);
	});

	test("counts by whole numbers alone", () => {
		for (const by of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", null])
			refused(() => checkChange({ $inc: { a: by as number } }), /^a: \$inc/);
	});

	test("touches each path once, since the databases disagree on the order", () => {
		for (const change of [
			{ $set: { a: 1 }, $inc: { a: 1 } },
			{ $set: { a: 1 }, $unset: { a: true } },
			{ $set: { a: {} }, $unset: { "a.b": true } },
			{ $set: { "a.b": 1 }, $unset: { a: true } },
			{ $set: { a: {}, "a.b.c": 1 } },
		] as Change[])
			refused(() => checkChange(change), /cannot change at once$/);
		allowed(() => checkChange({ $set: { a: 1, ab: 1 }, $inc: { "abc.d": 1, "abc.e": 1 } }));
	});
});

describe("a value", () => {
	test("is JSON without null, of plain keys", () => {
		for (const value of ["a", 0, false, [], {}, [["a"], { b: 1 }], { a: { b: [] } }, undefined])
			allowed(() => checkValue("doc", value));
	});

	for (const [what, value] of [
		["null", null],
		["a date", new Date(0)],
		["a class", new (class Money {})()],
		["a map", new Map()],
		["a buffer", Buffer.from("a")],
		["NaN", Number.NaN],
		["a bigint", 1n],
		["a function", () => 1],
		["a gap in a list", [1, undefined]],
		["a key with a dot", { "a.b": 1 }],
		["a key that is an operator", { $set: 1 }],
		["__proto__", JSON.parse('{"__proto__":1}')],
	] as const)
		test(`is not ${what}, at any depth`, () => {
			refused(() => checkValue("doc", value), /^doc/);
			refused(() => checkValue("doc", { a: [{ b: value }] }), /^doc\.a\.b/);
			refused(() => checkChange({ $set: { field: value } }), /^field/);
		});
});
