import { IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { serviceOf } from "../../../kernel/contract.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { answerOps } from "../../../kernel/ops.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { runIn } from "../../../kernel/tracing/scope.ts";
import { traceIdOf } from "../../../kernel/tracing/traceparent.ts";
import { clientAddress } from "./address.ts";
import { pageInstead } from "./docs/problem-page.ts";
import { guardHead, originForm } from "./params.ts";
import type { Gateway, Request } from "./request.ts";
import { canonical } from "./rewrites.ts";
import { SecureResponse } from "./secure-response.ts";
import type { ClientFault } from "./server.ts";
import { tooBusy } from "./shedding.ts";
import { scopeOf, traceOf } from "./trace.ts";

const requestIdForm = /^[A-Za-z0-9._-]{8,128}$/;

/** One for all: what is refused because there is too much to do should cost nothing. */
const busy = tooBusy();

/**
 * Keeps a well-formed id of the client's, else gives that of the trace; the only header by which moleculer-web knows it.
 */
function identify(gateway: Gateway, request: Request, response: ServerResponse): void {
	const sent = request.headers["x-request-id"];
	const trace = traceOf(gateway, request);
	const isKept = typeof sent === "string" && requestIdForm.test(sent);
	const requestId = isKept ? sent : traceIdOf(trace.traceparent);
	request.headers["x-request-id"] = requestId;
	if (request.headers["x-correlation-id"] !== undefined) delete request.headers["x-correlation-id"];
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
		"access-control-allow-headers":
			"Authorization, Content-Type, Idempotency-Key, X-Request-Id, Traceparent, Tracestate",
		"access-control-max-age": "600",
	});
	response.end();
	return true;
}

/** The service that a request is for, as far as its first line tells. */
function serviceAsked(gateway: Gateway, { url = "/", method = "GET" }: Request): string {
	const query = url.indexOf("?");
	const path = query === -1 ? url : url.slice(0, query);
	const isOpen = path.length > 1 && path.endsWith("/");
	const found = gateway.resolveAlias(isOpen ? path.slice(0, -1) : path, method);
	return found ? serviceOf(found.alias.action) : "";
}

/** A request as it comes off the wire, before moleculer-web sees it. */
export function receive(gateway: Gateway, request: Request, response: ServerResponse): void {
	const { env, metrics, problems } = platformOf(gateway.broker);
	const start = performance.now();
	identify(gateway, request, response);
	if (problems.has("draining")) response.setHeader("connection", "close");
	try {
		guardHead(request);
	} catch (error) {
		response.setHeader("connection", "close");
		gateway.sendError(request, response, error);
		return;
	}
	request.url = originForm(request.url ?? "/");
	if (answerOps(gateway.broker, request, response)) return;
	response.on("finish", () =>
		metrics
			.httpTimes(request.$alias?.path, request.method ?? "", response.statusCode)
			.observe((performance.now() - start) / 1_000),
	);
	request.target = request.url;
	request.client = clientAddress(
		request.socket.remoteAddress ?? "",
		request.headers["x-forwarded-for"] as string | undefined,
		gateway.proxies,
	);
	if (answerCors(env.CORS_ORIGINS, request, response)) return;
	// By this header moleculer-web would run an action for what is no preflight of a page that is let in.
	if (request.headers["access-control-request-method"] !== undefined)
		delete request.headers["access-control-request-method"];
	request.url = pageInstead(request, response) ?? canonical(request.target);
	if (gateway.shedder.isFull(serviceAsked(gateway, request))) {
		gateway.sendError(request, response, busy);
		return;
	}
	runIn(scopeOf(gateway, request, response), () => gateway.httpHandler(request, response));
}

/** Answers what never became a request, or never ended, with its problem; the connection ends with it. */
export function refuse(gateway: Gateway, code: ClientFault, socket: Socket): void {
	// Node keeps the answer that is under way here; it asks the same before it answers by itself.
	const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: ServerResponse };
	if (underWay?.headersSent) return void socket.destroy();
	if ((underWay?.req as Request | undefined)?.isStream && !underWay?.req.complete) {
		// A stream takes as long as its action gives it; a silent one ends by the time-out of idle connections. One that
		// breaks off is told to the action by its end, which an answer would hide from it.
		if (code !== "REQUEST_TOO_SLOW") socket.destroy();
		return;
	}
	if (underWay?.req.complete) {
		// What came after a whole request: that one is answered yet.
		underWay.shouldKeepAlive = false;
		return;
	}
	const request = (underWay?.req ?? new IncomingMessage(socket)) as Request;
	const response = underWay ?? new SecureResponse(request);
	response.shouldKeepAlive = false;
	response.once("finish", () => socket.destroySoon());
	if (!underWay) {
		response.assignSocket(socket);
		identify(gateway, request, response);
	}
	response.setHeader("connection", "close");
	gateway.sendError(request, response, platformProblem(code));
}
