import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import {
	guardBody,
	guardHead,
	originForm,
	paramsOf,
} from "../../../services/gateway/api/params.ts";

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
	guardBody(nested(32), "utf-8");
	assert.throws(() => guardBody(nested(33), "utf-8"), { type: "BAD_REQUEST" });
	assert.throws(() => guardBody(nested(100_000), "utf-8"), { type: "BAD_REQUEST" });
});

test("brackets in strings are not levels", () => {
	guardBody(Buffer.from(JSON.stringify({ a: '"['.repeat(100), b: "\\" })), "utf-8");
});

test("many siblings are not levels", () => {
	guardBody(Buffer.from(JSON.stringify(Array(100).fill({ a: [] }))), "utf-8");
});

test("a body is UTF-8, said or not", () => {
	const utf16 = Buffer.from('{"a":1}', "utf16le");
	assert.throws(() => guardBody(utf16, "utf-16le"), { type: "UNSUPPORTED_MEDIA_TYPE" });
	assert.throws(() => guardBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), "utf-8"), {
		type: "MALFORMED_JSON",
	});
});

for (const [text, path] of [
	['{"a":{"b":["x","\\u0000"]}}', "/a/b/1"],
	['{"a":"\\ud800"}', "/a"],
	['{"a":"\\udc00\\ud800"}', "/a"],
	['{"a~/":1e400}', "/a~0~1"],
	['{"a":-1e999}', "/a"],
] as const)
	test(`${text} is a validation error at ${path}`, () => {
		assert.throws(
			() => of("POST", "", JSON.parse(text)),
			({ type, data }) => type === "VALIDATION_ERROR" && data.errors[0].path === path,
		);
	});

test("a surrogate pair is text, a key with a NUL is none", () => {
	assert.deepEqual(of("POST", "", { q: "😀" }), { q: "😀" });
	assert.throws(() => of("POST", "", { "a\0": 1 }), { type: "BAD_REQUEST" });
	assert.throws(() => of("GET", "q=%00"), { type: "VALIDATION_ERROR" });
});

const head =
	(url: string, rawHeaders: string[], httpVersion = "1.1") =>
	() =>
		guardHead({ url, rawHeaders, httpVersion });
const host = ["Host", "x"];

test("the first lines of a request: one host, no header twice that must be one, no floods", () => {
	head("/", host)();
	head("/", [], "1.0")();
	head("/", [...host, "accept", "a", "accept", "b"])();
	head("/", [...host, ...Array(99).fill(["x", "1"]).flat()])();
	head(`/${"a".repeat(8_191)}`, host)();
	assert.throws(head("/", []), { type: "BAD_REQUEST" });
	assert.throws(head("/", [...host, ...host]), { type: "BAD_REQUEST" });
	for (const name of ["Authorization", "content-type", "Idempotency-Key", "x-service-signature"])
		assert.throws(head("/", [...host, name, "1", name, "1"]), { type: "BAD_REQUEST" }, name);
	assert.throws(head("/", [...host, ...Array(100).fill(["x", "1"]).flat()]), {
		type: "HEADERS_TOO_LARGE",
	});
	assert.throws(head(`/${"a".repeat(8_192)}`, host), { type: "URI_TOO_LONG" });
	assert.throws(head("/%ed%a0%80", host), { type: "BAD_REQUEST" });
});

test("an absolute target is its path", () => {
	assert.equal(originForm("http://x.example:1/a?b"), "/a?b");
	assert.equal(originForm("HTTPS://x.example?b"), "/?b");
	assert.equal(originForm("/a?c=http://x"), "/a?c=http://x");
	assert.equal(originForm("*"), "*");
});
