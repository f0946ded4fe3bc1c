import type { TObject, TSchema } from "typebox";
import { type ActionContract, accessOf, aliasesOf } from "../../../kernel/contract.ts";
import type { Contracts } from "../../../kernel/contracts.ts";
import { isJson, isKeyed, responsesOf, takesBody } from "./openapi-answers.ts";
import { Components, type Json } from "./openapi-schemas.ts";

const about = `Everything that people and other systems do here over HTTP. Each operation is an action of the mesh under the same name.

**Who is asking.** Register or log in, and send the \`accessToken\` as a bearer token; it lives 15 minutes, and \`/api/auth/refresh\` gives the next. A token that does not hold is 401, also where none is needed. Other systems' servers sign their requests instead.

**Errors** are \`application/problem+json\` (RFC 9457). Tell them apart by \`code\`; \`type\` leads to a page that explains it.

**Retries.** Send an \`Idempotency-Key\` with anything that changes something: the same request under the same key has one effect and one answer, however often it is sent.

**Limits.** \`RateLimit\` and \`RateLimit-Policy\` say how many requests are left; past that 429 with \`Retry-After\`. Bodies are JSON of up to 256 KiB.

**Values.** Ids are strings. Times are ISO 8601 in UTC. Money is an amount in major units, the same in minor units as an integer, and a currency. Lists come in pages: \`page\` and \`pageSize\`, or the \`cursor\` that the page before gave as \`nextCursor\`.

Every answer has an \`X-Request-Id\`; HEAD is GET without a body.`;

/** Whether others than the mesh itself may call it, and as whom. Any one of these is enough. */
const security = (action: ActionContract): Json[] =>
	accessOf(action).flatMap((rule): Json[] => {
		if (rule === "public") return action.ignoresToken ? [] : [{}, { bearer: [] }];
		if (rule === "internal") return [];
		if (rule === "user") return [{ bearer: [] }];
		if ("roles" in rule) return rule.roles.map(role => ({ bearer: [role] }));
		const signed = { serviceName: [], serviceSignature: [] };
		return [signed, { ...signed, serviceKey: [] }];
	});

const listed = (words: readonly string[]): string =>
	new Intl.ListFormat("en", { type: "disjunction" }).format(words);

function whoMayCall(action: ActionContract): string {
	const rules = accessOf(action);
	if (rules.includes("public")) return "Anybody may call it.";
	if (rules.includes("user")) return "Anybody who is signed in may call it.";
	return rules
		.flatMap(rule => {
			if (typeof rule !== "object") return [];
			return "roles" in rule
				? [`Only who is ${listed(rule.roles)} may call it.`]
				: [`Only the servers of ${listed(rule.service)} may call it, by signature.`];
		})
		.join(" ");
}

/** The contract's words, then what it says in other fields. */
const descriptionOf = (action: ActionContract, twin: string | undefined): string =>
	[
		`${action.description}.`,
		whoMayCall(action),
		...(action.cache ? [`The answer may be ${action.cache.ttlSeconds} s old.`] : []),
		...(action.limit
			? [`At most ${action.limit.perMinute} calls per minute of one ${action.limit.by}.`]
			: []),
		...(action.sensitive ? ["Answers 503 while it is not known which sessions were revoked."] : []),
		...(isJson(action) ? [] : ["The body is taken as it is, byte for byte."]),
		...(twin ? [`Another name of \`${twin}\`, kept for clients that use it.`] : []),
	].join(" ");

const summaryOf = ({ description }: ActionContract): string =>
	description.split(/[;:.] /)[0] as string;

/** A parameter in a path or query; its words stand on it and not in its schema. */
function parameterOf(
	name: string,
	schema: TSchema,
	isInPath: boolean,
	params: TObject,
	example: unknown,
	components: Components,
): Json {
	const { description, ...rest } = components.reference(schema) as Json;
	return {
		name,
		in: isInPath ? "path" : "query",
		required: isInPath || (params.required?.includes(name) ?? false),
		...(description !== undefined && { description }),
		schema: rest,
		...(example !== undefined && { example }),
	};
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

function bodyOf(
	action: ActionContract,
	inPath: ReadonlySet<string>,
	components: Components,
): Json | undefined {
	if (!isJson(action)) return { required: true, content: { "*/*": {} } };
	const outside = <T>(record: Record<string, T>) =>
		Object.fromEntries(Object.entries(record).filter(([key]) => !inPath.has(key)));
	const properties = outside<TSchema>(action.params?.properties ?? {});
	if (isEmpty(properties)) return undefined;
	const required = (action.params?.required ?? []).filter((key: string) => !inPath.has(key));
	const example = outside(action.example ?? {});
	return {
		required: required.length > 0,
		content: {
			"application/json": {
				schema: {
					type: "object",
					...(required.length > 0 && { required }),
					properties: components.reference(properties),
				},
				...(!isEmpty(example) && { example }),
			},
		},
	};
}

function operation(
	name: string,
	action: ActionContract,
	alias: string,
	twin: string | undefined,
	components: Components,
): Json {
	const [method, path] = alias.split(" ") as [string, string];
	const params = action.params as TObject | undefined;
	const inPath = new Set([...path.matchAll(/:([^/]+)/g)].map(match => match[1] as string));
	const parameters = Object.entries<TSchema>(params?.properties ?? {})
		.filter(([key]) => inPath.has(key) || !takesBody(method))
		.map(([key, schema]) =>
			parameterOf(
				key,
				schema,
				inPath.has(key),
				params as TObject,
				action.example?.[key],
				components,
			),
		);
	if (isKeyed(action, method)) parameters.push({ $ref: "#/components/parameters/IdempotencyKey" });
	const requestBody = takesBody(method) ? bodyOf(action, inPath, components) : undefined;
	return {
		operationId: twin ? `${name}.${path.split("/").at(-1)}` : name,
		summary: summaryOf(action),
		description: descriptionOf(action, twin),
		tags: [name.split(".")[0]],
		...(twin && { deprecated: true }),
		security: security(action),
		...(parameters.length > 0 && { parameters }),
		...(requestBody && { requestBody }),
		responses: responsesOf(name, action, method, components),
	};
}

const made = new WeakMap<Contracts, Json & { openapi: string }>();

/** The OpenAPI 3.1 document of every action that has a path, made once. `serverUrl`: where clients reach it. */
export function openApi(contracts: Contracts, serverUrl: string): Json & { openapi: string } {
	const document = made.get(contracts) ?? describe(contracts, serverUrl);
	made.set(contracts, document);
	return document;
}

function describe(contracts: Contracts, serverUrl: string): Json & { openapi: string } {
	const components = new Components();
	const paths: Record<string, Json> = {};
	const tags = new Set<string>();
	for (const [name, action] of contracts.actions) {
		const aliases = aliasesOf(action);
		for (const alias of aliases) {
			const [method, path] = alias.split(" ") as [string, string];
			const key = path.replace(/:([^/]+)/g, "{$1}");
			const twin = alias === aliases[0] ? undefined : aliases[0];
			paths[key] = {
				...paths[key],
				[method.toLowerCase()]: operation(name, action, alias, twin, components),
			};
			tags.add(name.split(".")[0] as string);
		}
	}
	return {
		openapi: "3.1.0",
		info: {
			title: "Zeolite",
			version: "1",
			description: about,
			license: { name: "MIT", identifier: "MIT" },
		},
		servers: [{ url: serverUrl }],
		tags: contracts.all
			.filter(({ name }) => tags.has(name))
			.map(({ name, description }) => ({ name, description })),
		paths,
		components: { ...components },
	};
}
