import assert from "node:assert/strict";
import { Agent, type IncomingMessage, request as open } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { Context, Middleware } from "moleculer";
import { aliasesOf } from "../../kernel/contract.ts";
import { readEnv } from "../../kernel/env.ts";
import { codeOf } from "../../kernel/errors.ts";
import { findServices } from "../../kernel/load.ts";
import { createNode, type Node } from "../../kernel/node.ts";
import { RawJson } from "../../kernel/transit/serializer.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import type { Gateway } from "../../services/gateway/api/request.ts";
import { type Actor, School } from "./actors.ts";
import { newBucket } from "./bucket.ts";
import { actions, servicesOf } from "./cases.ts";
import { settled } from "./crash-journey.ts";
import { eventually } from "./http.ts";
import { folderOf, root } from "./node.ts";
import { away, odd } from "./odd.ts";
import { freePort } from "./ports.ts";
import { signed } from "./school.ts";
import type { TestServer } from "./servers.ts";

/** A request of a test. */
export interface Asked {
	method: string;
	path: string;
	text?: string | Buffer;
	headers?: Record<string, string | string[]>;
	/** Headers that are made anew each time it is sent: a signature is good once. */
	proof?(asked: Asked): Record<string, string>;
	/** Sends the body in chunks, without its length. */
	isChunked?: boolean;
	/** Its answer measures what is going on: only what it is about is the same twice. */
	isLive?: boolean;
	/** Goes away after so many ms, be it in the middle of its body. */
	leavesAfterMs?: number;
}

/** An answer, to the byte. */
export interface Answered {
	status: number;
	message: string;
	/** In the order and letters they came in. */
	headers: string[];
	body: Buffer;
}

const nowhere: Answered = { status: 0, message: "", headers: [], body: Buffer.alloc(0) };

/** What was seen of one request, beside its answer. */
interface Sight {
	hooks: object[];
	contexts: ContextSight[];
	log: string[];
}

type Parts = Record<"status" | "headers" | "body", string>;
type Seen = Record<"hooks" | "contexts" | "log", string[]>;

interface ContextSight {
	at: string;
	id: string;
	parentID: string | null;
	[what: string]: unknown;
}

/** A copy of what can be compared, so that later changes do not show. */
const copyOf = (value: unknown): unknown =>
	value === undefined
		? undefined
		: JSON.parse(
				JSON.stringify(value, (_, v) => (v instanceof Readable ? "a stream" : (v ?? `${v}`))),
			);

interface GatewayRequest extends IncomingMessage {
	[key: string]: unknown;
	$ctx?: Context;
	$route?: { name: string };
	$alias?: { method: string; path: string; action: string };
	$endpoint?: { name: string; action: object };
	$action?: { name: string };
}
interface GatewayResponse {
	req: GatewayRequest;
	statusCode: number;
	getHeader(name: string): unknown;
	[key: string]: unknown;
}
type Hook = (this: unknown, ...args: unknown[]) => unknown;
export interface GatewayService {
	routes: { onBeforeCall: Hook; [setting: string]: unknown }[];
	shedder: Gateway["shedder"];
	limiter: Gateway["limiter"];
	logger: { error(...args: unknown[]): void };
	[method: string]: unknown;
}

