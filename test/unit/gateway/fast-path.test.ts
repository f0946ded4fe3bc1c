import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { aliasesOf } from "../../../kernel/contract.ts";
import { AliasIndex } from "../../../services/gateway/api/fast-path.ts";
import type { Alias } from "../../../services/gateway/api/request.ts";
import { actions } from "../../support/cases.ts";

const MoleculerAlias = createRequire(import.meta.url)("moleculer-web/src/alias.js");
const route = { path: "/", opts: {} };
const aliasOf = (text: string, action: string): Alias =>
	new MoleculerAlias({}, route, text, action);

const paramsIn = ({ path }: Alias): number => path.split(":").length;
/** In moleculer-web's order: what names all its segments before what takes any. */
const declared = [...actions]
	.flatMap(([action, face]) => aliasesOf(face).map(alias => aliasOf(alias, action)))
	.sort((a, b) => paramsIn(a) - paramsIn(b));
const awkward = [
	"GET /",
	"GET /:any",
	"GET /api",
	"GET /api/:any",
	"GET /api/courses/:id/*more",
	"GET /api{/:section}/ends",
	"POST /:any/courses",
	"GET /one.two/three-four",
].map((text, i) => aliasOf(text, `awkward.a${i}`));

/** As moleculer-web looks: one after the other. */
const inTurn = (aliases: readonly Alias[], path: string, method: string) => {
	for (const alias of aliases) {
		if (alias.method !== method) continue;
		const params = alias.match(path);
		if (params) return { alias, params };
	}
	return false;
};

const segment = fc.oneof(
	fc.constantFrom("api", "API", "courses", "Courses", "webhooks", "docs", ".well-known", "x", ""),
	fc.constantFrom("%2F", "a%20b", "one.two", "three-four", "internal", "id"),
);
const path = fc.oneof(
	fc.array(segment, { maxLength: 6 }).map(parts => `/${parts.join("/")}`),
	fc.constantFrom(...declared).map(({ path }) => `/${path.replace(/:\w+/g, "some")}`),
	fc.constantFrom(...declared).map(({ path }) => `/${path.replace(/:\w+/g, "a/b").toUpperCase()}/`),
);
const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW");

test("the index finds what trying each alias in turn finds", () => {
	for (const aliases of [declared, [...awkward, ...declared], [...declared, ...awkward], []]) {
		const index = new AliasIndex(aliases);
		fc.assert(
			fc.property(path, method, (p, m) => {
				assert.deepEqual(index.find(p, m), inTurn(aliases, p, m));
			}),
			{ numRuns: 2_000 },
		);
	}
});

test("every route is found by its index", () => {
	const index = new AliasIndex(declared);
	for (const { method, path, action } of declared) {
		const found = index.find(`/${path}`, method);
		assert.ok(found, `${method} ${path}`);
		assert.equal(found.alias.action, action);
	}
});

test("an index knows of which aliases it was made", () => {
	const index = new AliasIndex(declared);
	assert.ok(index.isOf(declared));
	assert.ok(!index.isOf([...declared]));
});
