import {
	type Attributes,
	type Link,
	ROOT_CONTEXT,
	type Span,
	type SpanContext,
	SpanKind,
	SpanStatusCode,
	TraceFlags,
	type Tracer,
	trace,
} from "@opentelemetry/api";
import { codeOf } from "../errors.ts";
import { currentScope, runIn } from "./scope.ts";
import { isSampled, type Place, placeOf, spanIdOf, traceIdOf } from "./traceparent.ts";

/** What a span says; ids, names and codes only: never params, tokens, addresses, or what an error's message says. */
export interface About {
	name: string;
	kind: SpanKind;
	attributes?: Attributes;
	/** What also led to it, where that is of another trace. */
	link?: string | undefined;
}

/** A span under way, and the place of what it contains. */
export interface OpenSpan {
	span: Span;
	place: Place;
}

/** Hands the ids of a trace that begins here on to the SDK, which would make its own. */
export interface RootIds {
	next?: { traceId: string; spanId: string } | undefined;
}

/** Without the `tracestate`, in which a client may have put anything. */
const contextOf = ({ traceparent }: Place, isRemote: boolean): SpanContext => ({
	traceId: traceIdOf(traceparent),
	spanId: spanIdOf(traceparent),
	traceFlags: TraceFlags.SAMPLED,
	isRemote,
});

/** What a span is linked to may be recorded or not: it is found in the logs all the same. */
const linkTo = (traceparent: string): Link => ({
	context: {
		traceId: traceIdOf(traceparent),
		spanId: spanIdOf(traceparent),
		traceFlags: isSampled(traceparent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
	},
});

/** Makes the spans of this node. Whether a trace is recorded is known before: what is not costs a comparison. */
export class Spans {
	/** Of the traces that begin here, the share that is recorded, 0 to 1. */
	readonly share: number;
	readonly #tracer: Tracer;
	readonly #ids: RootIds;

	constructor(tracer: Tracer, ids: RootIds, share: number) {
		this.#tracer = tracer;
		this.#ids = ids;
		this.share = share;
	}

	/** A span below a place; undefined where its trace is not recorded. */
	below(place: Place, about: About): OpenSpan | undefined {
		if (!isSampled(place.traceparent)) return undefined;
		const isRemote = about.kind === SpanKind.SERVER || about.kind === SpanKind.CONSUMER;
		const parent = trace.setSpanContext(ROOT_CONTEXT, contextOf(place, isRemote));
		const span = this.#start(about, parent);
		const { traceId, spanId } = span.spanContext();
		return { span, place: { ...place, traceparent: placeOf(traceId, spanId, true) } };
	}

	/** The first span of a trace, which has the ids of the place; undefined where the trace is not recorded. */
	at(place: Place, about: About): OpenSpan | undefined {
		const { traceparent } = place;
		if (!isSampled(traceparent)) return undefined;
		this.#ids.next = { traceId: traceIdOf(traceparent), spanId: spanIdOf(traceparent) };
		const span = this.#start(about, ROOT_CONTEXT);
		this.#ids.next = undefined;
		return { span, place };
	}

	#start({ name, kind, attributes, link }: About, parent: typeof ROOT_CONTEXT): Span {
		const links = link ? [linkTo(link)] : [];
		return this.#tracer.startSpan(name, { kind, links, ...(attributes && { attributes }) }, parent);
	}
}

/** Writes down what a span ended with: the error's code, and whether it is a fault of ours. */
export function noteError(span: Span, error: unknown): void {
	span.setAttribute("error.type", codeOf(error) ?? "INTERNAL_ERROR");
	const { code: status } = (error ?? {}) as { code?: unknown };
	if (typeof status !== "number" || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Ends a span with the work it stands for. */
export async function ending<R>({ span }: OpenSpan, work: () => Promise<R>): Promise<R> {
	try {
		return await work();
	} catch (error) {
		noteError(span, error);
		throw error;
	} finally {
		span.end();
	}
}

/** Does a part of this scope's work in a span of its own, where its trace is recorded. */
export function inSpan<R>(about: About, work: () => Promise<R>): Promise<R> {
	const scope = currentScope();
	const { spans, traceparent, tracestate } = scope ?? {};
	const open = traceparent && spans?.below({ traceparent, tracestate }, about);
	if (!scope || !open) return work();
	return ending(open, () => runIn({ ...scope, ...open.place }, work));
}

/**
 * Does a part of this scope's work for what began elsewhere: in that one's trace, with a link to where this comes from.
 * @param origin `traceparent` of what began it; nothing changes where there is none, or it is of this trace.
 */
export function continuing<R>(
	origin: string | undefined,
	name: string,
	work: () => Promise<R>,
): Promise<R> {
	const scope = currentScope();
	const from = scope?.traceparent;
	if (!scope || !origin || (from && traceIdOf(from) === traceIdOf(origin))) return work();
	const place = { traceparent: origin };
	const open = scope.spans?.below(place, { name, kind: SpanKind.INTERNAL, link: from });
	const inside = { ...scope, tracestate: undefined, ...(open?.place ?? place) };
	const run = () => runIn(inside, work);
	return open ? ending(open, run) : run();
}

/** A copy of what calls an outside system, in which each of these calls is a span. */
export const spannedCalls = <T extends object>(
	system: string,
	target: T,
	calls: readonly (keyof T & string)[],
): T =>
	new Proxy(target, {
		get(_, name) {
			const value: unknown = Reflect.get(target, name, target);
			if (typeof value !== "function") return value;
			const about = {
				name: `${system}.${String(name)}`,
				kind: SpanKind.CLIENT,
				attributes: { "peer.service": system },
			};
			const isCall = calls.includes(name as never);
			return (...args: unknown[]) =>
				isCall ? inSpan(about, () => value.apply(target, args)) : value.apply(target, args);
		},
	});
