import type { TObject, TSchema } from "typebox";
import { type ActionContract, accessOf, aliasesOf, statusesOf } from "../../../kernel/contract.ts";
import type { Contracts } from "../../../kernel/contracts.ts";
import { platformProblems } from "../../../kernel/errors.ts";

type Json = Record<string, unknown>;

/** A schema for the document: those with an `$id` become references to `#/components/schemas`. */
function reference(schema: unknown, components: Json): unknown {
	if (Array.isArray(schema)) return schema.map(item => reference(item, components));
	if (typeof schema !== "object" || schema === null) return schema;
	const { $id, ...rest } = schema as Json;
	const inner = Object.fromEntries(
		Object.entries(rest).map(([key, value]) => [key, reference(value, components)]),
	);
	if (typeof $id !== "string") return inner;
	components[$id] = inner;
	return { $ref: `#/components/schemas/${$id}` };
}

const security = (action: ActionContract): Json[] =>
	accessOf(action).flatMap(rule => {
		if (rule === "public") return [{}];
		if (rule === "internal") return [];
		return typeof rule === "object" && "service" in rule
			? [{ serviceSignature: [] }]
			: [{ bearer: [] }];
	});

const problemResponse = (codes: readonly string[]): Json => ({
	description: codes.join(", "),
	content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

function responses(action: ActionContract, components: Json): Json {
	const byStatus = new Map<number, string[]>();
	const add = (status: number, code: string) =>
		byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
	for (const [code, { status }] of Object.entries(action.errors ?? {})) add(status, code);
	for (const code of ["VALIDATION_ERROR", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE"] as const)
		add(platformProblems[code].status, code);
	if (!accessOf(action).includes("public")) {
		add(401, "UNAUTHENTICATED");
		add(403, "FORBIDDEN");
	}
	const result = reference(action.result, components);
	const success = statusesOf(action).map(status => [
		status,
		{
			description: action.description,
			...(status !== 204 && { content: { "application/json": { schema: result } } }),
		},
	]);
	const failures = [...byStatus].map(([status, codes]) => [status, problemResponse(codes)]);
	return Object.fromEntries([...failures, ...success]);
}

function operation(
	name: string,
	action: ActionContract,
	method: string,
	path: string,
	components: Json,
): Json {
	const params = (action.params as TObject | undefined) ?? undefined;
	const properties = Object.entries<TSchema>(params?.properties ?? {});
	const inPath = new Set([...path.matchAll(/:([^/]+)/g)].map(match => match[1]));
	const inQuery = ["GET", "DELETE"].includes(method);
	const parameters = properties
		.filter(([key]) => inPath.has(key) || inQuery)
		.map(([key, schema]) => ({
			name: key,
			in: inPath.has(key) ? "path" : "query",
			required: inPath.has(key) || (params?.required?.includes(key) ?? false),
			schema: reference(schema, components),
		}));
	const body = properties.filter(([key]) => !inPath.has(key));
	const required = (params?.required ?? []).filter(key => !inPath.has(key));
	return {
		operationId: name,
		summary: action.description,
		tags: [name.split(".")[0]],
		security: security(action),
		...(parameters.length > 0 && { parameters }),
		...(!inQuery &&
			body.length > 0 && {
				requestBody: {
					required: required.length > 0,
					content: {
						"application/json": {
							schema: {
								type: "object",
								properties: Object.fromEntries(
									body.map(([key, schema]) => [key, reference(schema, components)]),
								),
								...(required.length > 0 && { required }),
							},
							...(action.example && { example: action.example }),
						},
					},
				},
			}),
		responses: responses(action, components),
	};
}

const problemSchema = {
	type: "object",
	description: "RFC 9457",
	required: ["type", "title", "status", "code", "requestId"],
	properties: {
		type: { type: "string" },
		title: { type: "string" },
		status: { type: "integer" },
		detail: { type: "string" },
		code: { type: "string" },
		requestId: { type: "string" },
	},
};

/** The OpenAPI 3.1 document of every action that has a path. */
export function openApi(contracts: Contracts, serverUrl: string): Json & { openapi: string } {
	const components: Json = { Problem: problemSchema };
	const paths: Record<string, Json> = {};
	for (const [name, action] of contracts.actions)
		for (const [index, alias] of aliasesOf(action).entries()) {
			const [method, path] = alias.split(" ") as [string, string];
			const key = path.replace(/:([^/]+)/g, "{$1}");
			const described = operation(name, action, method, path, components);
			paths[key] = {
				...paths[key],
				[method.toLowerCase()]:
					index === 0 ? described : { ...described, operationId: `${name}.${index + 1}` },
			};
		}
	return {
		openapi: "3.1.0",
		info: { title: "Zeolite", version: "1", license: { name: "MIT", identifier: "MIT" } },
		servers: [{ url: serverUrl }],
		tags: contracts.all.map(({ name, description }) => ({ name, description })),
		paths,
		components: {
			schemas: components,
			securitySchemes: {
				bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
				serviceSignature: {
					type: "apiKey",
					in: "header",
					name: "X-Service-Signature",
					description: "t=<unix seconds>,n=<nonce>,v1=<HMAC-SHA256, hex>, with X-Service-Name",
				},
			},
		},
	};
}
