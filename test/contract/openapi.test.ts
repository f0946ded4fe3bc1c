import assert from "node:assert/strict";
import { test } from "node:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { accessOf, aliasesOf, statusesOf } from "../../kernel/contract.ts";
import { Contracts } from "../../kernel/contracts.ts";
import { findServices } from "../../kernel/load.ts";
import { explain } from "../../services/gateway/api/docs/problem-page.ts";
import { openApi } from "../../services/gateway/api/openapi.ts";
import { root } from "../support/node.ts";
import { inline } from "../support/openapi.ts";

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into from all sides
type Json = any;

const folders = await findServices(root);
const contracts = new Contracts(folders.map(folder => folder.contract));
const text = JSON.stringify(openApi(contracts, "http://127.0.0.1:3000"));
const document: Json = JSON.parse(text);

const templateOf = (alias: string) => {
	const [method, path] = alias.split(" ") as [string, string];
	return { verb: method.toLowerCase(), path: path.replace(/:([^/]+)/g, "{$1}") };
};
const at = (alias: string): Json => {
	const { verb, path } = templateOf(alias);
	return inline(document, document.paths[path]?.[verb]);
};
const described = [...contracts.actions].flatMap(([name, action]) =>
	aliasesOf(action).map(alias => ({ name, action, alias, operation: at(alias) })),
);

test("a well-known linter has nothing to say", async () => {
	const config = await createConfig({
		extends: ["recommended"],
		rules: {
			// Paths of other systems that are promised: `/api/payments/internal/{id}` beside `/api/payments/{id}/refund`.
			// OpenAPI and the gateway match fixed segments first, and no id is `internal`.
			"no-ambiguous-paths": "off",
			"no-invalid-schema-examples": "error",
			"operation-description": "error",
			"operation-singular-tag": "error",
			"operation-tag-defined": "error",
		},
	});
	const complaints = await lintFromString({ source: text, absoluteRef: "/openapi.json", config });
	assert.deepEqual(
		complaints.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]),
		[],
	);
});

test("the linter would say something", async () => {
	const broken = structuredClone(document);
	delete broken.info.title;
	broken.paths["/api/courses/{id}"].get.parameters = [];
	const config = await createConfig({ extends: ["recommended"] });
	const source = JSON.stringify(broken);
	const complaints = await lintFromString({ source, absoluteRef: "/openapi.json", config });
	const rules = new Set(complaints.map(({ ruleId }) => ruleId));
	assert.ok(rules.has("struct") && rules.has("path-parameters-defined"), [...rules].join());
});

test("each path of each action is there once, and nothing else", () => {
	const operations = Object.entries<Json>(document.paths).flatMap(([path, verbs]) =>
		Object.entries<Json>(verbs).map(([verb, { operationId }]) => ({ path, verb, operationId })),
	);
	assert.deepEqual(
		operations.map(({ path, verb }) => `${verb} ${path}`).sort(),
		described.map(({ alias }) => Object.values(templateOf(alias)).join(" ")).sort(),
	);
	const ids = operations.map(({ operationId }) => operationId);
	assert.equal(new Set(ids).size, ids.length);
	for (const { name, action, alias, operation } of described)
		if (alias === aliasesOf(action)[0]) assert.equal(operation.operationId, name);
		else assert.equal(operation.deprecated, true, alias);
});

test("every answer is listed: what worked, what the contract says, what the platform says", () => {
	for (const { name, action, alias, operation } of described) {
		const { responses } = operation;
		for (const status of [...statusesOf(action), 429, 500, 503])
			assert.ok(responses[status], `${alias}: ${status}`);
		for (const [code, { status, title, explanation, data }] of Object.entries(
			action.errors ?? {},
		)) {
			const { value, ...words } =
				responses[status].content["application/problem+json"].examples[code];
			assert.deepEqual(
				[value.code, value.status, value.title, words.description],
				[code, status, title, explanation],
				`${name} ${code}`,
			);
			for (const member of Object.keys(data?.properties ?? {}))
				assert.ok(member in value, `${name} ${code} ${member}`);
		}
		for (const response of Object.values<Json>(responses))
			assert.equal(response.headers["X-Request-Id"].required, true, alias);
	}
});

