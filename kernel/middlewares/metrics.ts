import type { ActionHandler, ActionSchema, Context, Middleware, ServiceBroker } from "moleculer";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { serviceOf } from "../contract.ts";
import { codeOf } from "../errors.ts";
import type { LoopLag } from "../loop-lag.ts";
import { within } from "../within.ts";
import { Counts, type Spread, Spreads } from "./series.ts";

/** How long a store may take to say what is in it. */
const storeMs = 1_000;
const unknown = { pending: Number.NaN, oldestMs: Number.NaN };

/** What a node refuses work for. */
const shedReasons = ["in_flight", "service", "lag"] as const;

interface Endpoint {
	isAvailable: boolean;
}

/**
 * This node's metrics; those of actions under Moleculer's own names, whose built-in ones cost a quarter of the
 * throughput. Times of actions are in ms, as Moleculer's, everything else in seconds. All of them with their units and
 * meaning: `docs/operations.md`.
 */
export class Metrics {
	readonly registry = new Registry();
	readonly requests: Counts;
	readonly errors: Counter;
	readonly times: Spreads;
	readonly ready: Gauge;
	/** 1 while a link to NATS is there, by link. */
	readonly natsConnected: Gauge;
	/** How often a link to NATS was lost, by link. */
	readonly natsLosses: Counts;
	/** What was refused because this node had too much to do. */
	readonly shed: Counter;
	/** Requests that are being answered. */
	readonly httpInFlight: Gauge;
	/** Calls that were made again, by the service that was called. */
	readonly retries: Counts;
	/** What became of looking for kept answers, by action and outcome. */
	readonly cache: Counts;
	/** Facts that this node wrote, by name. */
	readonly factsWritten: Counts;
	/** How long after it was written a service had handled a fact, s. */
	readonly receiptLag: Spreads;
	readonly #http: Spreads;
	readonly #httpByRoute = new Map<string | undefined, Map<string, Map<number, Spread>>>();
	readonly #breakersOpen: Gauge;
	readonly #breakerOpenings: Counts;
	readonly #loopLag: Gauge;
	readonly #lag: LoopLag;
	readonly #factsParked: Gauge;
	readonly #factsPending: Gauge;
	readonly #factsOldest: Gauge;
	readonly #outboxes = new Map<string, () => Promise<{ pending: number; oldestMs: number }>>();
	readonly #inboxes = new Map<string, () => Promise<number>>();
	readonly #transit: Gauge;
	#waiting = () => 0;
	#broker: ServiceBroker | undefined;

