import { setTimeout as pause } from "node:timers/promises";
import type { CallingOptions, Context, Middleware, ServiceBroker } from "moleculer";
import { platformOf } from "../platform.ts";

const lookMs = 20;

interface Answer extends Promise<unknown> {
	ctx?: Context | undefined;
}

/** Whether nobody is known to have the action, and that only because the link to NATS broke or came back just now. */
export const isMeeting = (broker: ServiceBroker, action: string): boolean =>
	platformOf(broker).links.isSettling("transport") &&
	broker.registry.getActionEndpoints(action)?.hasAvailable() !== true;

/**
 * Waits while the nodes of the mesh find each other again, at most for as long as that usually takes, or as the caller
 * waits.
 */
export async function reached(
	broker: ServiceBroker,
	action: string,
	withinMs = Number.POSITIVE_INFINITY,
): Promise<void> {
	const until = performance.now() + withinMs;
	while (isMeeting(broker, action) && performance.now() < until) await pause(lookMs);
}

/** How long a caller waits, ms, as its options, the contract or the mesh say it. */
const timeOf = (broker: ServiceBroker, action: string, options: CallingOptions): number =>
	options.timeout ||
	platformOf(broker).contracts.action(action)?.timeoutMs ||
	(broker.options.requestTimeout as number);

/**
 * A call that falls into a short loss of NATS is made when the others are back, instead of failing because nobody is
 * there; what it waited is taken off its time. Belongs outermost: Moleculer hands each `call` middleware the context of
 * the call that went through it last.
 */
export const reachMiddleware = (broker: ServiceBroker): Middleware =>
	({
		name: "Reach",
		call(next: (action: unknown, ...rest: unknown[]) => Answer) {
			return (action: unknown, ...rest: unknown[]): Answer => {
				if (typeof action !== "string" || action.startsWith("$") || !isMeeting(broker, action))
					return next(action, ...rest);
				const [params, options = {}] = rest as [unknown, CallingOptions?];
				const time = timeOf(broker, action, options);
				const until = performance.now() + time;
				const answer: Answer = reached(broker, action, time).then(() => {
					const timeout = Math.max(1, until - performance.now());
					const made = next(action, params, { ...options, timeout });
					answer.ctx = made.ctx;
					return made;
				});
				return answer;
			};
		},
	}) as unknown as Middleware;
