import { Errors } from "moleculer";
import type { Static, TObject } from "typebox";
import type { Contract, Problem } from "./contract.ts";

type ErrorsOf<C extends Contract> = C["actions"][keyof C["actions"]] extends infer A
	? A extends { errors: infer E }
		? E
		: never
	: never;
type Codes<C extends Contract> =
	ErrorsOf<C> extends infer E ? (E extends unknown ? keyof E & string : never) : never;
type DataOf<C extends Contract, K extends string> =
	ErrorsOf<C> extends infer E
		? E extends unknown
			? K extends keyof E
				? E[K] extends { data: infer D extends TObject }
					? Static<D>
					: never
				: never
			: never
		: never;
type Args<D> = [D] extends [never] ? [detail?: string] : [data: D, detail?: string];

/**
 * An error that a contract declares. Its `type` is the stable code and survives the wire; its class does not, so
 * compare `type`, never `instanceof`.
 */
export class ProblemError extends Errors.MoleculerClientError {
	constructor(code: string, problem: Problem, data?: object, detail?: string) {
		super(detail ?? problem.title, problem.status, code, data);
		this.name = "ProblemError";
	}
}

/**
 * Makes the error that `contract` declares under `code`, to be thrown by its service.
 * @param rest the problem's extra members where the contract has any, then a sentence that says more than the title.
 */
export function problem<C extends Contract, const K extends Codes<C>>(
	contract: C,
	code: K,
	...rest: Args<DataOf<C, K>>
): ProblemError {
	const declared = Object.values(contract.actions).find(
		a => a.errors && Object.hasOwn(a.errors, code),
	);
	const found = declared?.errors?.[code];
	if (!found) throw new TypeError(`${contract.name} declares no error ${code}`);
	const [first, second] = rest as [unknown, string?];
	return typeof first === "object"
		? new ProblemError(code, found, first as object, second)
		: new ProblemError(code, found, undefined, first as string | undefined);
}

/** The stable code of any error that came from an action, local or remote; undefined for a bug. */
export const codeOf = (error: unknown): string | undefined =>
	typeof (error as { type?: unknown })?.type === "string"
		? (error as { type: string }).type
		: undefined;

/** Whether something failed because a service or provider it needed was away: later it may succeed. */
export const isOutage = (error: unknown): boolean =>
	(error as { retryable?: boolean } | undefined)?.retryable === true ||
	["SERVICE_UNAVAILABLE", "REQUEST_SKIPPED"].includes(codeOf(error) ?? "");

/** Codes that the platform itself answers with, on any route. See the table in the API's conventions. */
export const platformProblems = {
	MALFORMED_JSON: {
		status: 400,
		title: "The body is not JSON",
		explanation: "Send a JSON object as UTF-8.",
	},
	BAD_REQUEST: {
		status: 400,
		title: "The request cannot be understood",
		explanation:
			"`detail` says why: a path that is badly encoded, a body that nests past 32 levels, a key that is not allowed, or an `Idempotency-Key` that is none.",
	},
	UNAUTHENTICATED: {
		status: 401,
		title: "A valid access token is needed",
		explanation:
			"Send `Authorization: Bearer` with an access token that has not expired; refresh or log in for a new one. A token that does not hold is refused where none is needed, too.",
	},
	SERVICE_SIGNATURE_INVALID: {
		status: 401,
		title: "The service signature does not hold",
		explanation:
			"Only other systems' servers may call this. The signature covers method, path, query and body byte for byte, is good for 300 s, and each nonce once.",
	},
	FORBIDDEN: {
		status: 403,
		title: "The caller may not do this",
		explanation:
			"Who is asking is known and lacks the role or is not whose thing it is. Asking again changes nothing.",
	},
	NOT_FOUND: {
		status: 404,
		title: "There is nothing at this address",
		explanation: "No operation has this path; `/docs` lists them all.",
	},
	METHOD_NOT_ALLOWED: {
		status: 405,
		title: "This address does not take this method",
		explanation: "The `Allow` header lists the methods that it takes.",
	},
	PAYLOAD_TOO_LARGE: {
		status: 413,
		title: "The body is too large",
		explanation: "Bodies may have up to 256 KiB.",
	},
	URI_TOO_LONG: {
		status: 414,
		title: "The address is too long",
		explanation: "Path and query may have up to 8 KiB.",
	},
	HEADERS_TOO_LARGE: {
		status: 431,
		title: "The headers are too many or too large",
		explanation: "Up to 100 headers and 16 KiB of them are read.",
	},
	REQUEST_TOO_SLOW: {
		status: 408,
		title: "The request did not arrive in time",
		explanation: "Headers must be there within 10 s, and all of the request within 30 s.",
	},
	UNSUPPORTED_MEDIA_TYPE: {
		status: 415,
		title: "The body must be application/json",
		explanation: "Send `Content-Type: application/json`, uncompressed.",
	},
	RANGE_NOT_SATISFIABLE: {
		status: 416,
		title: "There are no such bytes",
		explanation: "The range begins behind the last byte; `Content-Range` says how many there are.",
	},
	IDEMPOTENCY_IN_PROGRESS: {
		status: 409,
		title: "A request under this Idempotency-Key is still running",
		explanation: "Ask again after Retry-After: you get its answer.",
	},
	IDEMPOTENCY_KEY_REUSED: {
		status: 422,
		title: "This Idempotency-Key was used for a request with another body",
		explanation: "One key is for one request: give each new request a key of its own.",
	},
	VALIDATION_ERROR: {
		status: 422,
		title: "The request does not fit its schema",
		explanation:
			"`errors` lists each field by its JSON pointer with what it breaks. Nothing was done.",
	},
	TOO_MANY_REQUESTS: {
		status: 429,
		title: "Too many requests",
		explanation:
			"Wait as many seconds as `Retry-After` says. `RateLimit` says how many requests are left.",
	},
	SERVICE_UNAVAILABLE: {
		status: 503,
		title: "A service that should answer is not there",
		explanation:
			"Ask again after `Retry-After`. Under an `Idempotency-Key` a repeat has one effect, whatever became of this request.",
	},
	INTERNAL_ERROR: {
		status: 500,
		title: "Something broke on our side",
		explanation: "It is logged under `requestId`; say that when you report it.",
	},
} as const satisfies Record<string, Problem>;

/** Makes one of the platform's own errors. */
export const platformProblem = (
	code: keyof typeof platformProblems,
	data?: object,
	detail?: string,
): ProblemError => new ProblemError(code, platformProblems[code], data, detail);

/** A field that its schema takes and the rules behind it do not. `path` is its JSON pointer. */
export const invalidField = (path: string, code: string, message: string): ProblemError =>
	platformProblem("VALIDATION_ERROR", { errors: [{ path, code, message }] });