/** What stands on a request, as a hook would find it. */
function standing(service: object, request: GatewayRequest, response: GatewayResponse): object {
	const { $ctx: ctx, $endpoint, $action } = request;
	return {
		route: request.$route?.name,
		routeOfResponse: (response.$route as { name?: string } | undefined)?.name,
		alias:
			request.$alias && `${request.$alias.method} ${request.$alias.path} ${request.$alias.action}`,
		params: copyOf(request.$params),
		endpoint: $endpoint?.name,
		action: $action?.name,
		isActionOfEndpoint: $action === $endpoint?.action,
		isService: request.$service === service && response.$service === service,
		isSameContext: response.$ctx === ctx,
		context: ctx && {
			action: ctx.action?.name,
			level: ctx.level,
			caller: ctx.caller,
			requestID: ctx.requestID,
			meta: copyOf(ctx.meta),
			locals: copyOf(ctx.locals),
		},
		caller: copyOf(request.caller),
		// Of what never became a request it is Node's name for the socket.
		client: typeof request.client === "string" ? request.client : "none",
		...Object.fromEntries(
			["url", "originalUrl", "baseUrl", "parsedUrl", "target", "query"].map(key => [
				key,
				copyOf(request[key]),
			]),
		),
		hasBytes: String((request.rawBody as Buffer)?.length) === request.headers["content-length"],
		status: response.statusCode,
	};
}

/** A result as JSON, whether it has been parsed or not. */
function textOfResult(result: unknown): string {
	if (result instanceof RawJson) return result.bytes.toString();
	try {
		return JSON.stringify(result);
	} catch {
		return "no JSON";
	}
}

/** What an error is to a client: moleculer-web has a bare 503 of its own where we have a problem. */
const kindOf = (error: unknown): unknown =>
	(error as { code?: number } | undefined)?.code === 503
		? "SERVICE_UNAVAILABLE"
		: (codeOf(error) ?? (error as Error | undefined)?.name);

/** One gateway, and all that is seen of what it does. */
export class Side {
	readonly name: "fast" | "slow";
	readonly node: Node;
	readonly url: string;
	readonly events: string[] = [];
	readonly #agent = new Agent({ keepAlive: true });
	readonly #sights: Map<string, Sight>;
	readonly #names = new Map<string, string>();
	readonly #kinds = new Map<string, number>();
	#school: School | undefined;

	constructor(name: "fast" | "slow", node: Node, url: string, sights: Map<string, Sight>) {
		this.name = name;
		this.node = node;
		this.url = url;
		this.#sights = sights;
		this.#watch();
	}

