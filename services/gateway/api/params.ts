import type { TObject, TSchema } from "typebox";
import { invalidField, platformProblem } from "../../../kernel/errors.ts";

const deepest = 32;
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Refuses bodies that nest past 32 or carry a key that reaches prototypes. Works on the bytes, before they are parsed:
 * a parsed one may be too deep to walk.
 * @throws BAD_REQUEST
 */
export function guardDepth(body: Buffer): void {
	let depth = 0;
	let inString = false;
	for (let i = 0; i < body.length; i++) {
		const byte = body[i];
		if (inString) {
			if (byte === 0x5c) i++;
			else if (byte === 0x22) inString = false;
		} else if (byte === 0x22) inString = true;
		else if (byte === 0x7b || byte === 0x5b) {
			depth++;
			if (depth > deepest)
				throw platformProblem("BAD_REQUEST", undefined, `The body nests past ${deepest} levels`);
		} else if (byte === 0x7d || byte === 0x5d) depth--;
	}
}

/** @throws BAD_REQUEST for a key that reaches prototypes. */
export function guardKeys(value: unknown): void {
	if (typeof value !== "object" || value === null) return;
	for (const [key, item] of Object.entries(value)) {
		if (forbiddenKeys.has(key))
			throw platformProblem("BAD_REQUEST", undefined, `The key ${key} is not allowed`);
		guardKeys(item);
	}
}

const branches = (schema: TSchema): TSchema[] =>
	(schema as { anyOf?: TSchema[] }).anyOf ?? [schema];
const hasType = (schema: TSchema, ...types: string[]): boolean =>
	branches(schema).some(branch => types.includes((branch as { type?: string }).type ?? ""));

/** A query value as its schema has it: text stays text where the schema takes it, else a number or boolean. */
function coerce(value: string, schema: TSchema | undefined): unknown {
	if (!schema || hasType(schema, "string")) return value;
	if (hasType(schema, "integer", "number") && value.trim() !== "" && Number.isFinite(Number(value)))
		return Number(value);
	if (hasType(schema, "boolean") && (value === "true" || value === "false"))
		return value === "true";
	return value;
}

export interface Input {
	method: string;
	path: Record<string, string>;
	query: URLSearchParams;
	body: unknown;
}

/**
 * The params of an action from the one place each may come from: its path, then the query of a GET, HEAD or DELETE, or
 * the body of anything else. Nothing in a query or body replaces what the path says.
 * @throws VALIDATION_ERROR for a body that is no object.
 */
export function paramsOf(
	schema: TObject | undefined,
	{ method, path, query, body }: Input,
): object {
	const properties = schema?.properties ?? {};
	if (["GET", "HEAD", "DELETE"].includes(method)) {
		const fromQuery = [...query].map(
			([key, value]) => [key, coerce(value, properties[key])] as const,
		);
		guardKeys(Object.fromEntries(fromQuery.map(([key]) => [key, ""])));
		return { ...Object.fromEntries(fromQuery), ...path };
	}
	if (body === undefined) return path;
	if (typeof body !== "object" || body === null || Array.isArray(body))
		throw invalidField("", "TYPE", "must be an object");
	guardKeys(body);
	return { ...body, ...path };
}
