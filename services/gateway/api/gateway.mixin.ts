import type { IncomingMessage, Server, ServerResponse } from "node:http";
import helmet from "helmet";
import type { Context, ServiceSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import {
	type ActionContract,
	accessOf,
	aliasesOf,
	type Identity,
	statusesOf,
} from "../../../kernel/contract.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { newId } from "../../../kernel/ids.ts";
import { authorize } from "../../../kernel/middlewares/access.ts";
import { answerOps } from "../../../kernel/ops.ts";
import { type Platform, platformOf } from "../../../kernel/platform.ts";
import { clientAddress, trustedProxies } from "./address.ts";
import { type Limiter, makeLimiter } from "./limits.ts";
import { guardDepth, paramsOf } from "./params.ts";
import { problemAnswer } from "./problems.ts";
import { canonical } from "./rewrites.ts";
import { drain, makeServer } from "./server.ts";

/** moleculer-web's own methods, for those that are wrapped here. */
const stock = ApiGateway.methods as Record<
	"resolveAlias" | "routeHandler",
	(...args: unknown[]) => unknown
>;

const bodyLimit = 256 * 1024;
const requestIdForm = /^[A-Za-z0-9._-]{8,128}$/;

interface Alias {
	action: string;
	method: string;
	path: string;
	match(url: string): unknown;
}

/** What moleculer-web and this mixin keep on a request. */
export interface Request extends IncomingMessage {
	/** Path and query as the client sent them. */
	target: string;
	rawBody?: Buffer;
	body?: unknown;
	caller?: Identity;
	client: string;
	parsedUrl: string;
	$alias?: Alias;
	$params: unknown;
}

interface Gateway {
	broker: never;
	logger: { error(message: string, ...rest: unknown[]): void };
	server: Server;
	aliases: Alias[];
	limiter: Limiter;
	proxies: ReturnType<typeof trustedProxies>;
	httpHandler(request: IncomingMessage, response: ServerResponse): void;
	sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void;
	/** Proves the signature of another system's server; its name. */
	proveService(request: Request): Promise<string>;
}

const securityHeaders = helmet({
	contentSecurityPolicy: {
		useDefaults: false,
		directives: {
			defaultSrc: ["'none'"],
			scriptSrc: ["'self'"],
			styleSrc: ["'self'"],
			imgSrc: ["'self'"],
			connectSrc: ["'self'"],
			baseUri: ["'none'"],
			formAction: ["'self'"],
			frameAncestors: ["'none'"],
		},
	},
});

const contractOf = (platform: Platform, alias: Alias): ActionContract =>
	platform.contracts.action(alias.action) as ActionContract;

const hasBody = (request: IncomingMessage): boolean =>
	Number(request.headers["content-length"] ?? 0) > 0 ||
	request.headers["transfer-encoding"] !== undefined;

const isJson = (request: IncomingMessage): boolean =>
	/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(request.headers["content-type"] ?? "");

const bearerOf = (request: IncomingMessage): string | undefined =>
	/^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];

/** Aliases in moleculer-web's form, of the actions that take this kind of body. */
const aliasesFor = ({ contracts }: Platform, accepts: "json" | "raw"): Record<string, string> =>
	Object.fromEntries(
		[...contracts.actions]
			.filter(([, action]) => (action.accepts ?? "json") === accepts)
			.flatMap(([name, action]) => aliasesOf(action).map(alias => [alias, name])),
	);

const allowedMethods = (aliases: readonly Alias[], path: string): string[] => [
	...new Set(aliases.filter(alias => alias.match(path)).map(alias => alias.method)),
];

function writeCors(
	origins: readonly string[],
	request: IncomingMessage,
	response: ServerResponse,
): void {
	const { origin } = request.headers;
	if (origins.length === 0) return;
	response.setHeader("vary", "Origin");
	if (!origin || !origins.includes(origin)) return;
	response.setHeader("access-control-allow-origin", origin);
	response.setHeader(
		"access-control-expose-headers",
		"X-Request-Id, RateLimit, RateLimit-Policy, Retry-After",
	);
}

