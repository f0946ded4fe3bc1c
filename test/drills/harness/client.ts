import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../../support/http.ts";
import type { Gateways } from "./gateways.ts";
import type { Entry, Journal, Step } from "./journal.ts";

const answerMs = 15_000;
const longestPauseMs = 1_000;

/** An attempt's answer; status 0 where none came. */
export interface Answered {
	status: number;
	/** Parsed JSON. */
	// biome-ignore lint/suspicious/noExplicitAny: drills look at whatever came
	body: any;
	/** As `Retry-After` says it, ms. */
	retryMs?: number;
	entry: Entry;
}

/** Somebody who signs in again when a token has ended; with the password of `register` where none is said. */
export type Asker = Person & { password?: string };

export interface Asked {
	step: Step;
	person: Asker;
	courseId: string;
	method: string;
	path: string;
	body?: object;
	/** `Idempotency-Key`. */
	key?: string;
	/** A status that is an answer as good as any: 404 to who looks whether something is there. */
	fine?: number;
	/** The one gateway to ask; the next ready one where not given. */
	base?: string;
	paymentId?: string;
	gatewayId?: string;
	/** What it is about besides the course: a lecture, an enrollment. */
	subjectId?: string;
}

/** Sends requests to ready gateways in turn, and writes each attempt into the journal. */
export class Client {
	readonly #gateways: Gateways;
	readonly #journal: Journal;
	readonly #signIns = new Map<string, Promise<void>>();

	constructor(gateways: Gateways, journal: Journal) {
		this.#gateways = gateways;
		this.#journal = journal;
	}

	/** One attempt; whatever comes of it is in the journal. */
	async ask(asked: Asked): Promise<Answered> {
		const { step, person, courseId, method, path, body, key } = asked;
		const { paymentId, gatewayId, subjectId } = asked;
		const at = Date.now();
		const from = performance.now();
		const base = asked.base ?? this.#gateways.next();
		const answer = await exchange(`${base}${path}`, {
			method,
			headers: {
				authorization: `Bearer ${person.token}`,
				...(body && { "content-type": "application/json" }),
				...(key && { "idempotency-key": key }),
			},
			...(body && { body: JSON.stringify(body) }),
		});
		const { status, body: got, error } = answer;
		const code = error ?? got?.code;
		const isOk = (status >= 200 && status < 300) || status === asked.fine;
		const entry: Entry = {
			at,
			buyer: person.id,
			courseId,
			step,
			outcome: isOk ? "ok" : isUnknown(status) ? "unknown" : "failed",
			status,
			...(code && { code }),
			ms: Math.round((performance.now() - from) * 10) / 10,
			...(paymentId && { paymentId }),
			...(gatewayId && { gatewayId }),
			...(subjectId && { subjectId }),
			...(step === "order" && got?.id && { paymentId: got.id }),
		};
		this.#journal.write(entry);
		if (status === 401) await this.#signIn(person);
		return { status, body: got, ...(answer.retryMs && { retryMs: answer.retryMs }), entry };
	}

	/** Asks under the same key until there is an answer that a repeat would not change, or `until` (ms) has come. */
	async insist(asked: Asked, until: number): Promise<Answered> {
		for (let tries = 0; ; tries++) {
			const answer = await this.ask(asked);
			if (!isPassing(answer) || Date.now() > until) return answer;
			await pause(answer.retryMs ?? Math.min(longestPauseMs, 50 * 2 ** tries));
		}
	}

	/** A new token after the old one ended; one sign-in at a time for each person. */
	async #signIn(person: Asker): Promise<void> {
		const running = this.#signIns.get(person.id) ?? this.#newToken(person);
		this.#signIns.set(person.id, running);
		await running.finally(() => this.#signIns.delete(person.id));
	}

	async #newToken(person: Asker): Promise<void> {
		const { body } = await exchange(`${this.#gateways.next()}/api/auth/login`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ email: person.email, password: person.password ?? "password123" }),
		});
		if (body?.accessToken) person.token = body.accessToken;
	}
}

interface Exchanged {
	status: number;
	// biome-ignore lint/suspicious/noExplicitAny: drills look at whatever came
	body: any;
	retryMs?: number;
	error?: string;
}

/** Never throws. @returns status 0 and the code of the error where no whole answer came. */
async function exchange(url: string, request: RequestInit): Promise<Exchanged> {
	try {
		const response = await fetch(url, { ...request, signal: AbortSignal.timeout(answerMs) });
		const text = await response.text();
		const isJson = /json/.test(response.headers.get("content-type") ?? "");
		const retry = Number(response.headers.get("retry-after"));
		return {
			status: response.status,
			body: isJson ? JSON.parse(text) : undefined,
			...(retry > 0 && { retryMs: retry * 1_000 }),
		};
	} catch (error) {
		const { name, code, cause } = error as Error & { code?: string; cause?: { code?: string } };
		return { status: 0, body: undefined, error: cause?.code ?? code?.toString() ?? name };
	}
}

const isUnknown = (status: number): boolean => status === 0 || status === 504;

const isPassing = ({ status, body }: Answered): boolean =>
	status === 0 ||
	status >= 500 ||
	status === 401 ||
	status === 429 ||
	body?.code === "IDEMPOTENCY_IN_PROGRESS";
