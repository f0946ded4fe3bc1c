/** The part of JSON Schema that contracts are written in. */
export interface Schema {
	$id?: string;
	type?: string;
	description?: string;
	properties?: Record<string, Schema>;
	patternProperties?: Record<string, Schema>;
	required?: readonly string[];
	items?: Schema;
	anyOf?: readonly Schema[];
	enum?: readonly unknown[];
	const?: unknown;
	format?: string;
	pattern?: string;
	minLength?: number;
	maxLength?: number;
	minimum?: number;
	maximum?: number;
	minItems?: number;
	maxItems?: number;
}

/** Options of the prompt's own `call`, which cannot be flags of an action. */
const taken = new Set(["help", "load", "loadFull", "save", "stream"]);

const plainKey = /^[A-Za-z][A-Za-z0-9]*$/;
const plainText = /^[A-Za-z0-9_@.:+/,][A-Za-z0-9_@.:+/, -]*$/;
const plainNumber = /^\d{1,15}(\.\d{1,6})?$/;

/** A value as it is typed behind its flag; undefined where only JSON says it exactly. */
function flagValue(value: unknown): string | undefined {
	if (typeof value === "boolean") return String(value);
	if (typeof value === "number") return plainNumber.test(String(value)) ? String(value) : undefined;
	if (typeof value !== "string" || !plainText.test(value)) return undefined;
	if (value === "true" || value === "false" || !Number.isNaN(Number(value))) return undefined;
	return value.includes(" ") ? `"${value}"` : value;
}

/** JSON that holds no quote and no line end of the prompt. */
const jsonLine = (value: unknown): string =>
	JSON.stringify(value).replace(
		/['\u2028\u2029]/g,
		char => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);

/** The line that calls `action` with `params` when pasted at the prompt: flags, or JSON where flags cannot say it. */
export function sampleLine(action: string, params: Record<string, unknown>): string {
	const flags: string[] = [];
	for (const [key, value] of Object.entries(params)) {
		const text = plainKey.test(key) && !taken.has(key) ? flagValue(value) : undefined;
		if (text === undefined) return `call ${action} '${jsonLine(params)}'`;
		flags.push(`--${key} ${text}`);
	}
	return ["call", action, ...flags].join(" ");
}

/** Whether a value of this schema is always text. */
const isText = (schema: Schema): boolean =>
	schema.type === "string" ||
	typeof schema.const === "string" ||
	schema.enum?.every(value => typeof value === "string") === true ||
	schema.anyOf?.every(isText) === true;

/**
 * Params from flags. The prompt reads `--password 12345678` as a number: where the contract wants text, it is given the
 * text, provided that this is what was typed (`1e3` reads as 1000, and stays a number).
 * @param typed the words of the line.
 */
export function asTyped(value: unknown, schema: Schema, typed: ReadonlySet<string>): unknown {
	if (typeof value === "number" || typeof value === "boolean")
		return isText(schema) && typed.has(String(value)) ? String(value) : value;
	if (Array.isArray(value))
		return value.map(item => (schema.items ? asTyped(item, schema.items, typed) : item));
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([key, item]) => {
			const property = schema.properties?.[key];
			return [key, property ? asTyped(item, property, typed) : item];
		}),
	);
}

/** The first param that the schema does not know: the action would drop it without a word. */
export const strangeParam = (params: object, schema: Schema | undefined): string | undefined =>
	Object.keys(params).find(key => !Object.hasOwn(schema?.properties ?? {}, key));
