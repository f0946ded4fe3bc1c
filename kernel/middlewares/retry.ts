import { setTimeout as pause } from "node:timers/promises";
import {
	type ActionHandler,
	type ActionSchema,
	type Context,
	Errors,
	type Middleware,
	type ServiceBroker,
} from "moleculer";
import { serviceOf } from "../contract.ts";
import { codeOf } from "../errors.ts";
import { platformOf } from "../platform.ts";

const retries = 3;
const firstDelayMs = 50;
const callsPerRetry = 5;
const mostSaved = 100;
/** A read that has no answer after this share of its time is asked of another node; the only one there is is waited for. */
const attemptShare = 0.3;

/** What says that a call never began: nobody has the action, whoever has it takes no more, or nothing could be sent. */
const notBegun = new Set(["SERVICE_NOT_FOUND", "SERVICE_NOT_AVAILABLE", "QUEUE_FULL"]);

/**
 * Whether a failed call may be made again. Only the failure of this very call counts: what failed deeper was retried
 * there. A read may be made again after any outage, a write only where it is certain that it never began.
 */
export function mayRepeat(error: unknown, action: string, kind: "read" | "write"): boolean {
	const { data, retryable } = (error ?? {}) as { data?: { action?: string }; retryable?: boolean };
	if (data?.action !== action) return false;
	return kind === "read" ? retryable === true : notBegun.has(codeOf(error) ?? "");
}

/**
 * Bounds what retries add to the load: a fifth of the calls, and ten more. Without it a mesh that is short of capacity
 * would get four times the calls it cannot serve.
 */
export class RetryBudget {
	/** In fifths of a retry. */
	#left = callsPerRetry * 10;

	/** A call was made for the first time. */
	earn(): void {
		this.#left = Math.min(callsPerRetry * mostSaved, this.#left + 1);
	}

	/** @returns whether one more may be made. */
	spend(): boolean {
		if (this.#left < callsPerRetry) return false;
		this.#left -= callsPerRetry;
		return true;
	}
}

/** A call through all its attempts. */
interface Attempts {
	made: number;
	/** When its caller stops waiting, as `performance.now()`. */
	deadline: number;
	attemptMs: number;
}

interface Endpoint {
	id: string;
	isAvailable: boolean;
}

const endpointsOf = (broker: ServiceBroker, action: string): readonly Endpoint[] =>
	(broker.registry.getActionEndpoints(action) as { endpoints: Endpoint[] } | undefined)
		?.endpoints ?? [];

const isOther =
	(than: string | null) =>
	({ id, isAvailable }: Endpoint): boolean =>
		isAvailable && id !== than;

/** A node that has the action too, by chance; undefined where there is no other. */
function another(broker: ServiceBroker, action: string, than: string | null): string | undefined {
	const others = endpointsOf(broker, action).filter(isOther(than));
	return others[Math.floor(Math.random() * others.length)]?.id;
}

const isLocal = (ctx: Context): boolean => ctx.endpoint?.local === true;

/**
 * Makes failed calls again, by the rules of `mayRepeat`, within the time that the first one had. Stands in for
 * Moleculer's own, which gives each attempt the whole time anew and repeats by error alone.
 */
export function retryMiddleware(): Middleware {
	const calls = new WeakMap<Context, Attempts>();
	const budget = new RetryBudget();

	const wrap = function (this: never, next: ActionHandler, action: ActionSchema) {
		const name = action.name ?? "";
		// The broker's own actions are there before the platform is.
		if (name.startsWith("$")) return next;
		const { contracts, metrics } = platformOf(this);
		const contract = contracts.action(name);
		if (!contract) return next;
		const retried = metrics.retries.of({ service: serviceOf(name) });
		const { kind, timeoutMs } = contract;
		return async function retry(this: never, ctx: Context): Promise<unknown> {
			const { broker } = ctx;
			// The callee of a remote call: its caller retries.
			if (ctx.nodeID !== broker.nodeID && isLocal(ctx)) return next.call(this, ctx);
			const known = calls.get(ctx);
			const usual = timeoutMs ?? (broker.options.requestTimeout as number);
			const total = ctx.options.timeout ?? usual;
			const call = known ?? {
				made: 0,
				deadline: performance.now() + total,
				attemptMs: total * attemptShare,
			};
			if (!known) budget.earn();
			const left = call.deadline - performance.now();
			if (known && left <= 0)
				throw new Errors.RequestTimeoutError({ action: name, nodeID: broker.nodeID });
			const isWhole =
				kind === "write" ||
				isLocal(ctx) ||
				call.made === retries ||
				!endpointsOf(broker, name).some(isOther(ctx.nodeID));
			ctx.options = { ...ctx.options, timeout: isWhole ? left : Math.min(left, call.attemptMs) };
			try {
				return await next.call(this, ctx);
			} catch (error) {
				const delay = firstDelayMs * 2 ** call.made * (0.5 + Math.random() / 2);
				const isInTime = performance.now() + delay < call.deadline;
				if (call.made === retries || !isInTime || !mayRepeat(error, name, kind) || !budget.spend())
					throw error;
				retried.inc();
				await pause(delay);
				const again = ctx.copy();
				calls.set(again, { ...call, made: call.made + 1 });
				const nodeID = another(broker, name, ctx.nodeID);
				const timeout = Math.max(1, call.deadline - performance.now());
				const options = { ctx: again, timeout, ...(nodeID && { nodeID }) };
				return broker.call(name, ctx.params as never, options as never);
			}
		};
	};
	return { name: "Retry", localAction: wrap, remoteAction: wrap } as unknown as Middleware;
}
