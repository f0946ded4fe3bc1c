import type { ServerResponse } from "node:http";
import { type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { platformOf } from "../../../kernel/platform.ts";
import { redact } from "../../../kernel/redact.ts";
import type { Scope } from "../../../kernel/tracing/scope.ts";
import { newPlace, type Place, readPlace, traceIdOf } from "../../../kernel/tracing/traceparent.ts";
import type { Gateway, Request } from "./request.ts";

/** A request's place in a trace: in its client's, or where one begins with it. */
export function traceOf(gateway: Gateway, request: Request): Place {
	const { spans } = platformOf(gateway.broker).tracing;
	const sent = readPlace(request.headers);
	request.trace = sent ?? newPlace(spans?.share ?? 0);
	request.beginsTrace = sent === undefined;
	return request.trace;
}

/** What all that is done for a request runs in; its span, where there is one, ends with its answer. */
export function scopeOf(gateway: Gateway, request: Request, response: ServerResponse): Scope {
	const { spans } = platformOf(gateway.broker).tracing;
	const { trace, beginsTrace, method = "" } = request;
	const requestId = request.headers["x-request-id"] as string;
	if (!spans) return { requestId, ...trace };
	const about = {
		name: method,
		kind: SpanKind.SERVER,
		attributes: {
			"http.request.method": method,
			...(requestId !== traceIdOf(trace.traceparent) && {
				"request.id": redact(requestId) as string,
			}),
		},
	};
	const open = beginsTrace ? spans.at(trace, about) : spans.below(trace, about);
	if (open) response.once("close", () => end(open.span, request, response));
	return { requestId, ...(open?.place ?? trace), spans };
}

/** The route as contracts have it, never the path that was sent. */
function end(span: Span, { method, $alias }: Request, response: ServerResponse): void {
	const { statusCode, writableFinished } = response;
	if ($alias) {
		const route = `/${$alias.path}`.replace("//", "/");
		span.updateName(`${method} ${route}`).setAttribute("http.route", route);
	}
	if (writableFinished) span.setAttribute("http.response.status_code", statusCode);
	else span.setAttribute("error.type", "CLIENT_GONE");
	if (writableFinished && statusCode >= 500)
		span.setAttribute("error.type", String(statusCode)).setStatus({ code: SpanStatusCode.ERROR });
	span.end();
}
