import { STATUS_CODES } from "node:http";
import { type ActionContract, accessOf, statusesOf } from "../../../kernel/contract.ts";
import { platformProblems } from "../../../kernel/errors.ts";
import { type Components, type Json, pascal } from "./openapi-schemas.ts";
import { isForServices } from "./request.ts";

type PlatformCode = keyof typeof platformProblems;

/** Whether requests of this method carry their params in a body. */
export const takesBody = (method: string): boolean => method !== "GET" && method !== "DELETE";

const isForUsers = (action: ActionContract): boolean =>
	!action.ignoresToken &&
	accessOf(action).some(
		rule => rule === "public" || rule === "user" || Object.hasOwn(Object(rule), "roles"),
	);

/** Whether its params come in a body of JSON, or without any. */
export const isJson = ({ accepts = "json" }: ActionContract): boolean => accepts === "json";

/** Whether a request may carry an `Idempotency-Key` that means something. */
export const isKeyed = (action: ActionContract, method: string): boolean =>
	method !== "GET" && isJson(action) && isForUsers(action);

/** The platform's own codes that this route may answer with. */
function* platformCodes(action: ActionContract, method: string): Generator<PlatformCode> {
	yield "BAD_REQUEST";
	yield "REQUEST_TOO_SLOW";
	yield "URI_TOO_LONG";
	yield "HEADERS_TOO_LARGE";
	if (takesBody(method)) {
		if (isJson(action)) yield "MALFORMED_JSON";
		if (action.accepts !== "stream") yield "PAYLOAD_TOO_LARGE";
		yield "UNSUPPORTED_MEDIA_TYPE";
	}
	if (!action.ignoresToken) yield "UNAUTHENTICATED";
	if (isForServices(action)) yield "SERVICE_SIGNATURE_INVALID";
	if (!accessOf(action).some(rule => rule === "public" || rule === "user")) yield "FORBIDDEN";
	if (action.accepts !== "raw") yield "VALIDATION_ERROR";
	if (action.answers === "stream") yield "RANGE_NOT_SATISFIABLE";
	if (isKeyed(action, method)) {
		yield "IDEMPOTENCY_IN_PROGRESS";
		yield "IDEMPOTENCY_KEY_REUSED";
	}
	yield "TOO_MANY_REQUESTS";
	yield "INTERNAL_ERROR";
	yield "SERVICE_UNAVAILABLE";
}

const refs = (names: Record<string, string>): Json =>
	Object.fromEntries(
		Object.entries(names).map(([name, component]) => [
			name,
			{ $ref: `#/components/headers/${component}` },
		]),
	);

const always = {
	"X-Request-Id": "RequestId",
	RateLimit: "RateLimit",
	"RateLimit-Policy": "RateLimitPolicy",
};
const replayed = { "Idempotency-Replayed": "IdempotencyReplayed" };

const problemHeaders = (status: number, mayReplay: boolean): Json =>
	refs({
		...always,
		...(status === 401 && { "WWW-Authenticate": "WwwAuthenticate" }),
		...((status === 429 || status === 503) && { "Retry-After": "RetryAfter" }),
		...(mayReplay && replayed),
	});

/** What goes out when it worked: the result, a file, or nothing. */
function contentOf(action: ActionContract, status: number, components: Components): Json {
	if (status === 204) return {};
	const { answers = "json", media = [answers === "json" ? "application/json" : "*/*"] } = action;
	return Object.fromEntries(
		media.map(type => [
			type,
			{
				schema:
					type === "application/json" ? components.reference(action.result) : { type: "string" },
			},
		]),
	);
}

/** One answer for all the codes of a status. */
function problemResponse(
	name: string,
	action: ActionContract,
	status: number,
	codes: readonly string[],
	mayReplay: boolean,
	components: Components,
): Json {
	const problems = codes.map(code => ({
		code,
		...components.problem(
			code,
			action.errors?.[code] ?? platformProblems[code as PlatformCode],
			action.errors?.[code] ? name : "platform",
		),
	}));
	const schemas = problems.map(({ schema }) => schema);
	return {
		description: codes.map(code => `\`${code}\``).join(", "),
		headers: problemHeaders(status, mayReplay),
		content: {
			"application/problem+json": {
				schema: schemas.length === 1 ? schemas[0] : { oneOf: schemas },
				examples: Object.fromEntries(problems.map(({ code, example }) => [code, example])),
			},
		},
	};
}

/** Every answer of an operation: by status, what it says and which codes it may have. */
export function responsesOf(
	name: string,
	action: ActionContract,
	method: string,
	components: Components,
): Json {
	const { errors = {} } = action;
	const mayReplay = isKeyed(action, method);
	const codes = new Map<number, Set<string>>();
	const add = (code: string, status: number) =>
		codes.set(status, (codes.get(status) ?? new Set()).add(code));
	for (const code of platformCodes(action, method)) add(code, platformProblems[code].status);
	for (const [code, { status }] of Object.entries(errors)) add(code, status);

	const responses: Record<number, Json> = {};
	for (const [status, set] of codes) {
		const ofStatus = [...set];
		const isOwn = ofStatus.some(code => Object.hasOwn(errors, code));
		const response = problemResponse(
			name,
			action,
			status,
			ofStatus,
			mayReplay && isOwn,
			components,
		);
		responses[status] =
			isOwn || statusesOf(action).includes(status)
				? response
				: components.response(ofStatus.map(pascal).join("Or"), response);
	}
	for (const status of statusesOf(action)) {
		const content = {
			...contentOf(action, status, components),
			...(responses[status]?.content as Json),
		};
		responses[status] = {
			description: STATUS_CODES[status],
			headers: refs({ ...always, ...(mayReplay && replayed) }),
			...(Object.keys(content).length > 0 && { content }),
		};
	}
	return responses as Json;
}
