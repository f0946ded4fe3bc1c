import { Agent, request } from "undici";

/** One conversation with Razorpay's v1 API: whatever it asks shares one time-out. */
export interface RazorpayApi {
	/** @throws RazorpayError for an answer that is none of 2xx @throws Error where there is none in time. */
	get<T>(path: string, query?: Readonly<Record<string, string | number>>): Promise<T>;
	post<T>(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<T>;
	patch<T>(path: string, body: object): Promise<T>;
}

/** Begins a conversation. */
export type RazorpayClient = () => RazorpayApi;

export interface RazorpayClientSettings {
	keyId: string;
	keySecret: string;
	/** Scheme, host and port of another Razorpay than the real one. */
	apiBase?: string | undefined;
	/** Longest that a whole conversation may take, ms; less than the till waits. */
	timeoutMs?: number | undefined;
}

const realBase = "https://api.razorpay.com";
const defaultTimeoutMs = 4_500;
const longestAnswer = 16 * 1_048_576;

/** An answer of Razorpay's that is no success (https://razorpay.com/docs/api/errors/). */
export class RazorpayError extends Error {
	readonly status: number;
	/** Razorpay's class of error, as `BAD_REQUEST_ERROR`. */
	readonly code: string;
	/** Razorpay's word for what was wrong, as `input_validation_failed`, where it has one. */
	readonly reason: string | undefined;

	constructor(status: number, body: unknown) {
		const { code, description, reason } = errorIn(body);
		super(description ?? `Razorpay answers ${status}`);
		this.status = status;
		this.code = code ?? "";
		this.reason = reason && reason !== "NA" ? reason : undefined;
	}
}

interface ErrorBody {
	code?: string;
	description?: string;
	reason?: string;
}

function errorIn(body: unknown): ErrorBody {
	const { error } = (body ?? {}) as { error?: Record<string, unknown> };
	const text = (name: string) => {
		const value = error?.[name];
		return typeof value === "string" && value !== "" ? { [name]: value } : {};
	};
	return { ...text("code"), ...text("description"), ...text("reason") };
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/**
 * Razorpay's API over HTTP with Basic authentication. Nothing is tried again here. Not the official SDK: that drops
 * the header of idempotent refunds and knows no time-out (`docs/decisions/0028-razorpay.md`).
 */
export function razorpayClient(settings: RazorpayClientSettings): RazorpayClient {
	const { keyId, keySecret, apiBase = realBase, timeoutMs = defaultTimeoutMs } = settings;
	const base = new URL("/v1/", apiBase);
	const authorization = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString("base64")}`;
	const dispatcher = new Agent({
		connect: { timeout: timeoutMs },
		maxResponseSize: longestAnswer,
	});

	async function ask<T>(
		method: "GET" | "POST" | "PATCH",
		url: URL,
		signal: AbortSignal,
		body?: object,
		headers: Readonly<Record<string, string>> = {},
	): Promise<T> {
		const answer = await request(url, {
			dispatcher,
			method,
			signal,
			headers: {
				...headers,
				authorization,
				accept: "application/json",
				...(body && { "content-type": "application/json" }),
			},
			body: body ? JSON.stringify(body) : null,
		});
		const content = parsed(await answer.body.text());
		if (answer.statusCode < 200 || answer.statusCode > 299)
			throw new RazorpayError(answer.statusCode, content);
		if (typeof content !== "object" || content === null)
			throw new Error(`Razorpay's answer to ${method} ${url.pathname} is no JSON object`);
		return content as T;
	}

	return () => {
		const signal = AbortSignal.timeout(timeoutMs);
		const at = (path: string) => new URL(path, base);
		return {
			get(path, query = {}) {
				const url = at(path);
				for (const [name, value] of Object.entries(query))
					url.searchParams.append(name, String(value));
				return ask("GET", url, signal);
			},
			post: (path, body, headers) => ask("POST", at(path), signal, body, headers),
			patch: (path, body) => ask("PATCH", at(path), signal, body),
		};
	};
}
