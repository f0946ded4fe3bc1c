import type { IncomingMessage, ServerResponse } from "node:http";
import helmet from "helmet";
import { platformProblem } from "../../../kernel/errors.ts";
import { newId } from "../../../kernel/ids.ts";
import { answerOps } from "../../../kernel/ops.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { clientAddress } from "./address.ts";
import type { Gateway, Request } from "./request.ts";
import { canonical } from "./rewrites.ts";

const requestIdForm = /^[A-Za-z0-9._-]{8,128}$/;

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

/** Keeps a well-formed id of the client's, else gives one; the only header by which moleculer-web knows it. */
function identify(request: Request, response: ServerResponse): void {
	const sent = request.headers["x-request-id"];
	const requestId = typeof sent === "string" && requestIdForm.test(sent) ? sent : newId("req");
	request.headers["x-request-id"] = requestId;
	delete request.headers["x-correlation-id"];
	response.setHeader("x-request-id", requestId);
}

/** Lets pages of these origins, by exact match, read the answer. @returns whether it was a preflight, now answered. */
function answerCors(
	origins: readonly string[],
	request: IncomingMessage,
	response: ServerResponse,
): boolean {
	const { origin } = request.headers;
	if (origins.length === 0) return false;
	response.setHeader("vary", "Origin");
	if (!origin || !origins.includes(origin)) return false;
	response.setHeader("access-control-allow-origin", origin);
	response.setHeader(
		"access-control-expose-headers",
		"X-Request-Id, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After",
	);
	if (request.method !== "OPTIONS") return false;
	response.writeHead(204, {
		"access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
		"access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, X-Request-Id",
		"access-control-max-age": "600",
	});
	response.end();
	return true;
}

function isDecodable(target: string): boolean {
	try {
		decodeURIComponent(target.split("?")[0] as string);
		return true;
	} catch {
		return false;
	}
}

/** A request as it comes off the wire, before moleculer-web sees it. */
export function receive(gateway: Gateway, request: Request, response: ServerResponse): void {
	const { env, metrics, problems } = platformOf(gateway.broker);
	const start = performance.now();
	identify(request, response);
	if (problems.has("draining")) response.setHeader("connection", "close");
	securityHeaders(request, response, () => {});
	if (answerOps(gateway.broker, request, response)) return;
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
		gateway.proxies,
	);
	if (answerCors(env.CORS_ORIGINS, request, response)) return;
	if (!isDecodable(request.target)) {
		const bad = platformProblem("BAD_REQUEST", undefined, "The path is badly encoded");
		gateway.sendError(request, response, bad);
		return;
	}
	request.url = canonical(request.target);
	gateway.httpHandler(request, response);
}
