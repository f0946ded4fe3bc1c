import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Books, NOBODY } from "./books.ts";
import { outage, StripeRefusal } from "./errors.ts";
import { type Answer, IdempotencyKeys } from "./idempotency.ts";
import { newId } from "./objects.ts";
import type { Operation, StripeApi } from "./openapi.ts";
import { expand, type Route, routes } from "./routes.ts";

/** What goes wrong with one request. */
export interface Fault {
	/** Which request: how its `METHOD /path` begins; the next one where unset. */
	on?: string;
	/** Whether what was asked happens all the same; no. */
	applied?: boolean;
	/** It is answered with this status instead. */
	status?: number;
	/** Whether that answer is kept under the idempotency key, as Stripe keeps a 500; so for 500. */
	stored?: boolean;
	/**
	 * The answer comes this late, ms, and its key is in use so long. Where nothing is applied, there
	 * is none: the connection is cut then.
	 */
	hangMs?: number;
	/** The connection is cut instead. */
	reset?: boolean;
	/** Changes the answer before it is validated. */
	alter?: (body: object) => object;
}

/** A request as it came. */
export interface LoggedRequest {
	method: string;
	path: string;
	params: Record<string, unknown>;
	idempotencyKey?: string;
	/** API version of the caller. */
	version?: string;
	/** What it was answered; none while it waits, and where the connection was cut. */
	status?: number;
	/** The answer was the one kept under its key. */
	replayed?: boolean;
}

/** A request that may run. */
interface Ready {
	id: string;
	operation: Operation;
	route: Route;
	params: Record<string, unknown>;
	paths: string[];
	key: string | undefined;
}

