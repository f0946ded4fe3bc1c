import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { known } from "../../kernel/validator.ts";
import { canonical } from "../../services/gateway/api/rewrites.ts";

interface Schema {
	$ref?: string;
	[keyword: string]: unknown;
}

interface Response {
	headers?: Record<string, { required?: boolean }>;
	content?: Record<string, { schema?: Schema }>;
}

interface Operation {
	operationId: string;
	responses: Record<string, Response>;
}

/** The parts of an OpenAPI document that an answer is held against. */
export interface OpenApiDocument {
	openapi: string;
	paths: Record<string, Record<string, Operation>>;
}

/** An answer as it came: its body parsed where it is JSON. */
export interface Answered {
	status: number;
	headers: Headers;
	body: unknown;
}

/** What every node answers by itself, outside of the contracts. */
const operations = new Set(["/livez", "/readyz", "/metrics"]);
/** Where the document has no such path or method. */
const nowhere = [
	"NOT_FOUND",
	"METHOD_NOT_ALLOWED",
	"BAD_REQUEST",
	"TOO_MANY_REQUESTS",
	"URI_TOO_LONG",
	"HEADERS_TOO_LARGE",
];

/** A copy without references, so that the whole of it can be compiled and walked. */
export function inline(document: object, value: unknown): unknown {
	if (Array.isArray(value)) return value.map(item => inline(document, item));
	if (typeof value !== "object" || value === null) return value;
	const { $ref } = value as Schema;
	if (typeof $ref === "string") {
		const keys = $ref.slice(2).split("/");
		const target = keys.reduce<unknown>(
			(at, key) => (at as Record<string, unknown>)[key],
			document,
		);
		assert.ok(target !== undefined, `the document has no ${$ref}`);
		return inline(document, target);
	}
	return Object.fromEntries(
		Object.entries(value).map(([key, inner]) => [key, inline(document, inner)]),
	);
}

const matches = (template: string, path: string): boolean => {
	const [wanted, given] = [template.split("/"), path.split("/")];
	return (
		wanted.length === given.length &&
		wanted.every((part, i) => (part.startsWith("{") ? given[i] !== "" : part === given[i]))
	);
};

const mediaOf = (headers: Headers): string =>
	(headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";

/** Holds answers of a server against its own OpenAPI document. */
export class Documented {
	readonly #document: OpenApiDocument;
	/** Fixed segments before parameters, as the server matches them. */
	readonly #templates: readonly string[];
	readonly #ajv = new Ajv2020({ strict: false, validateFormats: true });
	readonly #responses = new Map<string, Response | undefined>();
	readonly #checks = new Map<Schema, ValidateFunction>();

	constructor(document: OpenApiDocument) {
		this.#document = document;
		const rank = (path: string) => path.replace(/\{[^}]*\}/g, "~");
		this.#templates = Object.keys(document.paths).sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
		(addFormats as unknown as (ajv: Ajv2020) => void)(this.#ajv);
	}

	/** What in an answer the document does not say, as a sentence; undefined where it is all there. */
	complaint(method: string, target: string, answer: Answered): string | undefined {
		const path = canonical(target).split("?")[0] as string;
		if (operations.has(path)) return undefined;
		const verb = method === "HEAD" ? "get" : method.toLowerCase();
		const template = this.#templates.find(
			known => matches(known, path) && this.#document.paths[known]?.[verb],
		);
		const { status, body, headers } = answer;
		const code = (body as { code?: string } | null)?.code;
		const what = `${method} ${path} answered ${status}${code ? ` ${code}` : ""}`;
		if (!template)
			return code && nowhere.includes(code) ? undefined : `${what} at an address it does not have`;
		const response = this.#response(template, verb, status);
		if (!response) {
			const listed = Object.keys(this.#document.paths[template]?.[verb]?.responses ?? {});
			return `${what}, a status it does not list (${listed.join(", ")})`;
		}
		const missing = Object.entries(response.headers ?? {}).find(
			([name, { required }]) => required && !headers.has(name),
		);
		if (missing) return `${what} without the header ${missing[0]}`;
		if (method === "HEAD") return undefined;
		const media = mediaOf(headers);
		if (!response.content) return body === "" ? undefined : `${what} with a body`;
		const content = response.content[media];
		if (!content)
			return `${what} as ${media || "nothing"} and not ${Object.keys(response.content).join(" or ")}`;
		if (!media.endsWith("json") || !content.schema) return undefined;
		const misfit = this.#misfit(content.schema, body);
		return misfit && `${what}: ${misfit}`;
	}

	#response(template: string, verb: string, status: number): Response | undefined {
		const key = `${verb} ${template} ${status}`;
		if (!this.#responses.has(key)) {
			const response = this.#document.paths[template]?.[verb]?.responses[status];
			this.#responses.set(key, inline(this.#document, response) as Response | undefined);
		}
		return this.#responses.get(key);
	}

	#misfit(schema: Schema, body: unknown): string | undefined {
		const check = this.#checks.get(schema) ?? this.#ajv.compile(schema);
		this.#checks.set(schema, check);
		if (!check(body)) {
			const [error] = check.errors ?? [];
			return `${error?.instancePath || "the body"} ${error?.message} ${JSON.stringify(error?.params)}`;
		}
		const said = JSON.stringify(known(body, schema as never));
		return said === JSON.stringify(body) ? undefined : `more than ${said}`;
	}
}

const documents = new Map<string, Documented>();
const complaints: string[] = [];

async function documentOf(base: string): Promise<Documented | undefined> {
	const known = documents.get(base);
	if (known) return known;
	const response = await fetch(`${base}/openapi.json`, {
		signal: AbortSignal.timeout(5_000),
	}).catch(() => undefined);
	const document =
		response?.status === 200
			? ((await response.json().catch(() => undefined)) as OpenApiDocument | undefined)
			: undefined;
	if (!document) return undefined;
	const documented = new Documented(document);
	documents.set(base, documented);
	return documented;
}

/**
 * That an answer is what the server's own OpenAPI document says: status, media type, headers, schema, and no field
 * more. A server that has just died gives no document; its next answer is checked again.
 * @throws AssertionError; where a test catches it, the test's process still fails at its end.
 */
export async function assertDocumented(
	base: string,
	method: string,
	target: string,
	answer: Answered,
): Promise<void> {
	const complaint = (await documentOf(base))?.complaint(method, target, answer);
	if (!complaint) return;
	complaints.push(complaint);
	assert.fail(`OpenAPI: ${complaint}`);
}

process.on("exit", () => {
	if (complaints.length === 0) return;
	console.error(`Answers that OpenAPI does not know:\n${[...new Set(complaints)].join("\n")}`);
	process.exitCode = 1;
});