test("by hand: which answers, and who may ask", () => {
	const any = [400, 408, 414, 429, 431, 500, 503];
	const table: [string, number[], object[]][] = [
		["POST /api/auth/register", [201, 409, 413, 415, 422], []],
		["GET /api/courses", [200, 401, 422], [{}, { bearer: [] }]],
		["GET /api/courses/:id", [200, 401, 404, 422], [{}, { bearer: [] }]],
		[
			"POST /api/courses",
			[201, 401, 403, 409, 413, 415, 422],
			[{ bearer: ["teacher"] }, { bearer: ["admin"] }],
		],
		["DELETE /api/sections/:id", [204, 401, 403, 404, 409, 422], [{ bearer: [] }]],
		["GET /api/users", [200, 401, 403, 422], [{ bearer: ["admin"] }]],
		["POST /api/enrollments", [201, 401, 402, 404, 409, 413, 415, 422], [{ bearer: [] }]],
		[
			"POST /api/enrollments/internal/complete",
			[200, 401, 403, 409, 413, 415, 422],
			[
				{ serviceName: [], serviceSignature: [] },
				{ serviceName: [], serviceSignature: [], serviceKey: [] },
			],
		],
		["POST /webhooks/:provider", [200, 404, 413, 415], []],
		["GET /docs", [200, 422], []],
	];
	for (const [alias, statuses, security] of table) {
		const operation = at(alias);
		const listed = Object.keys(operation.responses).map(Number);
		assert.deepEqual(listed.sort(), [...any, ...statuses].sort(), alias);
		assert.deepEqual(operation.security, security, alias);
	}
});

test("an Idempotency-Key is taken where a user changes something, and nowhere else", () => {
	for (const { action, alias, operation } of described) {
		const takes = (operation.parameters ?? []).some((p: Json) => p.name === "Idempotency-Key");
		const byUser = accessOf(action).some(
			rule => rule === "public" || rule === "user" || Object.hasOwn(Object(rule), "roles"),
		);
		const isKeyed =
			!alias.startsWith("GET ") && byUser && !action.ignoresToken && action.accepts !== "raw";
		assert.equal(takes, isKeyed, alias);
		const codes = Object.values<Json>(operation.responses).flatMap(({ content = {} }) =>
			Object.keys(content["application/problem+json"]?.examples ?? {}),
		);
		assert.equal(codes.includes("IDEMPOTENCY_KEY_REUSED"), isKeyed, alias);
		assert.equal(codes.includes("IDEMPOTENCY_IN_PROGRESS"), isKeyed, alias);
	}
});

test("every example fits its schema, and each problem's type is explained", () => {
	const ajv = new Ajv2020({ strict: false });
	(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
	const fits = (schema: Json, value: unknown, what: string) => {
		const check = ajv.compile(schema);
		assert.ok(check(value), `${what}: ${ajv.errorsText(check.errors)}`);
	};
	for (const { alias, operation } of described) {
		const body = operation.requestBody?.content["application/json"];
		if (body?.example) fits(body.schema, body.example, alias);
		for (const { name, schema, example } of operation.parameters ?? [])
			if (example !== undefined) fits(schema, example, `${alias} ${name}`);
		for (const [status, { content = {} }] of Object.entries<Json>(operation.responses)) {
			const { schema, examples = {} } = content["application/problem+json"] ?? {};
			for (const [code, { value }] of Object.entries<Json>(examples)) {
				fits(schema, value, `${alias} ${code}`);
				assert.equal(value.status, Number(status), `${alias} ${code}`);
				const slug = value.type.replace("/problems/", "");
				assert.equal(explain(contracts, slug)?.code, code);
			}
		}
	}
});

test("what has a name stands in the document once", () => {
	const ids = new Set<string>();
	const visit = (schema: unknown): void => {
		if (typeof schema !== "object" || schema === null) return;
		const { $id } = schema as { $id?: unknown };
		if (typeof $id === "string") ids.add($id);
		Object.values(schema).forEach(visit);
	};
	for (const { action } of described)
		if ((action.answers ?? "json") === "json" && !statusesOf(action).includes(204))
			visit(action.result);
	const named = Object.keys(document.components.schemas).filter(name => !/Problem$/.test(name));
	assert.deepEqual(named.sort(), [...ids].sort());
	assert.doesNotMatch(text, /"\$id"/);
	for (const kind of ["schemas", "examples", "responses", "headers", "parameters"])
		for (const name of Object.keys(document.components[kind]))
			assert.ok(text.includes(`"#/components/${kind}/${name}"`), `nothing uses ${name}`);
});