	get school(): School {
		assert.ok(this.#school);
		return this.#school;
	}

	get service(): GatewayService {
		return this.node.broker.getLocalService("api") as unknown as GatewayService;
	}

	/** Opens a school by this gateway; what is in it gets names. */
	async furnish(): Promise<void> {
		this.#school = await School.open(this.url);
		const { people, things } = this.#school;
		this.named(JSON.stringify([people, things]));
	}

	stop(): void {
		this.#agent.destroy();
	}

	/** Sends a request under a name of its own. */
	ask(asked: Asked, name: string): Promise<Answered> {
		const { method, path, text, headers, isChunked, leavesAfterMs } = asked;
		return new Promise((resolve, reject) => {
			const request = open(`${this.url}/`, {
				method,
				path,
				agent: this.#agent,
				headers: {
					host: "both.example",
					"x-request-id": `${this.name}-${name}`,
					...(text !== undefined && !isChunked && { "content-length": Buffer.byteLength(text) }),
					...(isChunked && { "transfer-encoding": "chunked" }),
					...asked.proof?.(asked),
					...headers,
				},
			});
			let hasLeft = false;
			request.once("error", error => (hasLeft ? resolve(nowhere) : reject(error)));
			request.once("response", response => {
				const chunks: Buffer[] = [];
				response.on("data", chunk => chunks.push(chunk));
				response.once("end", () =>
					resolve({
						status: response.statusCode as number,
						message: response.statusMessage as string,
						headers: response.rawHeaders,
						body: Buffer.concat(chunks),
					}),
				);
				response.once("error", error => (hasLeft ? resolve(nowhere) : reject(error)));
			});
			if (leavesAfterMs === undefined) return request.end(text);
			request.flushHeaders();
			if (text !== undefined) request.write(text);
			if (text === undefined) request.end();
			setTimeout(() => {
				hasLeft = true;
				request.destroy();
				resolve(nowhere);
			}, leavesAfterMs);
		});
	}

	/** Sends bytes on a connection of their own, and reads until its end. */
	async bytes(sent: string): Promise<string> {
		const { hostname, port } = new URL(this.url);
		const socket = connect(Number(port), hostname);
		socket.setTimeout(5_000, () => socket.destroy(new Error("no end")));
		socket.write(sent);
		return textOf(socket);
	}

	/** What was seen of a request under this id; taken, not copied. */
	sightOf(id: string): Sight {
		const sight = this.#sights.get(id) ?? { hooks: [], contexts: [], log: [] };
		this.#sights.delete(id);
		return sight;
	}

	/** A text with the names this side gave to ids and secrets, in the order in which it came across them; no times. */
	named(text: string, isNew = true): string {
		return withoutTrace(text)
			.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
			.replace(/(X-Amz-(?:Credential|Date|Expires))=[^&"\\]+/g, "$1=<time>")
			.replace(/\b1[78]\d{8}(\d{3})?\b/g, "<time>")
			.replace(/[\w-]{20,}(@example\.com)?|\b[\w-]{1,19}@example\.com/g, word =>
				isRandom.test(word) ? this.#named(word, isNew) : word,
			);
	}

	#named(word: string, isNew: boolean): string {
		const known = this.#names.get(word);
		if (known) return known;
		if (!isNew) return "<new>";
		const kind = /^[a-z]+_(?=sandbox|[\da-f]{8}-)/.exec(word)?.[0] ?? "";
		const count = (this.#kinds.get(kind) ?? 0) + 1;
		this.#kinds.set(kind, count);
		const name = `<${kind}${count}>`;
		this.#names.set(word, name);
		return name;
	}

	#sight(id: unknown): Sight {
		const key = String(id);
		const known = this.#sights.get(key);
		if (known) return known;
		const made = { hooks: [], contexts: [], log: [] };
		this.#sights.set(key, made);
		return made;
	}

	/** Puts itself around moleculer-web's hooks and methods, and listens to local events. */
	#watch(): void {
		const { service } = this;
		const note = (hook: string, request: GatewayRequest, response: GatewayResponse, more = {}) =>
			this.#sight(response.getHeader("x-request-id")).hooks.push({
				hook,
				...standing(service, request, response),
				...more,
			});
		for (const route of service.routes) {
			const hook = route.onBeforeCall;
			route.onBeforeCall = async function (...args) {
				const [ctx, given, request, response, alias] = args as [
					unknown,
					unknown,
					GatewayRequest,
					GatewayResponse,
					unknown,
				];
				note("onBeforeCall", request, response, {
					isService: this === service,
					args: args.length,
					isContext: ctx === request.$ctx,
					isRoute: given === route && (request.$route as object) === route,
					isAlias: alias === request.$alias,
				});
				await hook.apply(this, args);
				note("prepared", request, response);
			};
		}
		for (const name of ["sendResponse", "sendError", "errorHandler", "send404"]) {
			const method = service[name] as Hook;
			service[name] = (...args: unknown[]) => {
				const [request, response, what] = args as [GatewayRequest, GatewayResponse, unknown];
				const said =
					name === "sendResponse" ? { result: textOfResult(what) } : { error: kindOf(what) };
				note(name, request, response, said);
				return method(...args);
			};
		}
		const { logger } = service;
		logger.error = (message: unknown, ...rest: unknown[]) => {
			const id = /request (\S+)$/.exec(String(message))?.[1];
			this.#sight(id).log.push(`${message} ${rest.map(error => (error as Error)?.name)}`);
		};
		(this.node.broker.localBus as unknown as { onAny(heard: (event: string) => void): void }).onAny(
			event => {
				if (!/^\$(node|services|transporter|broker|api)\b/.test(event)) this.events.push(event);
			},
		);
	}
}

