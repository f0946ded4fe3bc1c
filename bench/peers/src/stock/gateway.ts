// Moleculer and moleculer-web as their documents show them: authenticate() puts the user into meta, which travels.
import { type Context, Errors, ServiceBroker } from "moleculer";
import ApiGateway from "moleculer-web";
import { isReady } from "../common/bench";
import { metricsText, observe } from "../common/metrics";
import { bearer, Tokens, type User } from "../common/tokens";
import { nextHop } from "../common/trace";

const { PORT, NATS_URL = "", NAMESPACE = "" } = process.env;
const tokens = new Tokens();

interface Incoming {
	headers: Record<string, string | undefined>;
	method: string;
}

interface Outgoing {
	statusCode: number;
	once(event: "finish", listener: () => void): void;
}

const broker = new ServiceBroker({
	namespace: NAMESPACE,
	nodeID: `gateway-${process.pid}`,
	transporter: { type: "NATS", options: { servers: NATS_URL } },
	logLevel: "warn",
	requestTimeout: 10_000,
	circuitBreaker: { enabled: true },
});

broker.createService({
	name: "api",
	mixins: [ApiGateway as never],
	settings: {
		port: Number(PORT),
		ip: "127.0.0.1",
		rateLimit: {
			window: 60_000,
			limit: 1_000_000,
			headers: true,
			key: (request: Incoming) => request.headers.authorization,
		},
		routes: [
			{
				path: "/api/bench",
				authentication: true,
				bodyParsers: { json: true },
				aliases: {
					"GET /courses/:id": "courses.get",
					"POST /courses/:id/ratings": "courses.rate",
				},
				onBeforeCall(
					ctx: Context<unknown, { traceparent: string }>,
					_route: object,
					request: Incoming,
					response: Outgoing,
					alias: { fullPath: string },
				) {
					const start = performance.now();
					ctx.meta.traceparent = nextHop(request.headers.traceparent);
					response.once("finish", () =>
						observe(
							alias.fullPath,
							request.method,
							response.statusCode,
							(performance.now() - start) / 1_000,
						),
					);
				},
			},
			{ path: "/", aliases: { "GET /metrics": "metrics.text" } },
		],
	},
	methods: {
		async authenticate(
			ctx: Context<unknown, { token: string }>,
			_route: object,
			request: Incoming,
		): Promise<User> {
			try {
				const token = bearer(request.headers.authorization) ?? "";
				const user = tokens.verify(token);
				ctx.meta.token = token;
				return user;
			} catch {
				throw new Errors.MoleculerClientError("Unauthorized", 401, "UNAUTHORIZED");
			}
		},
	},
});

broker.createService({
	name: "metrics",
	actions: {
		text: {
			async handler(ctx: Context<unknown, { $responseType: string }>) {
				ctx.meta.$responseType = "text/plain";
				return metricsText();
			},
		},
	},
});

void broker
	.start()
	.then(() => broker.waitForServices("courses"))
	.then(isReady);
