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

/** Codes that the platform itself answers with, on any route. See the table in the API's conventions. */
export const platformProblems = {
	MALFORMED_JSON: { status: 400, title: "The body is not JSON" },
	BAD_REQUEST: { status: 400, title: "The request cannot be understood" },
	UNAUTHENTICATED: { status: 401, title: "A valid access token is needed" },
	SERVICE_SIGNATURE_INVALID: { status: 401, title: "The service signature does not hold" },
	FORBIDDEN: { status: 403, title: "The caller may not do this" },
	NOT_FOUND: { status: 404, title: "There is nothing at this address" },
	METHOD_NOT_ALLOWED: { status: 405, title: "This address does not take this method" },
	PAYLOAD_TOO_LARGE: { status: 413, title: "The body is too large" },
	UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "The body must be application/json" },
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
	VALIDATION_ERROR: { status: 422, title: "The request does not fit its schema" },
	TOO_MANY_REQUESTS: { status: 429, title: "Too many requests" },
	SERVICE_UNAVAILABLE: { status: 503, title: "A service that should answer is not there" },
	INTERNAL_ERROR: { status: 500, title: "Something broke on our side" },
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