/** Sees every context that an action runs in, and every one that leaves for another node. */
const watchContexts = (at: string, sights: readonly Map<string, Sight>[]): Middleware => {
	const note = (ctx: Context, kind: string): ContextSight | undefined => {
		const id = String(ctx.requestID);
		const side = sights[["fast-", "slow-"].findIndex(name => id.startsWith(name))];
		if (!side) return undefined;
		const { parentCtx, rawResult, timeout, ...options } = ctx.options as Record<string, unknown>;
		const { headers, params, meta } = ctx;
		const sight: ContextSight = {
			at,
			kind,
			id: ctx.id,
			parentID: ctx.parentID,
			action: ctx.action?.name,
			level: ctx.level,
			caller: ctx.caller,
			requestID: ctx.requestID,
			isParent: (parentCtx as Context | undefined)?.id === (ctx.parentID ?? undefined),
			hasTimeout: typeof timeout,
			options: copyOf(options),
			headers: copyOf(headers),
			meta: copyOf(meta),
			params: ctx.action?.name === "api.rest" ? null : copyOf(params),
			locals: copyOf(ctx.locals),
		};
		const known = side.get(id) ?? { hooks: [], contexts: [], log: [] };
		side.set(id, known);
		known.contexts.push(sight);
		return sight;
	};
	const wrap =
		(kind: string) =>
		(next: (ctx: Context) => Promise<unknown>, { name }: { name?: string }) =>
			name?.startsWith("$")
				? next
				: async function watch(this: unknown, ctx: Context) {
						const sight = note(ctx, kind);
						try {
							return await next.call(this, ctx);
						} catch (error) {
							if (sight) sight.error = kindOf(error);
							throw error;
						} finally {
							if (sight) sight.metaAfter = copyOf(ctx.meta);
						}
					};
	return {
		name: "Watch",
		localAction: wrap("local"),
		remoteAction: wrap("remote"),
	} as unknown as Middleware;
};

/**
 * What was called for a request, each with what called it, by names: ids of contexts are new each time. What followed
 * from a fact that it wrote has no parent, and comes when it comes.
 */
function placed(contexts: readonly ContextSight[]): string[] {
	const known = new Map(contexts.map(context => [context.id, context]));
	const pathOf = ({ action, parentID }: ContextSight): string => {
		const parent = parentID === null ? undefined : known.get(parentID);
		return `${parent ? pathOf(parent) : ""}/${action}`;
	};
	return contexts
		.filter(context => pathOf(context).startsWith("/api.rest"))
		.map(context => {
			const { id, parentID, ...rest } = context;
			return JSON.stringify({ path: pathOf(context), ...rest });
		});
}

/** What was not the same, where. */
export interface Difference {
	what: string;
	part: string;
	fast: string;
	slow: string;
}

/** A request and both its answers, the differences between them, and the status. */
export interface Compared {
	what: string;
	status: number;
	answers: readonly Answered[];
	differences: Difference[];
}

/** What ids and secrets have and words have not. */
const isRandom = /@|\d|[a-z].*[A-Z]|[A-Z].*[a-z]/;

/** A text without what tells the sides' requests from each other. */
const withoutTrace = (text: string): string =>
	text
		.replace(/\b(fast|slow)-/g, "side-")
		.replace(/\bt=\d+,n=\w+,v1=\w+/g, "<signature>")
		.replace(/\b00-[0-9a-f]{32}-[0-9a-f]{16}-0\d\b/g, "<trace>");

/** Headers that say when, and how long from now. */
const passing = (name: string, value: string): string => {
	if (/^date$/i.test(name)) return "<date>";
	if (/^ratelimit$/i.test(name)) return value.replace(/t=\d+/g, "t=<s>");
	if (/^retry-after$/i.test(name) && Number(value) > 30) return "<s>";
	return value;
};