	/** @param lag of the process's event loop. */
	constructor(lag: LoopLag) {
		this.#lag = lag;
		const { registry } = this;
		const registers = [registry];
		collectDefaultMetrics({ register: registry });
		this.requests = new Counts({
			name: "moleculer_request_total",
			help: "Action calls",
			registry,
		});
		this.errors = new Counter({
			name: "moleculer_request_error_total",
			help: "Failed action calls",
			labelNames: ["service", "action", "type"],
			registers,
		});
		this.times = new Spreads({
			name: "moleculer_request_time",
			help: "Time of action calls, ms",
			bounds: [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
			registry,
		});
		this.#http = new Spreads({
			name: "http_server_request_duration_seconds",
			help: "Time of HTTP requests by route",
			bounds: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
			registry,
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
		this.natsLosses = new Counts({
			name: "zeolite_nats_losses_total",
			help: "Times that the link to NATS was lost",
			registry,
		});
		this.shed = new Counter({
			name: "zeolite_shed_total",
			help: "Requests and calls refused because this node had too much to do",
			labelNames: ["reason"],
			registers,
		});
		for (const reason of shedReasons) this.shed.inc({ reason }, 0);
		this.httpInFlight = new Gauge({
			name: "zeolite_http_in_flight",
			help: "HTTP requests that are being answered",
			registers,
		});
		this.retries = new Counts({
			name: "zeolite_retries_total",
			help: "Calls that were made again, by the service that was called",
			registry,
		});
		this.cache = new Counts({
			name: "zeolite_cache_lookups_total",
			help: "Looks for kept answers, by action and what became of them: hit, miss, failure, skipped",
			registry,
		});
		this.#breakersOpen = new Gauge({
			name: "zeolite_breakers_open",
			help: "Actions of other nodes and its own that this node calls no more for now, by service",
			labelNames: ["service"],
			registers,
		});
		this.#breakerOpenings = new Counts({
			name: "zeolite_breaker_openings_total",
			help: "Times that a circuit breaker of this node opened, by the service that was called",
			registry,
		});
		this.#transit = new Gauge({
			name: "moleculer_transit_requests_active",
			help: "Calls to other nodes that wait for their answer",
			registers,
		});
		this.#loopLag = new Gauge({
			name: "zeolite_event_loop_lag_seconds",
			help: "What every turn of the event loop was late by, of late",
			registers,
		});
		this.factsWritten = new Counts({
			name: "zeolite_facts_written_total",
			help: "Facts that this node wrote, by name",
			registry,
		});
		this.receiptLag = new Spreads({
			name: "zeolite_fact_receipt_lag_seconds",
			help: "Time from the writing of a fact until a service had handled it",
			bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600],
			registry,
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
		this.#waiting = read;
	}

	/**
	 * Times of a route's answers, s. Routes are the contracts', methods the ones Node's parser knows: clients make no series
	 * of their own.
	 * @param route its path as the contract has it, without the first slash; undefined where a request matched none.
	 */
	httpTimes(route: string | undefined, method: string, status: number): Spread {
		const byMethod = this.#httpByRoute.get(route) ?? new Map<string, Map<number, Spread>>();
		this.#httpByRoute.set(route, byMethod);
		const byStatus = byMethod.get(method) ?? new Map<number, Spread>();
		byMethod.set(method, byStatus);
		const known = byStatus.get(status);
		if (known) return known;
		const path = route === undefined ? "none" : `/${route}`.replace("//", "/");
		const times = this.#http.of({ route: path, method, status: String(status) });
		byStatus.set(status, times);
		return times;
	}

	/** All of it in Prometheus' text format; what only a store knows that is away is NaN. */
	async text(): Promise<string> {
		this.#loopLag.set(this.#lag.standingMs / 1_000);
		this.#transit.set(this.#waiting());
		this.#readBreakers();
		await Promise.all([
			...[...this.#inboxes].map(async ([service, read]) =>
				this.#factsParked.set({ service }, await within(storeMs, read()).catch(() => Number.NaN)),
			),
			...[...this.#outboxes].map(async ([service, read]) => {
				const { pending, oldestMs } = await within(storeMs, read()).catch(() => unknown);
				this.#factsPending.set({ service }, pending);
				this.#factsOldest.set({ service }, oldestMs / 1_000);
			}),
		]);
		return this.registry.metrics();
	}

	/** Counts and times the actions this node runs, and the circuit breakers of those it calls. */
	middleware(): Middleware {
		const { requests, errors, times } = this;
		return {
			name: "Metrics",
			created: (broker: ServiceBroker) => {
				this.#broker = broker;
				broker.localBus.on("$circuit-breaker.opened", ({ service }: { service: string }) =>
					this.#breakerOpenings.of({ service }).inc(),
				);
			},
			localAction(next: ActionHandler, action: ActionSchema) {
				const labels = { service: action.service?.name ?? "", action: action.name ?? "" };
				const count = requests.of(labels);
				const time = times.of(labels);
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

	/** Moleculer's breakers keep their state in the endpoints that they close; a node that is gone takes its own along. */
	#readBreakers(): void {
		const open = new Map<string, number>();
		const { actions } = (this.#broker?.registry.actions ?? { actions: new Map() }) as unknown as {
			actions: Map<string, { endpoints: Endpoint[] }>;
		};
		for (const [action, { endpoints }] of actions) {
			const service = serviceOf(action);
			if (service.startsWith("$")) continue;
			const closed = endpoints.filter(({ isAvailable }) => !isAvailable).length;
			open.set(service, (open.get(service) ?? 0) + closed);
		}
		for (const [service, count] of open) {
			this.#breakersOpen.set({ service }, count);
			this.#breakerOpenings.of({ service });
		}
	}
}
