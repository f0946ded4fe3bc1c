import type { ServerResponse } from "node:http";
import type { Context, ServiceSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import { type ActionContract, aliasesOf } from "../../../kernel/contract.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { isMeeting, reached } from "../../../kernel/middlewares/reach.ts";
import { type Platform, platformOf } from "../../../kernel/platform.ts";
import { trustedProxies } from "./address.ts";
import { admit, prepareCall } from "./admit.ts";
import { sendProblem, sendResult } from "./answer.ts";
import { AliasIndex, callAlias, type Found, isPlain, type Route } from "./fast-path.ts";
import { makeLimiter } from "./limits.ts";
import { receive, refuse } from "./receive.ts";
import type { Alias, Gateway, Request } from "./request.ts";
import { drain, makeServer, serverLimits } from "./server.ts";
import { Shedder } from "./shedding.ts";

/** How long a load balancer may take to see that a gateway is not ready. */
const noticeMs = 2_000;

/** moleculer-web's own methods, for those that are wrapped here. */
const stock = ApiGateway.methods as Record<
	"resolveAlias" | "routeHandler" | "aliasHandler",
	(...args: unknown[]) => unknown
>;

type Accepts = NonNullable<ActionContract["accepts"]>;

/** Aliases in moleculer-web's form, of the actions that take this kind of body. */
const aliasesFor = ({ contracts }: Platform, accepts: Accepts): Record<string, string> =>
	Object.fromEntries(
		[...contracts.actions]
			.filter(([, action]) => (action.accepts ?? "json") === accepts)
			.flatMap(([name, action]) => aliasesOf(action).map(alias => [alias, name])),
	);

const allowedMethods = (aliases: readonly Alias[], path: string): string[] => [
	...new Set(aliases.filter(alias => alias.match(path)).map(alias => alias.method)),
];

/** moleculer-web's routes: what takes JSON, what takes raw bytes, and what takes them as they come. */
function routesOf(platform: Platform): object[] {
	const common = {
		path: "/",
		mappingPolicy: "restrict",
		mergeParams: false,
		bodyParsers: false,
		logging: false,
		onBeforeCall: prepareCall,
	};
	return (["json", "raw", "stream"] as const).map(accepts => ({
		...common,
		name: accepts,
		aliases: aliasesFor(platform, accepts),
	}));
}

/** moleculer-web with this product's edge: its own server, routes from contracts, one place for every check. */
export const gatewayMixin = {
	mixins: [ApiGateway as unknown as Partial<ServiceSchema>],

	// moleculer-web can change routes at run time; here they are the contracts' and nobody's else.
	actions: { listAliases: false, addRoute: false, removeRoute: false },

	merged(this: { broker: object }, schema: ServiceSchema) {
		const platform = platformOf(this.broker);
		// Every request runs in this action: its queue would hold back what is to be refused at once.
		Object.assign(schema.actions?.rest as object, { bulkhead: { enabled: false } });
		Object.assign(schema.settings as object, {
			server: platform.env.PORT !== 0,
			port: platform.env.PORT,
			ip: platform.env.HOST,
			logRequest: null,
			logRequestParams: null,
			logResponse: null,
			logRouteRegistration: null,
			routes: routesOf(platform),
		});
	},

	created(this: Gateway) {
		const { env, lag, metrics, runners } = platformOf(this.broker);
		this.shedder = new Shedder(lag, metrics);
		this.limiter = makeLimiter(env.RATE_LIMIT, env.REDIS_URL, env.NAMESPACE);
		this.proxies = trustedProxies(env.TRUSTED_PROXIES);
		void runners.add({
			start: async () => {},
			stop: async () => {
				if (this.server) await drain(this.server, env.mode === "mesh" ? noticeMs : 0);
				await this.limiter.close();
			},
		});
	},

	methods: {
		createServer(this: Gateway) {
			const { REQUEST_TIMEOUT_MS } = platformOf(this.broker).env;
			this.server = makeServer(
				{
					handle: (request, response) => receive(this, request as Request, response),
					refuse: (code, socket) => refuse(this, code, socket),
				},
				{ ...serverLimits, idleMs: serverLimits.idleMs + REQUEST_TIMEOUT_MS },
			);
		},

		/** HEAD is GET without a body. */
		resolveAlias(this: Gateway, url: string, method = "OPTIONS") {
			const asked = method === "HEAD" ? "GET" : method;
			if (!platformOf(this.broker).env.FAST_PATH) return stock.resolveAlias.call(this, url, asked);
			if (!this.aliasIndex?.isOf(this.aliases)) this.aliasIndex = new AliasIndex(this.aliases);
			return this.aliasIndex.find(url, asked);
		},

		async routeHandler(
			this: Gateway,
			ctx: Context,
			route: Route,
			request: Request,
			response: ServerResponse,
			found?: Found,
		) {
			if (!found) {
				const allow = allowedMethods(this.aliases, request.parsedUrl);
				throw allow.length > 0
					? platformProblem("METHOD_NOT_ALLOWED", { allow: allow.join(", ") })
					: platformProblem("NOT_FOUND");
			}
			request.$alias = found.alias;
			await admit(this, request, response, found.alias);
			if (isMeeting(this.broker, found.alias.action))
				await reached(this.broker, found.alias.action);
			// moleculer-web's own way would hand on a body as it thinks fit.
			const isOurs = platformOf(this.broker).env.FAST_PATH || request.isStream;
			if (isOurs && isPlain(route)) return callAlias(this, ctx, route, request, response, found);
			const result = await stock.routeHandler.call(this, ctx, route, request, response, found);
			// It takes a request for done once its client has gone; what fails after that is not to be lost.
			await request.$done;
			return result;
		},

		aliasHandler(this: Gateway, request: Request, response: ServerResponse, alias: Alias) {
			request.$done = stock.aliasHandler.call(this, request, response, alias);
			return request.$done;
		},

		sendResponse(this: Gateway, request: Request, response: ServerResponse, result: unknown) {
			// What cannot be written (a result that is no JSON) is a fault, too.
			sendResult(this, request, response, result).catch(fault =>
				this.sendError(request, response, fault),
			);
		},

		sendError(this: Gateway, request: Request, response: ServerResponse, error: unknown) {
			sendProblem(this, request, response, error).catch(fault =>
				sendProblem(this, request, response, fault),
			);
		},

		send404(this: Gateway, request: Request, response: ServerResponse) {
			this.sendError(request, response, platformProblem("NOT_FOUND"));
		},

		errorHandler(this: Gateway, request: Request, response: ServerResponse, error: unknown) {
			this.sendError(request, response, error);
		},
	},
} as unknown as Partial<ServiceSchema>;