/** Headers as lines; where bodies differ by what is random, their length is said to be that of the body. */
function headersOf({ headers, body }: Answered, isOwn = false): string {
	// The answer to a HEAD has none to compare it with.
	const lengths = new Set(isOwn ? [`${body.length}`, ...(body.length > 0 ? [] : headers)] : []);
	return headers
		.map((text, i) => {
			const name = headers[i - 1] as string;
			if (i % 2 === 0) return `${text}: `;
			return /^content-length$/i.test(name) && lengths.has(text)
				? "<length>\n"
				: `${passing(name, text)}\n`;
		})
		.join("");
}

/** Of a body that measures what is going on, what it is about. */
const topicsOf = (text: string): string =>
	text.startsWith("{") ? Object.keys(JSON.parse(text)).join() : text;

const headerOf = ({ headers }: Answered, name: string): string | undefined =>
	headers[headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name) + 1];

/** The two gateways, and what there is behind them. */
export class BothPaths {
	readonly fast: Side;
	readonly slow: Side;
	readonly nodes: readonly Node[];
	/** Whether both see the same data. */
	readonly isShared: boolean;
	#asked = 0;
	readonly #late: (() => Difference[])[] = [];

	constructor(fast: Side, slow: Side, nodes: readonly Node[], isShared: boolean) {
		this.fast = fast;
		this.slow = slow;
		this.nodes = nodes;
		this.isShared = isShared;
	}

	get sides(): readonly [Side, Side] {
		return [this.fast, this.slow];
	}

	/**
	 * Sends a request by both; another one by the second where each has its own things. What the hooks and contexts saw is
	 * compared by `rest`, once all is quiet.
	 */
	async compare(what: string, fast: Asked, slow?: Asked): Promise<Compared> {
		const name = `r${String(this.#asked++).padStart(6, "0")}`;
		const answers = await Promise.all([
			this.fast.ask(fast, name),
			this.slow.ask(slow ?? fast, name),
		]);
		const ids = answers.map(
			(answer, i) => headerOf(answer, "x-request-id") ?? `${this.sides[i]?.name}-${name}`,
		);
		const textOf = (i: number, text: string, isNew?: boolean) => {
			const known = text.replaceAll(ids[i] as string, "<request>");
			if (fast.isLive) return topicsOf(known);
			return slow ? (this.sides[i] as Side).named(known, isNew) : withoutTrace(known);
		};
		const differences: Difference[] = [];
		const [a, b] = answers.map((answer, i) => ({
			status: `${answer.status} ${answer.message}`,
			headers: textOf(i, headersOf(answer, slow !== undefined || fast.isLive)),
			body: textOf(i, answer.body.toString("latin1")),
		})) as [Parts, Parts];
		for (const part of ["status", "headers", "body"] as const)
			if (a[part] !== b[part]) differences.push({ what, part, fast: a[part], slow: b[part] });
		if (!fast.isLive)
			this.#late.push(() => this.#behind(what, ids, (i, text) => textOf(i, text, false)));
		return { what, status: (answers[0] as Answered).status, answers, differences };
	}

	/** Sends bytes on connections of their own; `side` in them is the side's name. */
	async compareBytes(what: string, sent: string): Promise<Difference[]> {
		const [fast = "", slow = ""] = await Promise.all(
			this.sides.map(async side => {
				const text = await side.bytes(sent.replaceAll("side-", `${side.name}-`));
				return withoutTrace(text)
					.replace(/^date: .*$/gim, "<date>")
					.replace(/\b[\da-f]{32}\b/g, "<request>");
			}),
		);
		assert.match(fast, /^HTTP\/1.1 /, what);
		return fast === slow ? [] : [{ what, part: "bytes", fast, slow }];
	}

	/** Where what stood behind the answers so far was not the same. */
	rest(): Difference[] {
		return this.#late.splice(0).flatMap(late => late());
	}

