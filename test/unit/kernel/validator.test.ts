import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type TObject, type TSchema, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { Contracts } from "../../../kernel/contracts.ts";
import { type FieldError, known, SchemaChecks } from "../../../kernel/validator.ts";

const checksOf = (params: TObject) => {
	const contract = defineContract("shop", {
		description: "Sells",
		actions: {
			sell: {
				description: "Sells one",
				kind: "write",
				access: "public",
				params,
				result: Type.Null({ $id: "Nothing" }),
			},
			look: {
				description: "Looks",
				kind: "read",
				access: "public",
				result: Type.Null({ $id: "Nothing" }),
			},
		},
	});
	return new SchemaChecks(new Contracts([contract]));
};
const check = (params: TObject, value: unknown) => checksOf(params).params("shop.sell", value);
const taken = (params: TObject, value: unknown): unknown => {
	const checked = check(params, value);
	assert.ok("params" in checked, JSON.stringify(checked));
	return checked.params;
};
const refused = (params: TObject, value: unknown): FieldError[] => {
	const checked = check(params, value);
	assert.ok("errors" in checked, JSON.stringify(checked));
	return checked.errors;
};
const cut = (value: unknown, schema: TSchema) => known(value, schema as never);
const proto = (inside: string) => JSON.parse(`{${inside},"__proto__":{"isAdmin":true}}`);

const Item = Type.Object({ id: Type.String(), size: Type.Optional(Type.Integer()) });

describe("keys a schema does not know", () => {
	test("go, at every depth", () => {
		const schema = Type.Object({
			name: Type.String(),
			item: Type.Optional(Item),
			items: Type.Optional(Type.Array(Item)),
			byKey: Type.Optional(Type.Record(Type.String(), Item)),
		});
		const extra = { id: "a", size: 1, isAdmin: true };
		const value = {
			name: "x",
			role: "admin",
			item: extra,
			items: [extra, extra],
			byKey: { k: extra },
		};
		const item = { id: "a", size: 1 };
		const expected = { name: "x", item, items: [item, item], byKey: { k: item } };
		assert.deepEqual(cut(value, schema), expected);
	});

	test("stay under a union where a branch knows them, nested ones too", () => {
		const schema = Type.Object({
			what: Type.Union([
				Type.Object({ kind: Type.Literal("a"), data: Type.Object({ x: Type.Integer() }) }),
				Type.Object({ kind: Type.Literal("b"), data: Type.Object({ y: Type.Integer() }) }),
				Type.Array(Item),
				Type.Null(),
			]),
		});
		const cases: [unknown, unknown][] = [
			[
				{ kind: "a", data: { x: 1, z: 1 }, z: 1 },
				{ kind: "a", data: { x: 1 } },
			],
			[
				{ kind: "b", data: { y: 1, z: 1 } },
				{ kind: "b", data: { y: 1 } },
			],
			[[{ id: "a", z: 1 }], [{ id: "a" }]],
			[null, null],
		];
		for (const [what, expected] of cases) {
			assert.deepEqual(cut({ what }, schema), { what: expected });
			assert.deepEqual(taken(schema, { what }), { what: expected });
		}
	});

	test("stay under an intersection that has them in one part", () => {
		const schema = Type.Intersect([Item, Type.Object({ note: Type.String() })]);
		assert.deepEqual(cut({ id: "a", note: "n", z: 1 }, schema), { id: "a", note: "n" });
	});

	test("stay where the schema names none, or says that others may be there", () => {
		const value = { a: { b: [1, { c: null }] } };
		assert.deepEqual(cut(value, {}), value);
		const open = Type.Object({ item: Item }, { additionalProperties: true });
		const expected = { item: { id: "a" }, other: { deep: 1 } };
		assert.deepEqual(
			cut({ item: { id: "a", z: 1 }, other: { deep: 1 } }, open),
			expected,
			"what is named is still cut",
		);
	});

	test("go where the schema has none at all", () => {
		assert.deepEqual(taken(Type.Object({}), { a: 1 }), {});
		assert.deepEqual(checksOf(Item).params("shop.look", { a: 1 }), { params: {} });
	});

	test("are never __proto__", () => {
		for (const schema of [Item, {}, Type.Object({}, { additionalProperties: true })]) {
			const left = cut(proto('"id":"a"'), schema) as { isAdmin?: boolean };
			assert.equal(left.isAdmin, undefined);
			assert.equal(Object.hasOwn(left, "__proto__"), false);
			assert.equal(Object.getPrototypeOf(left), Object.prototype);
		}
		const nested = cut({ item: proto('"id":"a"') }, Type.Object({ item: Item }));
		assert.deepEqual(nested, { item: { id: "a" } });
		const inherited = cut({ toString: "x", constructor: "y", id: "a" }, Item);
		assert.deepEqual(inherited, { id: "a" });
	});
});

