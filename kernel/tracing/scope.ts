import { AsyncLocalStorage } from "node:async_hooks";
import type { Audit } from "../audit.ts";
import { redact } from "../redact.ts";
import type { Spans } from "./spans.ts";
import { type Place, readCarried, traceIdOf } from "./traceparent.ts";

/** What is known of the request, action or fact that code runs for. */
export interface Scope extends Partial<Place> {
	/** As the client of the request has it in `X-Request-Id`. */
	requestId: string;
	/** Makes spans; there where this node exports them. */
	spans?: Spans | undefined;
	/** The audited action that is under way. */
	audit?: Audit | undefined;
}

const current = new AsyncLocalStorage<Scope>();

/** The scope this runs in; undefined for what nothing asked for. */
export const currentScope = (): Scope | undefined => current.getStore();

export const runIn = <R>(scope: Scope, run: () => R): R => current.run(scope, run);

/** Runs what a request happens to set off, and is of nobody's. */
export const runOutside = <R>(run: () => R): R => current.exit(run);

/** The place in a trace this runs at. */
export function currentPlace(): Place | undefined {
	const { traceparent, tracestate } = current.getStore() ?? {};
	if (!traceparent) return undefined;
	return tracestate ? { traceparent, tracestate } : { traceparent };
}

const entered = new WeakMap<object, Place>();

/** Says that a call runs in a span: what it does has its place below that. */
export function enter(call: object, place: Place): void {
	entered.set(call, place);
}

/** The scope of an action's run. */
export function scopeOfCall(
	call: { id: string; requestID: string | null; headers: Record<string, unknown> },
	spans: Spans | undefined,
): Scope {
	const place = (spans && entered.get(call)) ?? readCarried(call.headers);
	return {
		requestId: call.requestID ?? call.id,
		traceparent: place?.traceparent,
		tracestate: place?.tracestate,
		spans,
	};
}

/** What every line of the log says of the scope it is written in. A client may have put anything into its own id. */
export function logFields(): { requestId?: unknown; traceId?: string } {
	const scope = current.getStore();
	if (!scope) return {};
	const { requestId, traceparent } = scope;
	const traceId = traceparent && traceIdOf(traceparent);
	return {
		requestId: requestId === traceId ? requestId : redact(requestId),
		...(traceId && { traceId }),
	};
}