	#behind(
		what: string,
		ids: readonly string[],
		textOf: (i: number, text: string) => string,
	): Difference[] {
		const [a, b] = this.sides.map((side, i) => {
			const { hooks, contexts, log } = side.sightOf(ids[i] as string);
			return {
				hooks: hooks.map(hook => textOf(i, JSON.stringify(hook))),
				contexts: placed(contexts)
					.map(text => textOf(i, text))
					.sort(),
				log: log.map(text => textOf(i, text)),
			};
		}) as [Seen, Seen];
		return (["hooks", "contexts", "log"] as const).flatMap(part => {
			const [fast, slow] = [a[part], b[part]];
			const at = fast.findIndex((text, i) => text !== slow[i]);
			if (at === -1 && fast.length === slow.length) return [];
			const i = at === -1 ? fast.length : at;
			return [{ what, part: `${part} ${i}`, fast: fast[i] ?? "-", slow: slow[i] ?? "-" }];
		});
	}

	/** Waits until providers' webhooks are delivered and applied. */
	async applied(): Promise<void> {
		await Promise.all(this.#homes.map(({ broker }) => broker.call("sandbox.deliver")));
		for (const { school } of this.isShared ? [this.fast] : this.sides)
			await eventually(
				() => school.must("admin", "GET", "/api/payment-events?state=received"),
				({ total }) => total === 0,
			);
	}

	/** Waits until every fact has all its receipts. */
	async settled(): Promise<void> {
		await Promise.all(this.#homes.map(node => settled(node)));
	}

	/** The nodes whose data differ. */
	get #homes(): readonly Node[] {
		return this.isShared ? this.nodes.slice(2) : this.nodes;
	}

	/** What is still under way on any node; empty once all is quiet. */
	left(): string[] {
		return this.nodes.flatMap(({ broker }) => {
			const { transit, services, _trackedContexts } = broker as unknown as {
				transit?: { pendingRequests: { size: number } };
				services: { name: string; _trackedContexts?: Context[] }[];
				_trackedContexts: Context[];
			};
			const tracked = services.flatMap(service => service._trackedContexts ?? []);
			return [
				...[...tracked, ..._trackedContexts].map(
					ctx => `${broker.nodeID} ${ctx.action?.name ?? ctx.eventName} ${ctx.requestID}`,
				),
				...(transit?.pendingRequests.size ? [`${transit.pendingRequests.size} pending`] : []),
			];
		});
	}
}

interface Counted {
	name: string;
	get(): Promise<{
		values: { metricName?: string; labels: Record<string, string | number>; value: number }[];
	}>;
}

/** What is measured, and not counted, or is of a node's own rounds. */
const isOther =
	/_bucket|_sum|lag|^zeolite_fact|ready|api\.forget|auth\.(jwks|revoked)|facts\.(sweep|receipts)/;

/** Whether only the mesh calls it: consumers of facts do, as often as they come to it. */
const isOfMesh = (action: unknown): boolean => {
	const face = actions.get(String(action));
	return face !== undefined && aliasesOf(face).length === 0;
};

/** Counts of a gateway's metrics. */
export async function countsOf({ node }: Side): Promise<Map<string, number>> {
	const counts = new Map<string, number>();
	const families = node.platform.metrics.registry.getMetricsAsArray() as unknown as Counted[];
	for (const family of families.filter(({ name }) => /^(http|moleculer|zeolite)_/.test(name)))
		for (const { metricName, labels, value } of (await family.get()).values) {
			const series = `${metricName ?? family.name} ${JSON.stringify(labels)}`
				// moleculer-web's own 503 has no code.
				.replace(/(api\.rest.*)(INTERNAL_ERROR|SERVICE_UNAVAILABLE)/, "$1a fault");
			if (!isOther.test(series) && !isOfMesh(labels.action))
				counts.set(series, (counts.get(series) ?? 0) + value);
		}
	return counts;
}

/** What was counted between two looks. */
export const counted = (
	before: ReadonlyMap<string, number>,
	after: ReadonlyMap<string, number>,
): string[] =>
	[...after]
		.map(([series, value]) => `${series} ${value - (before.get(series) ?? 0)}`)
		.filter(line => !line.endsWith(" 0"))
		.sort();

