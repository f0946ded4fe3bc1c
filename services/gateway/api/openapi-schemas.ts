import type { TObject } from "typebox";
import type { Problem } from "../../../kernel/contract.ts";
import { slugOf } from "./problems.ts";

export type Json = Record<string, unknown>;

/** `COURSE_NOT_FOUND` → `CourseNotFound`. */
export const pascal = (code: string): string =>
	code
		.toLowerCase()
		.split("_")
		.map(word => word.charAt(0).toUpperCase() + word.slice(1))
		.join("");

const requestId = "4bf92f3577b34da6a3ce929d0e0e4736";

const string = (description: string, more: Json = {}): Json => ({
	type: "string",
	description,
	...more,
});

const problem: Json = {
	type: "object",
	description: "What went wrong (RFC 9457); tell errors apart by `code`, which never changes",
	required: ["type", "title", "status", "detail", "code", "requestId"],
	properties: {
		type: string("Where the code is explained", { format: "uri-reference" }),
		title: string("The same for every answer with this code"),
		status: { type: "integer", description: "The status of the answer" },
		detail: string("About this very answer"),
		code: string("Stable, upper case"),
		requestId: string("The `X-Request-Id` of the answer that was given first"),
	},
};

/** Members of the platform's own problems, which no contract declares. */
const platformMembers: Record<string, { properties: Json; required: readonly string[] }> = {
	VALIDATION_ERROR: {
		required: ["errors"],
		properties: {
			errors: {
				type: "array",
				description: "Every field that does not fit, without its value",
				items: {
					type: "object",
					required: ["path", "code", "message"],
					properties: {
						path: string("JSON pointer of the field, of a missing one too"),
						code: string("What the field breaks"),
						message: string("The same in words"),
					},
				},
			},
		},
	},
};

const header = (description: string, schema: Json, required = false): Json => ({
	description,
	...(required && { required }),
	schema,
});

/** A value that a schema takes, for an example of a problem. */
function sampleOf(schema: Json, name: string): unknown {
	if ("const" in schema) return schema.const;
	if (Array.isArray(schema.enum)) return schema.enum[0];
	if (schema.type === "integer") return 9999;
	if (schema.type === "number") return 99.99;
	if (schema.type === "boolean") return true;
	if (schema.type === "array") return [sampleOf(schema.items as Json, name)];
	if (schema.type === "object")
		return Object.fromEntries(
			Object.entries(schema.properties as Record<string, Json>).map(([key, inner]) => [
				key,
				sampleOf(inner, key),
			]),
		);
	const texts: Json = { currency: "USD", path: "/email", code: "FORMAT", message: "must fit" };
	return texts[name] ?? `${name.slice(0, 3)}_0190f3c2`;
}

/** What operations share, gathered while they are described: each thing once, under its name. */
export class Components {
	readonly schemas: Json = { Problem: problem };
	readonly examples: Json = {};
	readonly responses: Json = {};
	readonly headers: Json = {
		RequestId: header(
			"Names this request in our logs; a well-formed one that was sent is kept",
			{ type: "string", pattern: "^[A-Za-z0-9._-]{8,128}$", example: requestId },
			true,
		),
		RateLimit: header("What is left (`r`), and seconds until it is filled up (`t`)", {
			type: "string",
			example: '"default";r=599;t=60',
		}),
		RateLimitPolicy: header("How many requests (`q`) in how many seconds (`w`)", {
			type: "string",
			example: '"default";q=600;w=60',
		}),
		RetryAfter: header(
			"Seconds to wait before the next try",
			{ type: "integer", minimum: 0 },
			true,
		),
		IdempotencyReplayed: header("`true` where this was answered before, under the same key", {
			type: "string",
			enum: ["true"],
		}),
		WwwAuthenticate: header("How to prove who is asking", { type: "string" }, true),
	};
	readonly parameters: Json = {
		IdempotencyKey: {
			name: "Idempotency-Key",
			in: "header",
			required: false,
			description:
				"The same request under the same key has one effect, and gets the same answer for 24 h",
			schema: { type: "string", minLength: 1, maxLength: 255 },
			example: "4f7b6f6c-5d0e-4d3c-9a53-6f1f5b0d7c11",
		},
	};
	readonly securitySchemes: Json = {
		bearer: {
			type: "http",
			scheme: "bearer",
			bearerFormat: "JWT",
			description: "The `accessToken` that register, login and refresh answer with",
		},
		serviceName: {
			type: "apiKey",
			in: "header",
			name: "X-Service-Name",
			description: "Which system's server is asking",
		},
		serviceSignature: {
			type: "apiKey",
			in: "header",
			name: "X-Service-Signature",
			description:
				"`t=<unix seconds>,n=<nonce>,v1=<hex>`; v1 is HMAC-SHA256 under `SERVICE_SECRET_KEY` over " +
				"`t.n.name.METHOD.target.` and the raw body",
		},
		serviceKey: {
			type: "apiKey",
			in: "header",
			name: "X-Service-Key",
			description: "Where a key of its own is set for that name",
		},
	};

	/** A schema for the document: one with an `$id` becomes a reference to it. */
	reference(schema: unknown): unknown {
		if (Array.isArray(schema)) return schema.map(item => this.reference(item));
		if (typeof schema !== "object" || schema === null) return schema;
		const { $id, ...rest } = schema as Json;
		const inner = Object.fromEntries(
			Object.entries(rest).map(([key, value]) => [key, this.reference(value)]),
		);
		if (Array.isArray(inner.enum) && inner.enum.every(value => typeof value === "string"))
			inner.type = "string";
		if (typeof $id !== "string") return inner;
		this.schemas[$id] = inner;
		return { $ref: `#/components/schemas/${$id}` };
	}

	/** The schema and example of one code, each as a reference. `action`: whose words they are. */
	problem(code: string, { status, title, explanation, data }: Problem, action: string) {
		const members =
			platformMembers[code] ?? (this.reference(data ?? {}) as Partial<TObject> as never);
		const { properties = {}, required = [] } = members as {
			properties?: Json;
			required?: string[];
		};
		const type = `/problems/${slugOf(code)}`;
		const schema = this.#name(this.schemas, `${pascal(code)}Problem`, action, {
			allOf: [
				{ $ref: "#/components/schemas/Problem" },
				{
					type: "object",
					required: ["code", "status", ...required],
					properties: {
						type: { type: "string", const: type },
						status: { type: "integer", const: status },
						code: { type: "string", const: code },
						...properties,
					},
				},
			],
		});
		const value = {
			type,
			title,
			status,
			detail: title,
			code,
			requestId,
			...(sampleOf({ type: "object", properties }, "") as Json),
		};
		const example = this.#name(this.examples, code, action, {
			summary: title,
			...(explanation && { description: explanation }),
			value,
		});
		return {
			schema: { $ref: `#/components/schemas/${schema}` },
			example: { $ref: `#/components/examples/${example}` },
		};
	}

	/** Keeps a response that many operations share. */
	response(name: string, value: Json): Json {
		this.responses[name] = value;
		return { $ref: `#/components/responses/${name}` };
	}

	/** Keeps a value under its name; where another has that name, under one that says whose it is. */
	#name(kept: Json, name: string, action: string, value: Json): string {
		const names = [name, `${name}.${action.split(".")[0]}`, `${name}.${action}`];
		const text = JSON.stringify(value);
		const free = names.find(
			n => kept[n] === undefined || JSON.stringify(kept[n]) === text,
		) as string;
		kept[free] = value;
		return free;
	}
}
