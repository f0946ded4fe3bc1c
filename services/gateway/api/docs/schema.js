import { element, marked } from "./dom.js";

/** What a reference of the document points to; anything else as it is. */
export function resolve(openapi, value) {
	if (typeof value?.$ref !== "string") return value;
	const keys = value.$ref.slice(2).split("/");
	return resolve(
		openapi,
		keys.reduce((at, key) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], openapi),
	);
}

const nameOf = schema => schema?.$ref?.split("/").at(-1);
const branchesOf = schema => schema.oneOf ?? schema.anyOf;

/** The type of a value in a few words. */
export function typeOf(openapi, schema) {
	const name = nameOf(schema);
	if (name) return name;
	const branches = branchesOf(schema);
	if (branches) return branches.map(branch => typeOf(openapi, branch)).join(" or ");
	if (schema.type === "array") return `list of ${typeOf(openapi, schema.items ?? {})}`;
	if (schema.const !== undefined) return JSON.stringify(schema.const);
	return schema.type ?? "anything";
}

/** What a value must fulfil besides its type. */
function limitsOf(schema) {
	const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern, format } = schema;
	const range = (least, most, unit) => {
		if (least === undefined && most === undefined) return [];
		if (most === undefined) return [`at least ${least}${unit}`];
		return [least === undefined ? `at most ${most}${unit}` : `${least} to ${most}${unit}`];
	};
	return [
		...(schema.enum ? [schema.enum.join(", ")] : []),
		...range(minimum, maximum, ""),
		...range(minLength, maxLength, " characters"),
		...range(minItems, maxItems, " items"),
		...(pattern ? [`fits ${pattern}`] : []),
		...(format ? [format] : []),
	];
}

/** A name with its type, limits and words. */
export function field(openapi, name, schema, { isRequired, description } = {}) {
	const flat = resolve(openapi, schema);
	const words = description ?? flat.description;
	const limits = limitsOf(flat);
	return [
		element("code", { class: "name" }, name),
		" ",
		element("span", { class: "type" }, typeOf(openapi, schema)),
		...(isRequired ? [" ", element("strong", { class: "required" }, "required")] : []),
		...(limits.length > 0 ? [element("span", { class: "limits" }, limits.join(" · "))] : []),
		...(words ? [element("span", { class: "words" }, marked(words))] : []),
	];
}

/** The schemas with fields of their own that a value may be. */
function objectsIn(openapi, schema, seen) {
	const name = nameOf(schema);
	if (name && seen.includes(name)) return [];
	const flat = resolve(openapi, schema) ?? {};
	const path = name ? [...seen, name] : seen;
	const inner = [...(branchesOf(flat) ?? []), ...(flat.allOf ?? []), flat.items].filter(Boolean);
	const own = flat.properties ? [{ schema: flat, seen: path }] : [];
	return [...own, ...inner.flatMap(branch => objectsIn(openapi, branch, path))];
}

/** The fields of a value as nested lists; undefined where it has none. */
export function fields(openapi, schema, seen = []) {
	const lists = objectsIn(openapi, schema, seen).map(({ schema: object, seen: path }) =>
		element(
			"ul",
			{ class: "fields" },
			Object.entries(object.properties).map(([name, inner]) =>
				element(
					"li",
					{},
					field(openapi, name, inner, { isRequired: object.required?.includes(name) }),
					fields(openapi, inner, path),
				),
			),
		),
	);
	return lists.length > 0 ? element("div", {}, lists) : undefined;
}
