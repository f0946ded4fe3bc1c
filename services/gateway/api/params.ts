import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { TObject, TSchema } from "typebox";
import { invalidField, platformProblem } from "../../../kernel/errors.ts";

const deepest = 32;
const longestTarget = 8_192;
const mostHeaders = 100;
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Headers that mean two things where they come twice, each a bit. */
const single = new Map(
	[
		"authorization",
		"content-encoding",
		"content-type",
		"host",
		"idempotency-key",
		"x-service-key",
		"x-service-name",
		"x-service-signature",
	].map((name, i) => [name, 1 << i]),
);
const host = single.get("host") as number;

const bad = (detail: string): Error => platformProblem("BAD_REQUEST", undefined, detail);

/** The path and query of a request target, also of one in absolute form (RFC 9112 §3.2.2). */
export const originForm = (target: string): string => {
	if (target.startsWith("/")) return target;
	const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
	if (origin === undefined) return target;
	const rest = target.slice(origin.length);
	return rest.startsWith("/") ? rest : `/${rest}`;
};

/**
 * Refuses a request whose first lines can be read in two ways, or are longer than any of ours. Its size in bytes is
 * Node's to limit (16 KiB).
 * @throws BAD_REQUEST, URI_TOO_LONG, HEADERS_TOO_LARGE
 */
export function guardHead({
	url = "/",
	rawHeaders,
	httpVersion,
}: Pick<IncomingMessage, "url" | "rawHeaders" | "httpVersion">): void {
	if (url.length > longestTarget) throw platformProblem("URI_TOO_LONG");
	if (rawHeaders.length > 2 * mostHeaders) throw platformProblem("HEADERS_TOO_LARGE");
	let seen = 0;
	for (let i = 0; i < rawHeaders.length; i += 2) {
		const name = (rawHeaders[i] as string).toLowerCase();
		const bit = single.get(name) ?? 0;
		if (seen & bit) throw bad(`The header ${name} comes twice`);
		seen |= bit;
	}
	if (httpVersion !== "1.1" && httpVersion !== "1.0") throw bad("This is HTTP/1.1");
	if (httpVersion === "1.1" && !(seen & host)) throw bad("The header host is missing");
	if (!url.includes("%")) return;
	try {
		decodeURIComponent(url.split("?")[0] as string);
	} catch {
		throw bad("The path is badly encoded");
	}
}

/**
 * Refuses bodies that are not UTF-8, or nest past 32. Works on the bytes, before they are parsed: a parsed one may be
 * too deep to walk.
 * @throws UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON, BAD_REQUEST
 */
export function guardBody(body: Buffer, charset: string): void {
	if (charset !== "utf-8") throw platformProblem("UNSUPPORTED_MEDIA_TYPE");
	if (!isUtf8(body)) throw platformProblem("MALFORMED_JSON");
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
			if (depth > deepest) throw bad(`The body nests past ${deepest} levels`);
		} else if (byte === 0x7d || byte === 0x5d) depth--;
	}
}

/** Whether every store keeps a text as it is: no NUL, no half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

/**
 * Refuses what JSON can write and no store of ours keeps, by its JSON pointer.
 * @throws BAD_REQUEST for a key that reaches prototypes or is no text, VALIDATION_ERROR for such a text or number.
 */
export function guardValue(value: unknown, pointer = ""): void {
	if (typeof value === "string" && !isStorable(value))
		throw invalidField(pointer, "TEXT", "must be well-formed Unicode without NUL");
	if (typeof value === "number" && !Number.isFinite(value))
		throw invalidField(pointer, "NUMBER", "must be a number that fits a double");
	if (typeof value !== "object" || value === null) return;
	for (const [key, item] of Object.entries(value)) {
		if (forbiddenKeys.has(key) || !isStorable(key))
			throw bad(`The key ${JSON.stringify(key)} is not allowed`);
		guardValue(item, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
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
 * @throws VALIDATION_ERROR for a body that is no object, and as `guardValue`.
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
		const params = Object.fromEntries(fromQuery);
		guardValue(params);
		return { ...params, ...path };
	}
	if (body === undefined) return path;
	if (typeof body !== "object" || body === null || Array.isArray(body))
		throw invalidField("", "TYPE", "must be an object");
	guardValue(body);
	return { ...body, ...path };
}
