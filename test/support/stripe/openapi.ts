import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { coerce, parseForm } from "./form.ts";

/** The part of JSON Schema that Stripe's document uses. */
export interface JsonSchema {
	$ref?: string;
	type?: string;
	anyOf?: JsonSchema[];
	enum?: unknown[];
	items?: JsonSchema;
	properties?: Record<string, JsonSchema>;
	required?: string[];
	additionalProperties?: JsonSchema | boolean;
	maxLength?: number;
	pattern?: string;
	nullable?: boolean;
	"x-expandableFields"?: string[];
	"x-expansionResources"?: unknown;
}

interface Parameter {
	name: string;
	in: "path" | "query";
	required?: boolean;
	schema: JsonSchema;
}

interface Content {
	content?: Record<string, { schema: JsonSchema }>;
}

interface RawOperation {
	parameters?: Parameter[];
	requestBody?: Content;
	responses: Record<string, Content>;
}

interface Document {
	info: { version: string };
	components: { schemas: Record<string, JsonSchema> };
	paths: Record<string, Record<string, RawOperation>>;
}

/** One request as Stripe's document has it. */
export interface Operation {
	/** `POST /v1/payment_intents/{intent}/cancel` */
	name: string;
	/** The values of the `{…}` in its path, in order. */
	ids: string[];
	/** The parameters with their types, and what is wrong with them. */
	read(query: string, body: string): { params: Record<string, unknown>; problems: string[] };
	/** What is wrong with an answer. */
	check(status: number, answer: unknown): string[];
}

/** Version of stripe-mock whose OpenAPI document is used; `.ci/run` installs the same. */
const STRIPE_MOCK = "v0.203.0";

/** Brings stripe-mock, and with its source Stripe's OpenAPI document. */
export const STRIPE_MOCK_COMMAND = `go install github.com/stripe/stripe-mock@${STRIPE_MOCK}`;

/** The resources that an answer may hold in full where Stripe has an id or the object. */
const EXPANDED = new Set(["balance_transaction", "charge", "dispute", "payment_intent", "refund"]);

const ROOT = path.resolve(import.meta.dirname, "../../..");
const DOCUMENT = "embedded/openapi/spec3.json";

/**
 * Where Stripe's OpenAPI document lies: where `.ci/run` puts it, else in the Go module of
 * stripe-mock, which `go install` leaves in the module cache.
 */
export function findDocument(): string | undefined {
	const module = path.join("github.com/stripe", `stripe-mock@${STRIPE_MOCK}`, DOCUMENT);
	const placed = path.join(ROOT, ".cache", `stripe-openapi-${STRIPE_MOCK}.json`);
	if (existsSync(placed)) return placed;
	return moduleCaches()
		.map(cache => path.join(cache, module))
		.find(place => existsSync(place));
}

/** Where Go keeps the sources of modules. */
export function moduleCaches(): string[] {
	const caches = [path.join(process.env.GOPATH ?? path.join(homedir(), "go"), "pkg", "mod")];
	try {
		caches.unshift(execFileSync("go", ["env", "GOMODCACHE"], { encoding: "utf8" }).trim());
	} catch {}
	return caches;
}

/**
 * Stripe's published OpenAPI, as a validator of requests, answers and objects. Stricter than the
 * document in one thing: an object that lists its properties has no others.
 */
export class StripeApi {
	/** The API version the document describes. */
	readonly version: string;
	readonly #document: Document;
	readonly #ajv = new Ajv({ strict: false, allErrors: true, code: { optimize: false } });
	readonly #added = new Set<string>();
	readonly #compiled = new Map<string, ValidateFunction>();

	/**
	 * @param operations whose validators are made at once, so that no request waits for them
	 * @throws when `findDocument` finds none; the message names the command that brings it
	 */
	constructor(operations: string[] = [], file = findDocument()) {
		if (file === undefined)
			throw new Error(
				`Stripe's OpenAPI document is missing; this brings it: ${STRIPE_MOCK_COMMAND}`,
			);
		this.#document = JSON.parse(readFileSync(file, "utf8"));
		this.version = this.#document.info.version;
		for (const operation of operations) {
			const [method = "", template = ""] = operation.split(" ");
			const { read, check } = this.operation(method, template) as Operation;
			read("", "");
			for (const status of [200, 400]) check(status, {});
		}
	}

