import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import type { Context } from "moleculer";
import { type ActionContract, accessOf, type Identity } from "../../../kernel/contract.ts";
import type { Platform } from "../../../kernel/platform.ts";
import type { Place } from "../../../kernel/tracing/traceparent.ts";
import type { AliasIndex, Found } from "./fast-path.ts";
import type { Idempotency, Run } from "./idempotency.ts";
import type { Limiter } from "./limits.ts";
import type { Shedder } from "./shedding.ts";

/** One of moleculer-web's aliases: a method and path that lead to an action. */
export interface Alias {
	action: string;
	method: string;
	path: string;
	match(url: string): object | false;
}

/** What moleculer-web and the gateway keep on a request. */
export interface Request extends IncomingMessage {
	/** Path and query as the client sent them. */
	target: string;
	rawBody?: Buffer;
	/** Whether its body goes to the action as it comes in. */
	isStream?: boolean;
	/** The bearer token it came with. */
	token?: string | undefined;
	caller?: Identity | undefined;
	/** Address of the client. */
	client: string;
	trace: Place;
	/** Whether the trace is not its client's. */
	beginsTrace: boolean;
	parsedUrl: string;
	$alias?: Alias;
	$route?: object;
	$endpoint?: object;
	$action?: object;
	$service: Gateway;
	$params: unknown;
	/** Settles once moleculer-web's own way has come to its end. */
	$done?: unknown;
	/** Of a request under an `Idempotency-Key`: this run of it. */
	$run?: Run;
	$ctx?: Context<unknown, { $statusCode?: number }>;
}

/** The gateway's service, as its parts see it. */
export interface Gateway {
	broker: never;
	logger: { error(message: string, ...rest: unknown[]): void };
	server: Server;
	aliases: Alias[];
	limiter: Limiter;
	shedder: Shedder;
	proxies: BlockList;
	idempotency: Idempotency;
	aliasIndex?: AliasIndex;
	/** The alias of a path, HEAD being GET. */
	resolveAlias(path: string, method: string): Found | false;
	sendResponse(request: IncomingMessage, response: ServerResponse, result: unknown): void;
	httpHandler(request: IncomingMessage, response: ServerResponse): void;
	sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void;
	/** Proves the signature of another system's server; its name. */
	proveService(request: Request): Promise<string>;
}

export const contractOf = (platform: Platform, alias: Alias): ActionContract =>
	platform.contracts.action(alias.action) as ActionContract;

/** Whether other systems' servers may call it, by signature. */
export const isForServices = (contract: ActionContract): boolean =>
	accessOf(contract).some(rule => typeof rule === "object" && "service" in rule);

export const hasBody = (request: IncomingMessage): boolean =>
	Number(request.headers["content-length"] ?? 0) > 0 ||
	request.headers["transfer-encoding"] !== undefined;

export const isJson = (request: IncomingMessage): boolean =>
	/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(request.headers["content-type"] ?? "");

const bearer = /^Bearer +(\S+)$/i;

export const bearerOf = (request: IncomingMessage): string | undefined => {
	const { authorization } = request.headers;
	return authorization && bearer.exec(authorization)?.[1];
};

const noQuery = new URLSearchParams();

/** The query of a request target. */
export const queryOf = (target: string): URLSearchParams => {
	const mark = target.indexOf("?");
	return mark === -1 ? noQuery : new URLSearchParams(target.slice(mark + 1));
};
