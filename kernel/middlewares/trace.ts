import { SpanKind } from "@opentelemetry/api";
import type { ActionHandler, ActionSchema, Context, Middleware } from "moleculer";
import { platformOf } from "../platform.ts";
import { enter } from "../tracing/scope.ts";
import { ending } from "../tracing/spans.ts";
import { newPlace, readCarried, traceIdOf } from "../tracing/traceparent.ts";

interface Options {
	ctx?: Context;
	parentCtx?: Context;
	requestID?: string;
	headers?: Record<string, unknown>;
}

/**
 * What nobody asked for (a schedule, the console) begins a trace that is not recorded: it has ids for the log. An action
 * of a recorded trace is a span where it runs. Registered inside carry, and outside all that may refuse a call.
 */
export const traceMiddleware: Middleware = {
	name: "Trace",
	call(next: (action: unknown, params: unknown, options: Options) => Promise<unknown>) {
		return (action: unknown, params: unknown, options: Options = {}) => {
			if (options.ctx || options.headers?.traceparent) return next(action, params, options);
			const place = newPlace(0);
			const headers = { ...options.headers, ...place };
			const requestID = options.requestID ?? traceIdOf(place.traceparent);
			return next(
				action,
				params,
				options.parentCtx ? { ...options, headers } : { ...options, headers, requestID },
			);
		};
	},
	localAction(this: never, next: ActionHandler, action: ActionSchema) {
		const name = action.name ?? "";
		if (name.startsWith("$")) return next;
		const { contracts, tracing } = platformOf(this);
		const { spans } = tracing;
		if (!spans || !contracts.action(name)) return next;
		const service = action.service?.name ?? "";
		const attributes = {
			"rpc.system": "moleculer",
			"rpc.service": service,
			"rpc.method": name.slice(service.length + 1),
		};
		return function traced(this: never, ctx: Context) {
			const place = readCarried(ctx.headers);
			const kind = ctx.nodeID === ctx.broker.nodeID ? SpanKind.INTERNAL : SpanKind.SERVER;
			const open = place && spans.below(place, { name, kind, attributes });
			if (!open) return next.call(this, ctx);
			enter(ctx, open.place);
			return ending(open, () => next.call(this, ctx));
		};
	},
} as unknown as Middleware;
