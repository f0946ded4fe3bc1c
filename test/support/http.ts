import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { assertDocumented } from "./openapi.ts";

export interface Answer {
	status: number;
	headers: Headers;
	// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
	body: any;
}

/**
 * Asks again, for 30 s, while a gateway refuses because its event loop is late: nothing was done then, and it is the
 * machine that has too much to do.
 */
export async function admitted(ask: () => Promise<Response>): Promise<Response> {
	const until = Date.now() + 30_000;
	for (;;) {
		const response = await ask();
		if (response.status !== 503 || Date.now() > until) return response;
		const text = await response.clone().text();
		if (!text.includes("This gateway has too much to do")) return response;
		await response.body?.cancel();
		await pause(200);
	}
}

/** Sends a JSON request, by `admitted`; the answer as `answerOf` has it. */
export async function send(
	base: string,
	method: string,
	path: string,
	options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
	const { token, body, headers = {} } = options;
	const request = {
		method,
		headers: {
			...(body !== undefined && { "content-type": "application/json" }),
			...(token && { authorization: `Bearer ${token}` }),
			...headers,
		},
		...(body !== undefined && { body: JSON.stringify(body) }),
	};
	const response = await admitted(() => fetch(`${base}${path}`, request));
	return answerOf(response, base, method, path);
}

/** An answer with its body parsed where it is JSON. @throws where it is not what the server's own OpenAPI says. */
export async function answerOf(
	response: Response,
	base: string,
	method: string,
	path: string,
): Promise<Answer> {
	const text = await response.text();
	const isJson = /json/.test(response.headers.get("content-type") ?? "");
	const answer = {
		status: response.status,
		headers: response.headers,
		body: isJson ? JSON.parse(text) : text,
	};
	await assertDocumented(base, method, path, answer);
	return answer;
}

export interface Person {
	id: string;
	email: string;
	token: string;
	refreshToken: string;
}

export const uniqueEmail = (): string => `u${randomBytes(8).toString("hex")}@example.com`;

/** Registers somebody new by HTTP; waits while a node of identity is away. */
export async function register(base: string, role?: string): Promise<Person> {
	const email = uniqueEmail();
	const credentials = { email, password: "password123" };
	const { status, body } = await eventually(
		async () => {
			const made = await send(base, "POST", "/api/auth/register", {
				body: { ...credentials, ...(role && { role }) },
			});
			// Its first try may have made the account and lost the answer.
			return made.status === 409
				? send(base, "POST", "/api/auth/login", { body: credentials })
				: made;
		},
		answer => answer.status !== 503,
		30_000,
	);
	assert.ok(status === 201 || status === 200, JSON.stringify(body));
	return { id: body.user.id, email, token: body.accessToken, refreshToken: body.refreshToken };
}

/** Asks until `check` holds; the last answer. @throws when it does not within `ms`. */
export async function eventually<T>(
	ask: () => Promise<T>,
	check: (answer: T) => boolean,
	ms = 30_000,
): Promise<T> {
	const until = Date.now() + ms;
	for (;;) {
		const answer = await ask();
		if (check(answer)) return answer;
		if (Date.now() > until) assert.fail(`still not so after ${ms} ms: ${JSON.stringify(answer)}`);
		await pause(50);
	}
}