/** moleculer-web with this product's edge: its own server, routes from contracts, one place for every check. */
export const gatewayMixin = {
	mixins: [ApiGateway as unknown as Partial<ServiceSchema>],

	// moleculer-web can change routes at run time; here they are the contracts' and nobody's else.
	actions: { listAliases: false, addRoute: false, removeRoute: false },

	merged(this: { broker: object }, schema: ServiceSchema) {
		const platform = platformOf(this.broker);
		const common = {
			path: "/",
			mappingPolicy: "restrict",
			mergeParams: false,
			logging: false,
			onBeforeCall: prepareCall,
		};
		Object.assign(schema.settings as object, {
			server: platform.env.PORT !== 0,
			port: platform.env.PORT,
			ip: platform.env.HOST,
			logRequest: null,
			logRequestParams: null,
			logResponse: null,
			logRouteRegistration: null,
			routes: [
				{
					...common,
					name: "json",
					aliases: aliasesFor(platform, "json"),
					bodyParsers: {
						json: {
							limit: bodyLimit,
							inflate: false,
							strict: false,
							type: isJson,
							verify: (request: Request, _: unknown, body: Buffer) => {
								request.rawBody = body;
								guardDepth(body);
							},
						},
					},
				},
				{
					...common,
					name: "raw",
					aliases: aliasesFor(platform, "raw"),
					bodyParsers: { raw: { limit: bodyLimit, inflate: false, type: () => true } },
				},
			],
		});
	},

	created(this: Gateway) {
		const { env, runners } = platformOf(this.broker);
		this.limiter = makeLimiter(env.RATE_LIMIT, env.REDIS_URL, env.NAMESPACE);
		this.proxies = trustedProxies(env.TRUSTED_PROXIES);
		void runners.add({
			start: async () => {},
			stop: async () => {
				if (this.server) await drain(this.server);
				await this.limiter.close();
			},
		});
	},

	methods: {
		createServer(this: Gateway) {
			this.server = makeServer((request, response) =>
				receive.call(this, request as Request, response),
			);
		},

		/** HEAD is GET without a body. */
		resolveAlias(this: Gateway, url: string, method = "GET") {
			return stock.resolveAlias.call(this, url, method === "HEAD" ? "GET" : method);
		},

		/** Whatever can be refused before the body is read is refused here. */
		async routeHandler(
			this: Gateway,
			ctx: Context,
			route: object,
			request: Request,
			response: ServerResponse,
			found?: { alias: Alias; params: unknown },
		) {
			if (!found) {
				const allow = allowedMethods(this.aliases, request.parsedUrl);
				throw allow.length > 0
					? platformProblem("METHOD_NOT_ALLOWED", { allow: allow.join(", ") })
					: platformProblem("NOT_FOUND");
			}
			request.$alias = found.alias;
			await admit.call(this, request, response, found.alias);
			return stock.routeHandler.call(this, ctx, route, request, response, found);
		},

		sendResponse(this: Gateway, request: Request, response: ServerResponse, data: unknown) {
			const contract = contractOf(platformOf(this.broker), request.$alias as Alias);
			const [status, ...others] = statusesOf(contract) as [number, ...number[]];
			const chosen = (request as unknown as { $ctx: Context<unknown, { $statusCode?: number }> })
				.$ctx.meta.$statusCode;
			response.statusCode = chosen && others.includes(chosen) ? chosen : status;
			if (contract.answers === "file") {
				const { contentType, content } = data as { contentType: string; content: string };
				response.setHeader("content-type", contentType);
				response.end(content);
				return;
			}
			if (response.statusCode === 204) return void response.end();
			if (request.headers.authorization) response.setHeader("cache-control", "no-store");
			response.setHeader("content-type", "application/json; charset=utf-8");
			response.end(JSON.stringify(data));
		},

		sendError(this: Gateway, request: Request, response: ServerResponse, error: unknown) {
			if (response.headersSent) return void response.destroy();
			const { contracts } = platformOf(this.broker);
			const requestId = response.getHeader("x-request-id") as string;
			const answer = problemAnswer(error, contracts, requestId, request.$alias?.action);
			if (answer.isFault)
				this.logger.error(
					`${request.method} ${request.parsedUrl} failed, request ${requestId}`,
					error,
				);
			const limits = (error as { headers?: Record<string, string> } | undefined)?.headers ?? {};
			response.writeHead(answer.body.status, {
				...limits,
				...answer.headers,
				"cache-control": "no-store",
				"content-type": "application/problem+json",
				...(hasBody(request) && !request.complete && { connection: "close" }),
			});
			response.end(JSON.stringify(answer.body));
		},

		send404(this: Gateway, request: Request, response: ServerResponse) {
			this.sendError(request, response, platformProblem("NOT_FOUND"));
		},

		errorHandler(this: Gateway, request: Request, response: ServerResponse, error: unknown) {
			this.sendError(request, response, error);
		},
	},
} as unknown as Partial<ServiceSchema>;

