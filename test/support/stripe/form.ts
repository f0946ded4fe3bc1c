import type { JsonSchema } from "./openapi.ts";

export type FormValue = string | FormMap;
export interface FormMap {
	[key: string]: FormValue;
}

/**
 * Reads the form encoding of Stripe's v1 API: `a=1&b[c]=2&d[0]=3&e[]=4`. Lists stay maps here
 * (`{d: {0: "3"}}`), what is a list the schema knows.
 * @throws SyntaxError when one name is used in two ways
 */
export function parseForm(text: string): FormMap {
	const form: FormMap = Object.create(null);
	for (const [name, value] of new URLSearchParams(text)) {
		const [head = "", ...rest] = name.split("[");
		const keys = [head, ...rest.map(key => key.replace(/\]$/, ""))];
		let map = form;
		for (const key of keys.slice(0, -1)) {
			const next = map[key] ?? Object.create(null);
			map[key] = next;
			if (typeof next === "string") throw new SyntaxError(`${name} is a value and a map`);
			map = next;
		}
		const last = keys.at(-1) ?? "";
		const key = last === "" && keys.length > 1 ? String(Object.keys(map).length) : last;
		if (map[key] !== undefined) throw new SyntaxError(`${name} is given twice`);
		map[key] = value;
	}
	return form;
}

/** Makes numbers, booleans and lists of what came as text, where the schema has them. */
export function coerce(value: FormValue, schema: JsonSchema): unknown {
	const choices = schema.anyOf ?? [schema];
	if (typeof value === "string") {
		const types = choices.map(choice => choice.type);
		if (types.includes("integer") && /^-?\d+$/.test(value)) return Number(value);
		if (types.includes("number") && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
		if (types.includes("boolean") && /^(true|false)$/.test(value)) return value === "true";
		return value;
	}
	const items = choices.find(choice => choice.type === "array")?.items;
	const keys = Object.keys(value);
	if (items && keys.every((key, index) => key === String(index)))
		return keys.map(key => coerce(value[key] ?? "", items));
	const maps = choices.filter(({ type }) => type === "object");
	const map = maps.find(({ properties }) => keys.every(key => properties?.[key])) ?? maps[0];
	return Object.fromEntries(
		keys.map(key => {
			const open = typeof map?.additionalProperties === "object" ? map.additionalProperties : {};
			return [key, coerce(value[key] ?? "", map?.properties?.[key] ?? open)];
		}),
	);
}
