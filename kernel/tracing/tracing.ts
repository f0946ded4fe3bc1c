import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import { Counter, type Registry } from "prom-client";
import type { Env } from "../env.ts";
import { within } from "../within.ts";
import { runOutside } from "./scope.ts";
import { type RootIds, Spans } from "./spans.ts";
import { newSpanId, newTraceId } from "./traceparent.ts";

const mostWaiting = 2_048;
/** Making one ready to be sent holds up the process for about a millisecond. */
const batch = 128;
const everyMs = 2_000;
const collectorMs = 5_000;
const flushMs = 2_000;
const warnEveryMs = 60_000;

/** What a node holds of traces. */
export interface Tracing {
	/** There where spans are exported. */
	spans?: Spans;
	/** Sends what waits, for two seconds at most. */
	stop(): Promise<void>;
}

/** Traces without spans: ids are passed on. */
export const noTracing: Tracing = { stop: async () => {} };

export interface TracingNeeds {
	env: Pick<
		Env,
		| "OTEL_EXPORTER_OTLP_ENDPOINT"
		| "OTEL_EXPORTER_OTLP_HEADERS"
		| "OTEL_TRACES_SAMPLER_ARG"
		| "NAMESPACE"
		| "SERVICES"
	>;
	nodeID: string;
	registry: Registry;
	warn(message: string): void;
}

/** Counts spans that do not reach the collector and says so, once a minute at most. */
class Losses {
	readonly #counter: Counter;
	readonly #warn: (message: string) => void;
	#unsaid = 0;
	#saidAt = Number.NEGATIVE_INFINITY;

	constructor({ registry, warn }: Pick<TracingNeeds, "registry" | "warn">) {
		this.#warn = warn;
		this.#counter = new Counter({
			name: "zeolite_spans_lost_total",
			help: "Spans that the collector did not take",
			registers: [registry],
		});
	}

	add(spans: number, reason: string): void {
		this.#counter.inc(spans);
		this.#unsaid += spans;
		const now = performance.now();
		if (now - this.#saidAt < warnEveryMs) return;
		runOutside(() => this.#warn(`Lost spans: ${this.#unsaid}, ${reason}`));
		this.#saidAt = now;
		this.#unsaid = 0;
	}
}

/** Hands spans to the batches as long as few wait: of a collector that hangs or is away no more is kept than that. */
class Bounded implements SpanProcessor {
	readonly #next: SpanProcessor;
	readonly #losses: Losses;
	#waiting = 0;

	/** @param batching makes the processor that sends by the exporter it is given. */
	constructor(
		exporter: SpanExporter,
		losses: Losses,
		batching: (exporter: SpanExporter) => SpanProcessor,
	) {
		this.#losses = losses;
		this.#next = batching({
			export: (spans, done) =>
				exporter.export(spans, result => {
					this.#waiting -= spans.length;
					if (result.code !== 0) losses.add(spans.length, reasonOf(result.error));
					done(result);
				}),
			shutdown: () => exporter.shutdown(),
		});
	}

	onStart(): void {}

	onEnd(span: ReadableSpan): void {
		if (this.#waiting >= mostWaiting) {
			this.#losses.add(1, `${mostWaiting} wait already`);
			return;
		}
		this.#waiting++;
		this.#next.onEnd(span);
	}

	forceFlush(): Promise<void> {
		return this.#next.forceFlush();
	}

	/** What still waits two seconds later is lost. */
	async shutdown(): Promise<void> {
		await within(flushMs, this.#next.shutdown()).catch(() => {});
		if (this.#waiting > 0) this.#losses.add(this.#waiting, "this node stops");
	}
}

/** The collector's answer may hold anything: its status, or the client's error code, says enough. */
const reasonOf = (error: Error | undefined): string =>
	`the collector does not take them (${(error as { code?: unknown })?.code ?? error?.name})`;

/** By the domains or services that a node runs, so that equal nodes are one service. */
const serviceName = ({ SERVICES }: Pick<Env, "SERVICES">): string =>
	["zeolite", ...SERVICES].join("-");

/** What exports spans by OTLP over HTTP where a collector is configured; the SDK is loaded only there. */
export async function openTracing(needs: TracingNeeds): Promise<Tracing> {
	const { env, nodeID } = needs;
	const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
	if (!endpoint) return noTracing;
	const [
		{ BatchSpanProcessor, TracerProvider },
		{ OTLPTraceExporter },
		{ resourceFromAttributes },
	] = await Promise.all([
		import("@opentelemetry/sdk-trace"),
		import("@opentelemetry/exporter-trace-otlp-http"),
		import("@opentelemetry/resources"),
	]);
	const exporter = new OTLPTraceExporter({
		url: `${endpoint.replace(/\/$/, "")}/v1/traces`,
		headers: { ...env.OTEL_EXPORTER_OTLP_HEADERS },
		timeoutMillis: collectorMs,
		// One at a time, but at the end, when all that waits goes out at once.
		concurrencyLimit: mostWaiting / batch + 1,
	});
	const processor = new Bounded(
		exporter,
		new Losses(needs),
		bounded =>
			new BatchSpanProcessor({
				exporter: bounded,
				maxQueueSize: mostWaiting,
				maxExportBatchSize: batch,
				scheduledDelayMillis: everyMs,
				exportTimeoutMillis: collectorMs + 1_000,
			}),
	);
	const ids: RootIds = {};
	const provider = new TracerProvider({
		resource: resourceFromAttributes({
			"service.name": serviceName(env),
			"service.namespace": env.NAMESPACE,
			"service.instance.id": nodeID,
		}),
		spanProcessors: [processor],
		idGenerator: {
			generateTraceId: () => ids.next?.traceId ?? newTraceId(),
			generateSpanId: () => ids.next?.spanId ?? newSpanId(),
		},
	});
	return {
		spans: new Spans(provider.getTracer("zeolite"), ids, env.OTEL_TRACES_SAMPLER_ARG),
		stop: () => provider.shutdown(),
	};
}