	/** The operation that a request means, undefined where Stripe has none. */
	operation(method: string, pathname: string): Operation | undefined {
		const parts = pathname.split("/");
		let best: { template: string; ids: string[] } | undefined;
		for (const template of Object.keys(this.#document.paths)) {
			if (this.#document.paths[template]?.[method.toLowerCase()] === undefined) continue;
			const ids = match(template.split("/"), parts);
			if (ids && (best === undefined || ids.length < best.ids.length)) best = { template, ids };
		}
		if (best === undefined) return undefined;
		const { template, ids } = best;
		const raw = this.#document.paths[template]?.[method.toLowerCase()] as RawOperation;
		const name = `${method} ${template}`;
		return {
			name,
			ids,
			read: (query, body) => this.#read(name, raw, query, body),
			check: (status, answer) => {
				const content = (raw.responses[status] ?? raw.responses.default)?.content;
				const schema = content?.["application/json"]?.schema;
				if (schema === undefined) return [`${name} has no JSON answer`];
				return this.#problems(`${name} ${status < 400 ? "answer" : "error"}`, schema, answer);
			},
		};
	}

	/** What is wrong with an object of this kind (`charge`, `event`, …). */
	check(kind: string, value: unknown): string[] {
		return this.#problems(kind, { $ref: `#/components/schemas/${kind}` }, value);
	}

	/** Whether a property of this kind of object can be expanded. */
	canExpand(kind: string, property: string): boolean {
		const fields = this.#document.components.schemas[kind]?.["x-expandableFields"] ?? [];
		return fields.includes(property);
	}

	#read(name: string, raw: RawOperation, query: string, body: string) {
		const listed = (raw.parameters ?? []).filter(parameter => parameter.in === "query");
		const inQuery: JsonSchema = {
			type: "object",
			properties: Object.fromEntries(listed.map(({ name, schema }) => [name, schema])),
			required: listed.filter(({ required }) => required).map(({ name }) => name),
			additionalProperties: false,
		};
		const inBody = raw.requestBody?.content?.["application/x-www-form-urlencoded"]?.schema ?? {
			type: "object",
			additionalProperties: false,
		};
		const problems: string[] = [];
		const params: Record<string, unknown> = {};
		for (const [where, text, schema] of [
			["query", query, inQuery],
			["body", body, inBody],
		] as const) {
			const given = coerce(parseForm(text), schema) as Record<string, unknown>;
			problems.push(...this.#problems(`${name} ${where}`, schema, given));
			Object.assign(params, given);
		}
		return { params, problems };
	}

	#problems(name: string, schema: JsonSchema, value: unknown): string[] {
		let validate = this.#compiled.get(name);
		if (validate === undefined) {
			validate = this.#ajv.compile(this.#convert(schema));
			this.#compiled.set(name, validate);
		}
		if (validate(value)) return [];
		return telling(validate.errors ?? []).map(error => `${name}: ${describe(error)}`);
	}

	/** OpenAPI 3.0 to JSON Schema, with every schema it refers to. */
	#convert(schema: JsonSchema): JsonSchema {
		const { type, required, maxLength, pattern } = schema;
		const out: JsonSchema = Object.fromEntries(
			Object.entries({ type, enum: schema.enum, required, maxLength, pattern }).filter(
				([, value]) => value !== undefined,
			),
		);
		if (schema.$ref) {
			const kind = kindOf(schema.$ref);
			this.#add(kind);
			out.$ref = kind;
		}
		if (schema.anyOf) {
			const narrow = schema["x-expansionResources"] !== undefined;
			const choices = schema.anyOf.filter(
				({ $ref }) => !narrow || $ref === undefined || EXPANDED.has(kindOf($ref)),
			);
			out.anyOf = choices.map(choice => this.#convert(choice));
		}
		if (schema.items) out.items = this.#convert(schema.items);
		if (schema.properties) {
			out.properties = mapValues(schema.properties, property => this.#convert(property));
			out.additionalProperties = false;
		}
		const open = schema.additionalProperties;
		if (open !== undefined)
			out.additionalProperties = typeof open === "object" ? this.#convert(open) : open;
		return schema.nullable ? { anyOf: [out, { type: "null" }] } : out;
	}

	#add(kind: string): void {
		if (this.#added.has(kind)) return;
		this.#added.add(kind);
		const schema = this.#document.components.schemas[kind];
		if (schema === undefined) throw new Error(`Stripe's document has no schema ${kind}`);
		this.#ajv.addSchema({ $id: kind, ...this.#convert(schema) });
	}
}

function match(template: string[], parts: string[]): string[] | undefined {
	if (template.length !== parts.length) return undefined;
	const ids: string[] = [];
	for (const [index, part] of template.entries())
		if (part.startsWith("{")) ids.push(decodeURIComponent(parts[index] ?? ""));
		else if (part !== parts[index]) return undefined;
	return ids;
}

/** Of a choice every branch complains: a wrong type says nothing where another branch got further. */
function telling(errors: ErrorObject[]): ErrorObject[] {
	const further = ({ instancePath }: ErrorObject) =>
		errors.some(
			error =>
				error.instancePath.startsWith(`${instancePath}/`) ||
				(error.instancePath === instancePath && !["type", "anyOf"].includes(error.keyword)),
		);
	return errors.filter(
		error => error.keyword !== "anyOf" && !(error.keyword === "type" && further(error)),
	);
}

function describe({ instancePath, message, params }: ErrorObject): string {
	const at = instancePath || "/";
	if ("additionalProperty" in params) return `${at} has no ${params.additionalProperty}`;
	if ("allowedValues" in params) return `${at} is not one of its values`;
	return `${at} ${message}`;
}

function kindOf(ref: string): string {
	return ref.slice(ref.lastIndexOf("/") + 1);
}

function mapValues<T, R>(map: Record<string, T>, make: (value: T) => R): Record<string, R> {
	return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, make(value)]));
}
