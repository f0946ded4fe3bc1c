import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { type Context, Errors } from "moleculer";
import { platformProblem } from "../../../kernel/errors.ts";
import { platformOf } from "../../../kernel/platform.ts";
import type { prepareCall } from "./admit.ts";
import { type Alias, contractOf, type Gateway, hasBody, type Request } from "./request.ts";

/** What moleculer-web hands on: an alias, and the params its path has. */
export interface Found {
	alias: Alias;
	params: object;
}

const literal = /^[\w.-]+$/;

/** The method and the first two segments of a path, by which most aliases can be told from each other. */
function keyOf(method: string, path: string): string {
	const second = path.indexOf("/", 1);
	if (second === path.length - 1) return keyOf(method, path.slice(0, -1));
	const third = path.indexOf("/", second + 1);
	const end = second === -1 || third === -1 ? path.length : third;
	return `${method} ${path.slice(0, end)}`.toLowerCase();
}

/**
 * Finds the alias that moleculer-web would find, without trying the pattern of each: the first, in its order, of those
 * that begin as the path does or with a param.
 */
export class AliasIndex {
	readonly #aliases: readonly Alias[];
	/** What was found last, for who asks again for the same request. */
	#last: { path: string; method: string; found: Found } | undefined;
	readonly #byKey = new Map<string, Alias[]>();
	readonly #others: Alias[] = [];

	constructor(aliases: readonly Alias[]) {
		this.#aliases = aliases;
		const isKeyed = ({ path }: Alias) =>
			path
				.split("/")
				.slice(0, 2)
				.every(part => literal.test(part));
		for (const alias of aliases) {
			if (!isKeyed(alias)) this.#others.push(alias);
			else this.#byKey.set(keyOf(alias.method, `/${alias.path}`), []);
		}
		for (const [key, bucket] of this.#byKey)
			bucket.push(
				...aliases.filter(
					alias => !isKeyed(alias) || keyOf(alias.method, `/${alias.path}`) === key,
				),
			);
	}

	/** Whether it was made of these. */
	isOf(aliases: readonly Alias[]): boolean {
		return this.#aliases === aliases;
	}

	find(path: string, method: string): Found | false {
		const last = this.#last;
		this.#last = undefined;
		if (last?.path === path && last.method === method) return last.found;
		for (const alias of this.#byKey.get(keyOf(method, path)) ?? this.#others) {
			if (alias.method !== method) continue;
			const params = alias.match(path);
			if (!params) continue;
			const found = { alias, params };
			this.#last = { path, method, found };
			return found;
		}
		return false;
	}
}

/** What one of moleculer-web's routes may have been told to do with a request. */
export interface Route {
	middlewares: readonly unknown[];
	onBeforeCall?: typeof prepareCall;
	onAfterCall?: unknown;
	authentication?: unknown;
	authorization?: unknown;
	callOptions?: object;
	cors?: object | null;
	rateLimit?: object;
	hasWhitelist: boolean;
	hasBlacklist: boolean;
	logging: boolean;
}

/** Whether a route does nothing but what `callAlias` does, too. */
export const isPlain = (route: Route): boolean =>
	route.middlewares.length === 0 &&
	!route.onAfterCall &&
	!route.authentication &&
	!route.authorization &&
	!route.callOptions &&
	!route.cors &&
	!route.rateLimit &&
	!route.hasWhitelist &&
	!route.hasBlacklist &&
	!route.logging;

/** What a request streams. One without a body has no end either (`optimizeEmptyRequests`). */
const bodyOf = (request: Request): Readable => (hasBody(request) ? request : Readable.from([]));

interface Endpoint {
	action: { visibility?: string };
}

interface Finder {
	findNextActionEndpoint(action: string, options: undefined, ctx: Context): Endpoint | Error;
}

/**
 * What moleculer-web does with a request whose alias is found, for the one kind of alias there is here: a plain call of an
 * action. The same is set on the request, the same hook runs, the same is refused. A result is handed on as it came.
 */
export async function callAlias(
	gateway: Gateway,
	ctx: Context,
	route: Route,
	request: Request,
	response: ServerResponse,
	{ alias, params }: Found,
): Promise<true> {
	const broker = gateway.broker as Finder;
	const { body, query } = request as { body?: unknown; query?: unknown };
	request.$route = route;
	(response as { $route?: Route }).$route = route;
	request.$params = { body, query, params };
	request.$alias = alias;
	const endpoint = broker.findNextActionEndpoint(alias.action, undefined, ctx);
	if (endpoint instanceof Errors.ServiceNotFoundError)
		throw platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 });
	if (endpoint instanceof Error) throw endpoint;
	const { visibility } = endpoint.action;
	if (visibility && visibility !== "published")
		throw new Errors.ServiceNotFoundError({ action: alias.action });
	request.$endpoint = endpoint;
	request.$action = endpoint.action;
	const prepared = route.onBeforeCall?.call(gateway, ctx, route, request, response, alias);
	if (prepared) await prepared;
	const { accepts, answers = "json" } = contractOf(platformOf(gateway.broker), alias);
	const options = {
		...(answers === "json" && { rawResult: true }),
		...(accepts === "stream" && { stream: bodyOf(request) }),
	};
	gateway.sendResponse(
		request,
		response,
		await ctx.call(endpoint as never, request.$params as never, options as never),
	);
	return true;
}
