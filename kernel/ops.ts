import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { platformOf } from "./platform.ts";
import { isSameSecret } from "./secrets.ts";

const loopback = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

const json = (response: ServerResponse, status: number, body: unknown): void => {
	response.writeHead(status, {
		"content-type": "application/json; charset=utf-8",
		"cache-control": "no-store",
		...(status === 503 && { "retry-after": "1" }),
	});
	response.end(JSON.stringify(body));
};

/** Services of the mesh that no node has announced. */
export const missingServices = (broker: ServiceBroker): string[] => {
	const there = new Set(
		broker.registry.getServiceList({ onlyAvailable: true }).map(service => service.name),
	);
	return [...platformOf(broker).mesh].filter(name => !there.has(name));
};

/** Whether this node can serve, by part. A service that is away elsewhere degrades, and does not fail. */
export function readiness(broker: ServiceBroker) {
	const { env, problems } = platformOf(broker);
	const missing = missingServices(broker);
	const check = (part: string) => problems.get(part) ?? "ok";
	const hasCache = (broker.cacher as { connected?: boolean } | null)?.connected !== false;
	const withoutRedis = env.mode === "mesh" ? "none" : "memory";
	const isDegraded = missing.length > 0 || !hasCache;
	const failed = problems.size > 0 || !broker.started;
	return {
		status: failed ? "unavailable" : isDegraded ? "degraded" : "ready",
		checks: {
			nats: env.NATS_URL ? check("nats") : "none",
			store: check("store"),
			cache: env.REDIS_URL ? (hasCache ? "ok" : "Redis is away") : withoutRedis,
			services: missing.length > 0 ? `missing: ${missing.join(", ")}` : "ok",
		},
		...(problems.has("draining") && { draining: true }),
	};
}

/**
 * Answers `/livez`, `/readyz` and `/metrics`, which every node has on its port.
 * @returns false where the path is another.
 */
export function answerOps(
	broker: ServiceBroker,
	request: IncomingMessage,
	response: ServerResponse,
): boolean {
	const path = request.url?.split("?")[0];
	if (request.method !== "GET" && request.method !== "HEAD") return false;
	if (path === "/livez") {
		json(response, 200, { status: "alive" });
		return true;
	}
	if (path === "/readyz") {
		const ready = readiness(broker);
		json(response, ready.status === "unavailable" ? 503 : 200, ready);
		return true;
	}
	if (path !== "/metrics") return false;
	const { env, metrics } = platformOf(broker);
	const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
	const local =
		loopback.has(request.socket.remoteAddress ?? "") && !request.headers["x-forwarded-for"];
	if (!local && !(env.METRICS_TOKEN && isSameSecret(bearer, env.METRICS_TOKEN))) {
		response.setHeader("www-authenticate", "Bearer");
		json(response, 401, { status: "METRICS_TOKEN is needed" });
		return true;
	}
	metrics.ready.set(readiness(broker).status === "unavailable" ? 0 : 1);
	void metrics.text().then(
		text => {
			response.writeHead(200, { "content-type": metrics.registry.contentType });
			response.end(text);
		},
		error => {
			broker.logger.error("The metrics could not be read", error);
			json(response, 503, { status: "the metrics could not be read" });
		},
	);
	return true;
}

/** The small server of a node that is no gateway. */
export function startOpsServer(broker: ServiceBroker): Promise<Server> {
	const { env } = platformOf(broker);
	const server = createServer((request, response) => {
		if (!answerOps(broker, request, response)) json(response, 404, { status: "not found" });
	});
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(env.PORT, env.HOST, () => resolve(server));
	});
}
