import fc from "fast-check";
import { Raw } from "./cases.ts";

/** The part of JSON Schema that contracts use for params. */
export interface Schema {
	type?: "string" | "number" | "integer" | "boolean" | "array" | "object" | "null";
	enum?: readonly string[];
	const?: unknown;
	pattern?: string;
	format?: string;
	minLength?: number;
	maxLength?: number;
	minimum?: number;
	maximum?: number;
	items?: Schema;
	minItems?: number;
	maxItems?: number;
	uniqueItems?: boolean;
	properties?: Record<string, Schema>;
	required?: readonly string[];
	additionalProperties?: boolean;
	anyOf?: readonly Schema[];
}

/** Text that breaks what does not expect it. */
export const hostileText: readonly string[] = [
	"",
	" ",
	"\0",
	"a\0b",
	"\ud800",
	"x\udc00y",
	"\ufeff",
	"\u202ereversed",
	"e\u0301",
	"ﬁ",
	"🙂",
	"__proto__",
	"constructor",
	"prototype.polluted",
	"toString",
	"$gt",
	"$where",
	"a.$.b",
	'{"$gt":""}',
	"[object Object]",
	"null",
	"undefined",
	"NaN",
	"-0",
	"1e400",
	"0x10",
	"' OR '1'='1",
	"<script>alert(1)</script>",
	"{{7*7}}",
	"%00",
	"%s%n",
	"../../etc/passwd",
	"\r\nX-Injected: 1",
	"^(a+)+$",
];

const isShort = (text: string, { minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Schema) => {
	const { length } = [...text];
	return length >= minLength && length <= maxLength;
};

/** The longest text that is sent where a schema says no limit. */
const longestText = 5_000;

function text(schema: Schema): fc.Arbitrary<string> {
	const { minLength = 0, maxLength = longestText, pattern, format } = schema;
	if (format === "date-time")
		return fc
			.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
			.map(date => date.toISOString());
	const form = pattern === undefined ? undefined : new RegExp(pattern, "u");
	const fits = (value: string) => isShort(value, schema) && (!form || form.test(value));
	const hostile = hostileText.filter(fits);
	const atLimits = [minLength, maxLength]
		.flatMap(length => ["a".repeat(length), "é".repeat(length)])
		.filter(fits);
	return fc.oneof(
		{
			weight: 4,
			arbitrary: (form
				? fc.stringMatching(form)
				: fc.string({ unit: "binary", maxLength: 40 })
			).filter(fits),
		},
		...(hostile.length > 0 ? [{ weight: 3, arbitrary: fc.constantFrom(...hostile) }] : []),
		...(atLimits.length > 0 ? [{ weight: 1, arbitrary: fc.constantFrom(...atLimits) }] : []),
	);
}

function number({ type, minimum, maximum }: Schema): fc.Arbitrary<unknown> {
	const isWhole = type === "integer";
	const fits = (value: number) =>
		value >= (minimum ?? Number.NEGATIVE_INFINITY) &&
		value <= (maximum ?? Number.POSITIVE_INFINITY) &&
		(!isWhole || Number.isInteger(value));
	const edges = [
		minimum ?? -1,
		maximum ?? 1e15,
		0,
		-0,
		1,
		0.1,
		0.005,
		9.99,
		1e-7,
		Number.MAX_SAFE_INTEGER,
		Number.MAX_VALUE,
		Number.MIN_VALUE,
	].filter(fits);
	const any = isWhole
		? fc.integer({ min: minimum ?? -1_000_000, max: Math.min(maximum ?? 1_000_000, 2 ** 31 - 1) })
		: fc.double({
				min: minimum ?? -1e9,
				max: maximum ?? 1e9,
				noNaN: true,
			});
	return fc.oneof(any, fc.constantFrom(...edges));
}

/** Values that a schema takes, its limits and the oddest of them among them. */
export function valid(schema: Schema): fc.Arbitrary<unknown> {
	if (schema.const !== undefined) return fc.constant(schema.const);
	if (schema.enum) return fc.constantFrom(...schema.enum);
	if (schema.anyOf) return fc.oneof(...schema.anyOf.map(valid));
	switch (schema.type) {
		case "string":
			return text(schema);
		case "number":
		case "integer":
			return number(schema);
		case "boolean":
			return fc.boolean();
		case "null":
			return fc.constant(null);
		case "array": {
			const { items = {}, minItems = 0, maxItems = 5, uniqueItems } = schema;
			const limits = { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 5)) };
			return uniqueItems ? fc.uniqueArray(valid(items), limits) : fc.array(valid(items), limits);
		}
		case "object": {
			const { properties = {}, required = [] } = schema;
			return fc.record(
				Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, valid(inner)])),
				{ requiredKeys: [...required] },
			);
		}
		default:
			throw new TypeError(`no values are known for ${JSON.stringify(schema)}`);
	}
}

