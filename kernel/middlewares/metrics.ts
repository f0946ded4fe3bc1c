import type { ActionHandler, ActionSchema, Context, Middleware } from "moleculer";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { codeOf } from "../errors.ts";
import type { LoopLag } from "../loop-lag.ts";
import { within } from "../within.ts";

/** How long a store may take to say what is in it. */
const storeMs = 1_000;
const unknown = { pending: Number.NaN, oldestMs: Number.NaN };

/**
 * This node's metrics under Moleculer's own names; its built-in ones cost a quarter of the throughput.
 * Times of actions are in ms, as Moleculer's, everything else in seconds.
 */
export class Metrics {
	readonly registry = new Registry();
	readonly requests: Counter;
	readonly errors: Counter;
	readonly times: Histogram;
	readonly http: Histogram;
	readonly ready: Gauge;
	/** 1 while a link to NATS is there, by link. */
	readonly natsConnected: Gauge;
	/** What was refused because this node had too much to do. */
	readonly shed: Counter;
	/** Requests that are being answered. */
	readonly httpInFlight: Gauge;
	readonly #loopLag: Gauge;
	readonly #lag: LoopLag;
	readonly #factsParked: Gauge;
	readonly #factsPending: Gauge;
	readonly #factsOldest: Gauge;
	readonly #outboxes = new Map<string, () => Promise<{ pending: number; oldestMs: number }>>();
	readonly #inboxes = new Map<string, () => Promise<number>>();

	/** @param lag of the process's event loop. */
	constructor(lag: LoopLag) {
		this.#lag = lag;
		const registers = [this.registry];
		collectDefaultMetrics({ register: this.registry });
		const labelNames = ["service", "action"];
		this.requests = new Counter({
			name: "moleculer_request_total",
			help: "Action calls",
			labelNames,
			registers,
		});
		this.errors = new Counter({
			name: "moleculer_request_error_total",
			help: "Failed action calls",
			labelNames: [...labelNames, "type"],
			registers,
		});
		this.times = new Histogram({
			name: "moleculer_request_time",
			help: "Time of action calls, ms",
			labelNames,
			buckets: [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
			registers,
		});
		this.http = new Histogram({
			name: "http_server_request_duration_seconds",
			help: "Time of HTTP requests by route",
			labelNames: ["route", "method", "status"],
			buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
			registers,
		});
		this.ready = new Gauge({
			name: "zeolite_ready",
			help: "1 where this node is ready",
			registers,
		});
		this.natsConnected = new Gauge({
			name: "zeolite_nats_connected",
			help: "1 while the link to NATS is there",
			labelNames: ["link"],
			registers,
		});
		this.shed = new Counter({
			name: "zeolite_shed_total",
			help: "Requests and calls refused because this node had too much to do",
			labelNames: ["reason"],
			registers,
		});
		this.httpInFlight = new Gauge({
			name: "zeolite_http_in_flight",
			help: "HTTP requests that are being answered",
			registers,
		});
		this.#loopLag = new Gauge({
			name: "zeolite_event_loop_lag_seconds",
			help: "What every turn of the event loop was late by, of late",
			registers,
		});
		this.#factsParked = new Gauge({
			name: "zeolite_facts_parked",
			help: "Facts that a service could not handle and put aside",
			labelNames: ["service"],
			registers,
		});
		this.#factsPending = new Gauge({
			name: "zeolite_facts_pending",
			help: "Facts in the outboxes of a service",
			labelNames: ["service"],
			registers,
		});
		this.#factsOldest = new Gauge({
			name: "zeolite_facts_oldest_seconds",
			help: "Age of the oldest fact in the outboxes of a service",
			labelNames: ["service"],
			registers,
		});
	}

	/** Shows a service's outbox; it is read when the metrics are. */
	watchOutbox(service: string, read: () => Promise<{ pending: number; oldestMs: number }>): void {
		this.#outboxes.set(service, read);
	}

	/** Shows how many facts a service has parked; it is read when the metrics are. */
	watchParked(service: string, read: () => Promise<number>): void {
		this.#inboxes.set(service, read);
	}

	/** Shows how many calls to other nodes wait for their answer; it is read when the metrics are. */
	watchTransit(read: () => number): void {
		new Gauge({
			name: "moleculer_transit_requests_active",
			help: "Calls to other nodes that wait for their answer",
			registers: [this.registry],
			collect() {
				this.set(read());
			},
		});
	}

	/** All of it in Prometheus' text format; what only a store knows that is away is NaN. */
	async text(): Promise<string> {
		this.#loopLag.set(this.#lag.standingMs / 1_000);
		for (const [service, read] of this.#inboxes)
			this.#factsParked.set({ service }, await within(storeMs, read()).catch(() => Number.NaN));
		for (const [service, read] of this.#outboxes) {
			const { pending, oldestMs } = await within(storeMs, read()).catch(() => unknown);
			this.#factsPending.set({ service }, pending);
			this.#factsOldest.set({ service }, oldestMs / 1_000);
		}
		return this.registry.metrics();
	}

	/** Counts and times the actions this node runs; labels are made once per action. */
	middleware(): Middleware {
		const { requests, errors, times } = this;
		return {
			name: "Metrics",
			localAction(next: ActionHandler, action: ActionSchema) {
				const labels = { service: action.service?.name ?? "", action: action.name ?? "" };
				const count = requests.labels(labels);
				const time = times.labels(labels);
				return async function measured(this: never, ctx: Context) {
					const start = performance.now();
					count.inc();
					try {
						return await next.call(this, ctx);
					} catch (error) {
						errors.inc({ ...labels, type: codeOf(error) ?? "INTERNAL_ERROR" });
						throw error;
					} finally {
						time.observe(performance.now() - start);
					}
				};
			},
		} as unknown as Middleware;
	}
}
