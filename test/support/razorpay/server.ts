import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Books } from "./books.ts";
import { outage, Refusal, refusal } from "./errors.ts";
import { type Route, routes } from "./routes.ts";

/** What goes wrong with one request. */
export interface Fault {
	/** Which request, by its `METHOD /path`; the next one where unset. */
	on?: RegExp;
	/** Whether what was asked happens all the same; no. */
	applied?: boolean;
	/** It is answered with this status instead. */
	status?: number;
	/** The answer comes this late, ms. Where nothing is applied, there is none: the connection is cut then. */
	hangMs?: number;
	/** The connection is cut instead. */
	reset?: boolean;
	/** The answer is this text, with status 200. */
	text?: string;
}

/** A request as it came. */
export interface LoggedRequest {
	method: string;
	path: string;
	params: Record<string, unknown>;
	/** The header of idempotent refunds. */
	key?: string;
	/** What it was answered; none while it waits, and where the connection was cut. */
	status?: number;
}

interface Answer {
	status: number;
	body: object;
}

/** A refund that was made under a key. */
interface Kept {
	asked: string;
	answer: Answer;
}

/** Razorpay's v1 API over HTTP on loopback, for one account. */
export class RazorpayServer {
	readonly requests: LoggedRequest[] = [];
	readonly violations: string[] = [];
	readonly faults: Fault[] = [];
	readonly #keys = new Map<string, Kept>();
	readonly #books: Books;
	readonly #authorization: string;
	readonly #stopping = new AbortController();
	readonly #server = createServer((request, response) => {
		this.#serve(request, response).catch(error => {
			const gone = this.#stopping.signal.aborted || request.destroyed;
			if (!gone) this.violations.push(String(error?.stack ?? error));
			response.destroy();
		});
	});

	constructor(books: Books, keyId: string, keySecret: string) {
		this.#books = books;
		this.#authorization = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString("base64")}`;
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
	}

	async start(): Promise<void> {
		this.#server.listen(0, "127.0.0.1");
		await once(this.#server, "listening");
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		this.#server.close();
		this.#server.closeAllConnections();
		await once(this.#server, "close");
	}

	/** Forgets the keys of refunds, as Razorpay may. */
	forgetKeys(): void {
		this.#keys.clear();
	}

	async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const text = (await request.setEncoding("utf8").toArray()).join("");
		const { method = "", headers } = request;
		const { pathname: path, searchParams } = new URL(request.url ?? "", this.url);
		const key = headers["x-refund-idempotency"]?.toString();
		const log: LoggedRequest = { method, path, params: {}, ...(key !== undefined && { key }) };
		this.requests.push(log);
		const fault = this.#takeFault(`${method} ${path}`) ?? {};
		const { status, hangMs = 0, reset = false, text: instead } = fault;
		const applied = fault.applied ?? (status === undefined && !hangMs && !reset && !instead);
		const run = () =>
			this.#run(log, headers.authorization, searchParams, headers["content-type"], text);
		let answer = applied ? run() : undefined;
		if (status !== undefined) answer = { status, body: outage(status).body };
		if (hangMs > 0) await sleep(hangMs, undefined, { signal: this.#stopping.signal });
		if (instead !== undefined) {
			response.end(instead);
			return;
		}
		if (reset || answer === undefined) {
			request.socket.resetAndDestroy();
			return;
		}
		log.status = answer.status;
		response.writeHead(answer.status, { "content-type": "application/json" });
		response.end(JSON.stringify(answer.body));
	}

	#takeFault(request: string): Fault | undefined {
		const index = this.faults.findIndex(({ on = /^/ }) => on.test(request));
		return index < 0 ? undefined : this.faults.splice(index, 1)[0];
	}

	#run(
		log: LoggedRequest,
		authorization: string | undefined,
		query: URLSearchParams,
		type: string | undefined,
		text: string,
	): Answer {
		try {
			if (authorization !== this.#authorization) throw outage(401);
			const { route, id } = this.#route(log);
			log.params = text ? bodyOf(type, text) : Object.fromEntries(query);
			this.#check(route, log);
			return log.key === undefined ? this.#act(route, log, id) : this.#once(route, log, id);
		} catch (error) {
			if (error instanceof Refusal) return { status: error.status, body: error.body };
			throw error;
		}
	}

	#route({ method, path }: LoggedRequest): { route: Route; id: string } {
		for (const route of routes) {
			const match = route.method === method ? route.path.exec(path) : null;
			if (match) return { route, id: decodeURIComponent(match[1] ?? "") };
		}
		throw this.#violation(`the fake does not speak ${method} ${path}`);
	}

	/** What Razorpay refuses as a request that is wrong is a mistake of ours, and fails the test. */
	#check({ takes }: Route, { params, method, path }: LoggedRequest): void {
		for (const [name, value] of Object.entries(params)) {
			if (!takes[name])
				throw this.#violation(`${name} is/are not required and should not be sent (${path})`);
			if (!takes[name](value))
				throw this.#violation(`${method} ${path} takes no ${name} like ${JSON.stringify(value)}`);
		}
	}

	#violation(what: string): Refusal {
		this.violations.push(what);
		return refusal(what);
	}

	#act(route: Route, { params }: LoggedRequest, id: string): Answer {
		return { status: 200, body: structuredClone(route.run(this.#books, params, id)) };
	}

	#once(route: Route, log: LoggedRequest, id: string): Answer {
		const { key = "", params, path } = log;
		if (!/^[A-Za-z0-9_-]{10,}$/.test(key))
			throw this.#violation(`an idempotency key is at least 10 letters, digits, - and _: ${key}`);
		const asked = JSON.stringify([path, params]);
		const kept = this.#keys.get(key);
		if (kept && kept.asked !== asked)
			throw refusal("Different request with the same idempotency key has already been processed.");
		if (kept) return kept.answer;
		const answer = this.#act(route, log, id);
		this.#keys.set(key, { asked, answer });
		return answer;
	}
}

function bodyOf(type: string | undefined, text: string): Record<string, unknown> {
	if (!type?.startsWith("application/json")) throw refusal("The request is no JSON");
	return JSON.parse(text) as Record<string, unknown>;
}
