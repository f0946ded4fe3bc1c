import type { Contracts } from "../../../kernel/contracts.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { FieldError } from "../../../kernel/validator.ts";

/** RFC 9457, with this API's stable `code` and the request's id. */
export interface ProblemDocument {
	type: string;
	title: string;
	status: number;
	detail: string;
	code: string;
	requestId: string;
	[member: string]: unknown;
}

export interface ProblemAnswer {
	body: ProblemDocument;
	headers: Record<string, string>;
	/** A bug or an outage of ours: to be logged. */
	isFault: boolean;
}

/** Moleculer's own codes for "the service is away or too slow"; none of them is the client's fault. */
const outages = new Set([
	"SERVICE_NOT_FOUND",
	"SERVICE_NOT_AVAILABLE",
	"SERVICE_UNAVAILABLE",
	"REQUEST_TIMEOUT",
	"REQUEST_SKIPPED",
	"REQUEST_REJECTED",
	"QUEUE_FULL",
	"GRACEFUL_STOP_TIMEOUT",
]);

export const slugOf = (code: string): string => code.toLowerCase().replaceAll("_", "-");
export const codeOfSlug = (slug: string): string => slug.toUpperCase().replaceAll("-", "_");

/** moleculer-web answers for an absent service with a bare 503. */
const isBare503 = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 503;

interface Raised {
	message?: string;
	data?: unknown;
	headers?: Record<string, string>;
}

const fieldErrors = (data: unknown): FieldError[] | undefined => {
	const listed = Array.isArray(data) ? data : (data as { errors?: unknown } | undefined)?.errors;
	if (!Array.isArray(listed)) return undefined;
	return listed.map(({ path, code, message }: FieldError) => ({ path, code, message }));
};

/**
 * The answer to anything that was thrown on the way. A code that a contract or the platform declares gives its status
 * and words; whatever else is a bug, of which the client learns the request id alone.
 */
export function problemAnswer(
	error: unknown,
	contracts: Contracts,
	requestId: string,
	action?: string,
): ProblemAnswer {
	const raw = codeOf(error) ?? (isBare503(error) ? "SERVICE_UNAVAILABLE" : "");
	const code = outages.has(raw) ? "SERVICE_UNAVAILABLE" : raw;
	const declared = contracts.problem(code, action);
	const { message, data } = (error ?? {}) as Raised;
	if (!declared || declared.status >= 500) {
		const known = code === "SERVICE_UNAVAILABLE" ? code : "INTERNAL_ERROR";
		const { status, title } = contracts.problem(known) as { status: number; title: string };
		const retryAfter = (data as { retryAfter?: number } | undefined)?.retryAfter ?? 1;
		return {
			body: {
				type: `/problems/${slugOf(known)}`,
				title,
				status,
				detail: title,
				code: known,
				requestId,
			},
			headers: status === 503 ? { "retry-after": String(retryAfter) } : {},
			isFault: known === "INTERNAL_ERROR",
		};
	}
	const { status, title } = declared;
	const { retryAfter, allow, ...members } = (Array.isArray(data) ? {} : (data ?? {})) as {
		retryAfter?: number;
		allow?: string;
	};
	const errors = code === "VALIDATION_ERROR" ? fieldErrors(data) : undefined;
	return {
		body: {
			...(raw === code && !errors && members),
			type: `/problems/${slugOf(code)}`,
			title,
			status,
			detail: raw === code && !errors && message ? message : title,
			code,
			requestId,
			...(errors && { errors }),
		},
		headers: {
			...(status === 401 && { "www-authenticate": 'Bearer realm="zeolite"' }),
			...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
			...(allow !== undefined && { allow }),
		},
		isFault: false,
	};
}
