import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { guardDepth, paramsOf } from "../../../services/gateway/api/params.ts";

const schema = Type.Object({
	id: Type.String(),
	page: Type.Optional(Type.Integer()),
	isPreview: Type.Optional(Type.Boolean()),
	q: Type.Optional(Type.String()),
});

const of = (method: string, query: string, body?: unknown, path: Record<string, string> = {}) =>
	paramsOf(schema, { method, path, query: new URLSearchParams(query), body });

test("a query is read as its schema says", () => {
	assert.deepEqual(of("GET", "page=2&isPreview=true&q=7"), { page: 2, isPreview: true, q: "7" });
});

test("a query value that is no number stays text, for the validator to refuse", () => {
	assert.deepEqual(of("GET", "page=two"), { page: "two" });
	assert.deepEqual(of("GET", "page="), { page: "" });
	assert.deepEqual(of("GET", "isPreview=1"), { isPreview: "1" });
});

test("a path wins over query and body", () => {
	assert.deepEqual(of("GET", "id=b", undefined, { id: "a" }), { id: "a" });
	assert.deepEqual(of("POST", "", { id: "b" }, { id: "a" }), { id: "a" });
});

test("the query of a write is not read", () => {
	assert.deepEqual(of("POST", "page=2", { q: "x" }), { q: "x" });
	assert.deepEqual(of("PATCH", "page=2"), {});
});

test("JSON is taken as typed", () => {
	assert.deepEqual(of("POST", "", { page: "2" }), { page: "2" });
});

for (const body of [[], "text", 1, null, true])
	test(`a body ${JSON.stringify(body)} is no object`, () => {
		assert.throws(() => of("POST", "", body), { type: "VALIDATION_ERROR" });
	});

for (const body of ['{"__proto__":{"a":1}}', '{"a":[{"constructor":1}]}', '{"a":{"prototype":{}}}'])
	test(`${body} is refused`, () => {
		assert.throws(() => of("POST", "", JSON.parse(body)), { type: "BAD_REQUEST" });
	});

test("a query key that reaches prototypes is refused", () => {
	assert.throws(() => of("GET", "__proto__=1"), { type: "BAD_REQUEST" });
});

const nested = (levels: number) => Buffer.from(`${"[".repeat(levels)}${"]".repeat(levels)}`);

test("32 levels are let in, 33 are not, 100,000 do no harm", () => {
	guardDepth(nested(32));
	assert.throws(() => guardDepth(nested(33)), { type: "BAD_REQUEST" });
	assert.throws(() => guardDepth(nested(100_000)), { type: "BAD_REQUEST" });
});

test("brackets in strings are not levels", () => {
	guardDepth(Buffer.from(JSON.stringify({ a: '"['.repeat(100), b: "\\" })));
});

test("many siblings are not levels", () => {
	guardDepth(Buffer.from(JSON.stringify(Array(100).fill({ a: [] }))));
});