/** The proof of who asks, for a request of theirs. */
export function proofOf(
	school: School,
	actor: Actor,
	{ method, path, text }: Asked,
	face: Parameters<typeof servicesOf>[0] | undefined,
): Record<string, string> {
	if (actor === "nobody") return {};
	if (actor !== "service" && actor !== "wrongService")
		return { authorization: `Bearer ${school.people[actor].token}` };
	const open = face ? servicesOf(face) : [];
	const systems = ["payment-service", "course-service", "file-service", "user-service"];
	const name = systems.find(system => open.includes(system) === (actor === "service"));
	return signed(name ?? "payment-service", method, path, String(text ?? ""));
}

/** Gateways by both paths: over NATS before one set of services, or each in a process with its own. */
export async function openBothPaths(
	t: TestContext,
	servers?: { nats: TestServer; mongo: TestServer; s3: TestServer },
): Promise<BothPaths> {
	const folders = [
		...(await findServices(root)),
		folderOf(odd, `${import.meta.dirname}/odd.ts`, "odd"),
		folderOf(away, "", "away"),
	];
	const domains = [...new Set(folders.map(({ domain }) => domain))].filter(d => d !== "away");
	const shared = {
		DATA_DIR: ":memory:",
		LOG_LEVEL: "fatal",
		RATE_LIMIT: "off",
		SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
		ADMIN_EMAIL: "admin@zeolite.example",
		ADMIN_PASSWORD: "admin-password",
		SANDBOX: "on",
		TRUSTED_PROXIES: "127.0.0.1",
		CORS_ORIGINS: "https://page.example",
		PUBLIC_URL: "http://both.example",
		MESH: domains.join(),
		NAMESPACE: `both${process.pid}${Date.now().toString(36)}`,
		...(servers && {
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
			...(await newBucket(t, servers.s3)).env,
		}),
	};
	const sights: [Map<string, Sight>, Map<string, Sight>] = [new Map(), new Map()];
	const start = async (at: string, env: Record<string, string>): Promise<Node> => {
		const node = await createNode({
			env: readEnv({ PORT: "0", ...shared, ...env }),
			folders,
			configure(platform, nodeID) {
				const options = brokerOptions(platform, nodeID, { checkResults: true });
				const middlewares = [watchContexts(at, sights), ...(options.middlewares ?? [])];
				const circuitBreaker = {
					...options.circuitBreaker,
					// Behind the gateways it would count what both of them sent.
					enabled: at !== "behind",
					// Both must be open when they are asked.
					halfOpenTime: 300_000,
				};
				return { ...options, middlewares, circuitBreaker };
			},
			identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
		});
		// What a machine that is short of time refuses, it refuses by chance.
		Object.defineProperty(node.platform.lag, "isOverloaded", { value: false });
		t.after(() => node.stop());
		await node.start();
		return node;
	};
	const gateway = async (name: "fast" | "slow"): Promise<Side> => {
		const port = await freePort();
		const node = await start("gateway", {
			PORT: String(port),
			FAST_PATH: name === "fast" ? "on" : "off",
			NODE_ID: `${name}-gateway`,
			SERVICES: servers ? "gateway" : domains.join(),
		});
		return new Side(name, node, `http://127.0.0.1:${port}`, sights[name === "fast" ? 0 : 1]);
	};
	const behind = servers
		? start("behind", { NODE_ID: "behind", SERVICES: domains.filter(d => d !== "gateway").join() })
		: undefined;
	const [node, fast, slow] = await Promise.all([behind, gateway("fast"), gateway("slow")]);
	t.after(() => {
		fast.stop();
		slow.stop();
	});
	const nodes = [fast.node, slow.node, ...(node ? [node] : [])];
	await Promise.all([fast.furnish(), slow.furnish()]);
	return new BothPaths(fast, slow, nodes, servers !== undefined);
}