describe("the value that is checked", () => {
	test("is never changed, and shares nothing with what the action gets", () => {
		const schema = Type.Object({
			item: Type.Object({ size: Type.Integer({ default: 7 }) }),
			open: Type.Object(
				{ inner: Type.Object({ size: Type.Integer({ default: 7 }) }) },
				{ additionalProperties: true },
			),
			items: Type.Array(Type.Object({ size: Type.Integer({ default: 7 }) })),
			free: Type.Unsafe<object>({}),
		});
		const value = { item: { z: 1 }, open: { inner: {} }, items: [{}], free: { list: [1] } };
		const before = structuredClone(value);
		const params = taken(schema, value) as typeof value;
		assert.deepEqual(value, before);
		const sized = { size: 7 };
		const expected = { item: sized, open: { inner: sized }, items: [sized], free: { list: [1] } };
		assert.deepEqual(params, expected);
		params.free.list.push(2);
		params.items.push({});
		assert.deepEqual(value, before);
	});

	test("may be any JSON: what is cut fits in again and is the same", () => {
		const schema = Type.Object({
			item: Type.Union([Item, Type.Array(Item), Type.Record(Type.String(), Item)]),
		});
		const key = fc.constantFrom("id", "size", "item", "__proto__", "other");
		const { tree: json } = fc.letrec(tie => ({
			tree: fc.oneof(
				{ maxDepth: 4 },
				fc.constantFrom<unknown>(null, 1, "a", true),
				fc.array(tie("tree"), { maxLength: 3 }),
				fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
			),
		}));
		fc.assert(
			fc.property(json, value => {
				const before = JSON.stringify(value);
				const once = cut(value, schema);
				assert.equal(JSON.stringify(value), before);
				assert.deepEqual(cut(once, schema), once);
			}),
		);
	});

	test("is taken as typed: nothing is turned into something else", () => {
		const schema = Type.Object({
			price: Type.Optional(Type.Number()),
			isOpen: Type.Optional(Type.Boolean()),
			title: Type.Optional(Type.String()),
			tags: Type.Optional(Type.Array(Type.String())),
		});
		for (const wrong of [
			{ price: null },
			{ price: "5" },
			{ price: "" },
			{ price: false },
			{ isOpen: "true" },
			{ isOpen: 1 },
			{ title: 5 },
			{ title: null },
			{ tags: "one" },
		]) {
			const [error] = refused(schema, wrong);
			assert.equal(error?.code, "TYPE");
			assert.equal(error?.path, `/${Object.keys(wrong)[0]}`);
		}
		for (const right of [{}, { price: 0 }, { isOpen: false }, { title: "" }, { tags: [] }])
			assert.deepEqual(taken(schema, right), right);
	});
});

describe("an error", () => {
	const schema = Type.Object({
		email: Type.String({ format: "email", maxLength: 40 }),
		item: Type.Optional(Item),
		items: Type.Optional(Type.Array(Item, { maxItems: 2 })),
		"a/b~c": Type.Optional(Type.Object({ "d/e": Type.String() })),
		role: Type.Optional(Type.Enum(["student", "teacher"])),
		age: Type.Optional(Type.Integer({ minimum: 18 })),
	});
	const email = "a@x.example";

	for (const [what, value, path, code] of [
		["of a missing field", {}, "/email", "REQUIRED"],
		["of a missing nested field", { email, item: {} }, "/item/id", "REQUIRED"],
		["of one in a list", { email, items: [{ id: "a" }, {}] }, "/items/1/id", "REQUIRED"],
		["of a key that is no plain word", { email, "a/b~c": {} }, "/a~1b~0c/d~1e", "REQUIRED"],
		["of a format", { email: "x" }, "/email", "FORMAT"],
		["of a value out of a list", { email, role: "admin" }, "/role", "ENUM"],
		["of a bound", { email, age: 17 }, "/age", "MINIMUM"],
		["of a fraction", { email, age: 18.5 }, "/age", "TYPE"],
		["of a length", { email, items: [{}, {}, {}] }, "/items", "MAX_ITEMS"],
	] as const)
		test(`${what} has its JSON pointer and code`, () => {
			const [error, ...others] = refused(schema, value);
			assert.deepEqual(
				{ path: error?.path, code: error?.code },
				{ path, code },
				JSON.stringify(error),
			);
			assert.deepEqual(others, []);
			assert.ok((error?.message.length ?? 0) > 5);
		});

	test("never carries the value", () => {
		const secret = "hunter2hunter2";
		for (const value of [
			{ email: secret },
			{ email, role: secret },
			{ email, age: secret },
			{ email, item: secret },
			{ email: secret.repeat(9) },
			{ email, items: [secret] },
		])
			assert.doesNotMatch(JSON.stringify(refused(schema, value)), /hunter2/);
	});

	test("is made of anything that is no object", () => {
		for (const value of [null, [], "text", 5])
			assert.equal(refused(schema, value)[0]?.code, "TYPE");
	});
});

test("the same $id in two schemas does not mix them up", () => {
	const one = Type.Object({ a: Type.Object({ x: Type.String() }, { $id: "Same" }) });
	const two = Type.Object({ a: Type.Object({ y: Type.String() }, { $id: "Same" }) });
	const checks = checksOf(one);
	assert.deepEqual(checks.errors(one, { a: { x: "" } }), []);
	assert.deepEqual(checks.errors(two, { a: { y: "" } }), []);
	assert.equal(checks.errors(two, { a: { x: "" } })[0]?.path, "/a/y");
});