/** A request as it comes off the wire, before moleculer-web sees it. */
function receive(this: Gateway, request: Request, response: ServerResponse): void {
	const { env, metrics, problems } = platformOf(this.broker);
	const start = performance.now();
	const sent = request.headers["x-request-id"];
	const requestId = typeof sent === "string" && requestIdForm.test(sent) ? sent : newId("req");
	request.headers["x-request-id"] = requestId;
	delete request.headers["x-correlation-id"];
	response.setHeader("x-request-id", requestId);
	if (problems.has("draining")) response.setHeader("connection", "close");
	securityHeaders(request, response, () => {});
	if (answerOps(this.broker, request, response)) return;
	response.once("finish", () =>
		metrics.http.observe(
			{
				route: request.$alias ? `/${request.$alias.path}`.replace("//", "/") : "none",
				method: request.method ?? "",
				status: String(response.statusCode),
			},
			(performance.now() - start) / 1000,
		),
	);
	request.target = request.url ?? "/";
	request.client = clientAddress(
		request.socket.remoteAddress ?? "",
		request.headers["x-forwarded-for"] as string | undefined,
		this.proxies,
	);
	writeCors(env.CORS_ORIGINS, request, response);
	if (request.method === "OPTIONS" && response.hasHeader("access-control-allow-origin")) {
		response.writeHead(204, {
			"access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
			"access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, X-Request-Id",
			"access-control-max-age": "600",
		});
		response.end();
		return;
	}
	try {
		decodeURIComponent(request.target.split("?")[0] as string);
	} catch {
		this.sendError(
			request,
			response,
			platformProblem("BAD_REQUEST", undefined, "The path is badly encoded"),
		);
		return;
	}
	request.url = canonical(request.target);
	this.httpHandler(request, response);
}

/** Who is asking, whether they ask too often, and whether they may call this at all. */
async function admit(
	this: Gateway,
	request: Request,
	response: ServerResponse,
	alias: Alias,
): Promise<void> {
	const platform = platformOf(this.broker);
	const contract = contractOf(platform, alias);
	const token = bearerOf(request);
	if (request.headers.authorization && !contract.ignoresToken) {
		if (!token) throw platformProblem("UNAUTHENTICATED");
		request.caller = await platform.tokens.verify(token, 0);
	}
	const limits = await this.limiter.take(request.caller?.id ?? request.client);
	for (const [name, value] of Object.entries(limits)) response.setHeader(name, value);
	const forServices = accessOf(contract).some(
		rule => typeof rule === "object" && "service" in rule,
	);
	if (forServices && !request.headers["x-service-signature"] && !request.caller)
		throw platformProblem("SERVICE_SIGNATURE_INVALID");
	if (!forServices) authorize(contract, request.caller, undefined, false);
	if ((contract.accepts ?? "json") === "json" && hasBody(request) && !isJson(request))
		throw platformProblem("UNSUPPORTED_MEDIA_TYPE");
}

/** Puts the params together and says, in headers that go one way, who is calling. */
async function prepareCall(
	this: Gateway,
	ctx: Context,
	_route: object,
	request: Request,
	_response: ServerResponse,
	alias: Alias,
): Promise<void> {
	const platform = platformOf(this.broker);
	const contract = contractOf(platform, alias);
	const forServices = accessOf(contract).some(
		rule => typeof rule === "object" && "service" in rule,
	);
	let service: string | undefined;
	if (forServices) {
		if (request.headers["x-service-signature"]) service = await this.proveService(request);
		authorize(contract, request.caller, service, false);
	}
	const token = bearerOf(request);
	(ctx.locals as { headers?: object }).headers = {
		...(token && (contract.ignoresToken ? { bearer: token } : { token })),
		...(service && { service }),
		address: request.client,
		userAgent: request.headers["user-agent"]?.slice(0, 200),
	};
	const path = (request.$params as { params?: Record<string, string> }).params ?? {};
	request.$params =
		contract.accepts === "raw"
			? {
					...path,
					headers: request.headers,
					body: ((request.body as Buffer | undefined) ?? Buffer.alloc(0)).toString("base64"),
				}
			: paramsOf(contract.params, {
					method: request.method ?? "GET",
					path,
					query: new URL(request.target, "http://localhost").searchParams,
					body: request.body,
				});
}