/** Values of no type that a schema takes. */
const ofOtherTypes: readonly (readonly [type: string, value: unknown])[] = [
	["null", null],
	["boolean", true],
	["number", 7],
	["number", new Raw("-0")],
	["number", new Raw("1e400")],
	["number", new Raw("123456789012345678901234567890")],
	["string", "text"],
	["array", []],
	["array", [[]]],
	["object", {}],
	["object", { $gt: "" }],
	["object", { $ne: null }],
	["object", { toString: "x" }],
	["object", { length: 1, 0: "x" }],
];

const typesOf = ({ type, enum: values, anyOf }: Schema): string[] =>
	anyOf?.flatMap(typesOf) ?? [values ? "string" : type === "integer" ? "number" : (type ?? "")];

/** Values that a schema does not take. */
export function wrong(schema: Schema): fc.Arbitrary<unknown> {
	const types = typesOf(schema);
	const values = ofOtherTypes.filter(([type]) => !types.includes(type)).map(([, value]) => value);
	const {
		minLength = 0,
		maxLength,
		minimum,
		maximum,
		type,
		pattern,
		minItems = 0,
		maxItems,
	} = schema;
	if (schema.enum) values.push(...["", "admin ", "__proto__", "$ne"], `${schema.enum[0]}\0`);
	if (type === "integer") values.push(0.5, 1e300);
	if (minimum !== undefined) values.push(minimum - 1, -1e308, new Raw("-1e400"));
	if (maximum !== undefined) values.push(maximum + 1, 1e308, new Raw("1e400"));
	if (minLength > 0) values.push("a".repeat(minLength - 1));
	if (maxLength !== undefined) values.push("a".repeat(maxLength + 1), "🙂".repeat(maxLength + 1));
	if (pattern !== undefined) {
		const form = new RegExp(pattern, "u");
		values.push(...hostileText.filter(odd => !form.test(odd)));
	}
	if (schema.format === "date-time") values.push("yesterday", "2026-13-01T00:00:00Z");
	if (type === "array" && minItems > 0) values.push([]);
	const inner: fc.Arbitrary<unknown>[] = [];
	if (type === "array" && schema.items) {
		inner.push(wrong(schema.items).map(item => [item]));
		if (maxItems !== undefined && maxItems < 300)
			inner.push(
				fc
					.array(valid(schema.items), { minLength: 1, maxLength: 1 })
					.map(([item]) => Array.from({ length: maxItems + 1 }, () => item)),
			);
	}
	if (type === "object" && Object.keys(schema.properties ?? {}).length > 0)
		inner.push(wrongObject(schema));
	return fc.oneof(fc.constantFrom(...values), ...inner);
}

/** An object that fits but for one thing. */
function wrongObject(schema: Schema): fc.Arbitrary<unknown> {
	const { properties = {}, required = [] } = schema;
	const faults = Object.entries(properties).map(([key, inner]) =>
		fc.record({ key: fc.constant(key), value: wrong(inner) }),
	);
	const missing = required.map(key => fc.constant({ key, value: undefined }));
	return fc
		.tuple(valid(schema), fc.oneof(...faults, ...missing))
		.map(([whole, { key, value }]) => ({ ...(whole as object), [key]: value }));
}

/** Keys that no schema has. */
export const extraKeys: readonly (readonly [key: string, value: unknown])[] = [
	["extra", 1],
	["$where", "1"],
	["$set", { roles: ["admin"] }],
	["roles", ["admin"]],
	["userId", "usr_1"],
	["", ""],
	["a.b", 1],
	["hasOwnProperty", 1],
	["__proto__x", 1],
];

/** Keys that reach prototypes: a body that has one is not read. */
export const forbiddenKeys: readonly string[] = ["__proto__", "constructor", "prototype"];
