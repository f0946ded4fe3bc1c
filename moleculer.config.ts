import { type BrokerOptions, Loggers } from "moleculer";
import { makeCacher } from "./kernel/cache.ts";
import type { Env } from "./kernel/env.ts";
import { codeOf } from "./kernel/errors.ts";
import { noteFaults } from "./kernel/faults.ts";
import { accessMiddleware } from "./kernel/middlewares/access.ts";
import { carryMiddleware } from "./kernel/middlewares/carry.ts";
import { deadlineMiddleware } from "./kernel/middlewares/deadline.ts";
import { pendingReaper } from "./kernel/middlewares/pending-reaper.ts";
import { reachMiddleware } from "./kernel/middlewares/reach.ts";
import { resultCheck } from "./kernel/middlewares/result-check.ts";
import { retryMiddleware } from "./kernel/middlewares/retry.ts";
import { scopeMiddleware } from "./kernel/middlewares/scope.ts";
import { shedMiddleware } from "./kernel/middlewares/shed.ts";
import { timeoutMiddleware } from "./kernel/middlewares/timeout.ts";
import { traceMiddleware } from "./kernel/middlewares/trace.ts";
import { linkName, natsLink } from "./kernel/nats-link.ts";
import type { Platform } from "./kernel/platform.ts";
import { redact } from "./kernel/redact.ts";
import { logFields } from "./kernel/tracing/scope.ts";
import { batchedWrites } from "./kernel/transit/batched-writes.ts";
import { callIds } from "./kernel/transit/pending-requests.ts";
import { ResultFirstSerializer } from "./kernel/transit/serializer.ts";
import { ContractValidator } from "./kernel/validator.ts";

export interface ConfigureOptions {
	/** Hold every result against its contract (tests). */
	checkResults?: boolean;
}

/** The broker of every node. Why each value is what it is: `docs/decisions/0003-broker-baseline.md`. */
export const brokerOptions = (
	{ env, checks, faults, metrics, tokens }: Platform,
	nodeID: string,
	{ checkResults = false }: ConfigureOptions = {},
): BrokerOptions => ({
	nodeID,
	namespace: env.NAMESPACE,
	logger: process.stdout.isTTY
		? (new RedactedConsole({ level: levels(env.LOG_LEVEL), formatter: "short" }) as never)
		: {
				type: "Pino",
				options: {
					level: levels(env.LOG_LEVEL),
					pino: { options: { base: null, hooks: { logMethod }, mixin: logFields } },
				},
			},
	serializer: new ResultFirstSerializer() as never,
	validator: new ContractValidator(checks) as never,
	cacher: makeCacher(env, metrics.cache),
	requestTimeout: env.REQUEST_TIMEOUT_MS,
	errorHandler: noteFaults(faults) as never,
	maxCallLevel: 20,
	uidGenerator: callIds(),
	heartbeatInterval: 2,
	heartbeatTimeout: 6,
	registry: { stopDelay: env.NATS_URL ? 500 : 0 },
	transit: { serviceChangedDebounceTime: 100 } as never,
	tracking: { enabled: true, shutdownTimeout: 7_000 },
	skipProcessEventRegistration: true,
	circuitBreaker: {
		enabled: true,
		threshold: 0.5,
		minRequestCount: 20,
		windowTime: 30,
		halfOpenTime: 5_000,
		check: isFault,
	},
	bulkhead: { enabled: true, concurrency: 256, maxQueueSize: 1_024 },
	metrics: { enabled: false },
	tracing: { enabled: false },
	internalMiddlewares: false,
	// From the handler outwards: the breaker sees time-outs, access is outside the cacher, the scope inside the bulkhead,
	// and so is the deadline, by which what queued too long is dropped.
	middlewares: [
		...(checkResults ? [resultCheck] : []),
		"ActionHook",
		scopeMiddleware,
		deadlineMiddleware,
		"Validator",
		"Bulkhead",
		"Cacher",
		accessMiddleware(
			(token, grace) => tokens.verify(token, grace),
			() => tokens.isStaleByNow(),
		),
		metrics.middleware(),
		traceMiddleware,
		"ContextTracker",
		timeoutMiddleware,
		"CircuitBreaker",
		pendingReaper,
		shedMiddleware,
		retryMiddleware(),
		"Fallback",
		"ErrorHandler",
		carryMiddleware,
		reachMiddleware,
		batchedWrites,
	] as never,
	...(env.NATS_URL && {
		transporter: { type: "NATS", options: natsLink(env.NATS_URL, linkName(env.NAMESPACE, nodeID)) },
	}),
});

/** Services log `(message, error)`, as Moleculer does; pino takes the error first. Nothing secret gets this far. */
function logMethod(this: unknown, args: unknown[], log: (...args: unknown[]) => void): void {
	const clean = args.map(redact);
	const [message, error] = clean;
	if (typeof message === "string" && error instanceof Error)
		log.call(this, { err: error }, message);
	else log.apply(this, clean);
}

type LogHandler = ((type: string, args: unknown[]) => void) | null;

/** Moleculer's console logger, which is told no secrets. */
class RedactedConsole extends (Loggers.Console as unknown as new (
	options: object,
) => { getLogHandler(bindings: object): LogHandler }) {
	override getLogHandler(bindings: object): LogHandler {
		const print = super.getLogHandler(bindings);
		return print && ((type, args) => print(type, args.map(redact)));
	}
}

/** Moleculer tells of each service and link at info; that is debug here. */
const levels = (level: Env["LOG_LEVEL"]) =>
	level === "info" ? { BROKER: "warn", REGISTRY: "warn", TRANSIT: "warn", "**": "info" } : level;

/** What speaks against an endpoint. That a provider behind it is away does not, nor a bug that some input met. */
const isFault = (error: Error): boolean =>
	((error as { code?: number }).code ?? 0) >= 500 && codeOf(error) !== "SERVICE_UNAVAILABLE";