/** Stripe's v1 API over HTTP on loopback, for one account. */
export class StripeServer {
	readonly requests: LoggedRequest[] = [];
	readonly violations: string[] = [];
	readonly keys = new IdempotencyKeys();
	readonly faults: Fault[] = [];
	readonly #api: StripeApi;
	readonly #books: Books;
	readonly #secretKey: string;
	readonly #stopping = new AbortController();
	readonly #server = createServer((request, response) => {
		this.#serve(request, response).catch(error => {
			const gone = this.#stopping.signal.aborted || request.destroyed;
			if (!gone) this.violations.push(String(error?.stack ?? error));
			response.destroy();
		});
	});

	constructor(api: StripeApi, books: Books, secretKey: string) {
		this.#api = api;
		this.#books = books;
		this.#secretKey = secretKey;
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

	async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const body = (await request.setEncoding("utf8").toArray()).join("");
		const { method = "", headers } = request;
		const { pathname, search } = new URL(request.url ?? "", this.url);
		const key = method === "POST" ? headers["idempotency-key"]?.toString() : undefined;
		const version = headers["stripe-version"]?.toString();
		const log: LoggedRequest = {
			method,
			path: pathname,
			params: {},
			...(key !== undefined && { idempotencyKey: key }),
			...(version !== undefined && { version }),
		};
		this.requests.push(log);

		const id = newId("req");
		const fault = this.#takeFault(`${method} ${pathname}`);
		const prepared = this.#prepare(id, log, headers.authorization, search, body);
		const answer = await this.#answer(prepared, fault);
		if (answer === undefined) {
			request.socket.resetAndDestroy();
			return;
		}
		log.status = answer.status;
		response.writeHead(answer.status, {
			"content-type": "application/json",
			"request-id": id,
			...(version !== undefined && { "stripe-version": version }),
			...(key !== undefined && { "idempotency-key": key }),
			...(log.replayed && { "idempotent-replayed": "true" }),
		});
		response.end(`${JSON.stringify(answer.body, null, 2)}\n`);
	}

	#takeFault(request: string): Fault | undefined {
		const index = this.faults.findIndex(({ on = "" }) => request.startsWith(on));
		return index < 0 ? undefined : this.faults.splice(index, 1)[0];
	}

	/** All that Stripe does before an endpoint runs; an answer where it does not come to that. */
	#prepare(
		id: string,
		log: LoggedRequest,
		authorization: string | undefined,
		query: string,
		body: string,
	): Ready | Answer {
		const { method, path, idempotencyKey: key } = log;
		const operation = this.#api.operation(method, path);
		try {
			if (authorization !== `Bearer ${this.#secretKey}`) throw outage(401);
			if (operation === undefined) throw unknownUrl(method, path);
			const { params, problems } = operation.read(query, body);
			log.params = params;
			const { expand: paths = [], ...known } = params;
			const route = routes[operation.name];
			if (route === undefined) problems.push(`the fake does not speak ${operation.name}`);
			if (route === undefined || problems.length > 0) return this.#violate(problems);
			const unknown = Object.keys(known).filter(name => !route.takes.includes(name));
			if (unknown.length > 0)
				return this.#violate(
					unknown.map(name => `the fake does not know ${name} of ${operation.name}`),
				);
			const kept = key === undefined ? undefined : this.keys.take(key, path, params);
			log.replayed = kept !== undefined;
			return kept ?? { id, operation, route, params: known, paths: paths as string[], key };
		} catch (error) {
			return this.#checked(operation, refusalOf(error));
		}
	}

	/** @returns undefined where the connection is to be cut */
	async #answer(prepared: Ready | Answer, fault: Fault = {}): Promise<Answer | undefined> {
		const { status, stored = status === 500, hangMs = 0, reset = false } = fault;
		const applied = fault.applied ?? (status === undefined && hangMs === 0 && !reset);
		const ready = "route" in prepared ? prepared : undefined;
		const key = ready?.key;
		let answer = ready ? undefined : (prepared as Answer);
		if (ready && applied) answer = this.#run(ready, fault.alter);
		if (status !== undefined) answer = { status, body: { error: outage(status).body } };
		if (key !== undefined && answer && stored) this.keys.keep(key, answer);
		if (hangMs > 0) {
			if (key !== undefined) this.keys.setBusy(key, true);
			await sleep(hangMs, undefined, { signal: this.#stopping.signal });
			if (key !== undefined) this.keys.setBusy(key, false);
		}
		if (key !== undefined && !applied && !stored) this.keys.free(key);
		return reset ? undefined : answer;
	}

	#run(
		{ id, operation, route, params, paths, key }: Ready,
		alter = (body: object) => body,
	): Answer {
		let answer: Answer;
		let ran = true;
		this.#books.cause = { id, idempotency_key: key ?? null };
		try {
			const body = route.run(this.#books, params, operation.ids[0] ?? "");
			answer = { status: 200, body: expand(this.#api, this.#books, body, paths) };
		} catch (error) {
			answer = refusalOf(error);
			ran = !(error as StripeRefusal).early;
		} finally {
			this.#books.cause = NOBODY;
		}
		answer = this.#checked(operation, { ...answer, body: alter(answer.body) });
		if (key !== undefined && ran) this.keys.keep(key, answer);
		if (key !== undefined && !ran) this.keys.free(key);
		return answer;
	}

	#checked(operation: Operation | undefined, answer: Answer): Answer {
		const { status, body } = answer;
		const problems = operation?.check(status, body) ?? this.#api.check("error", body);
		return problems.length > 0 ? this.#violate(problems) : answer;
	}

	#violate(problems: string[]): Answer {
		this.violations.push(...problems);
		const message = `Stripe's OpenAPI does not hold: ${problems.join("; ")}`;
		return { status: 500, body: { error: { type: "api_error", message } } };
	}
}

/** @throws the error itself where it is none of Stripe's */
function refusalOf(error: unknown): Answer {
	if (!(error instanceof StripeRefusal)) throw error;
	return { status: error.status, body: { error: structuredClone(error.body) } };
}

function unknownUrl(method: string, path: string): StripeRefusal {
	const message = `Unrecognized request URL (${method}: ${path}).`;
	return new StripeRefusal(404, { type: "invalid_request_error", message });
}
