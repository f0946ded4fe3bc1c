import { setTimeout as pause } from "node:timers/promises";
import type { Context, Middleware, ServiceBroker } from "moleculer";
import { platformOf } from "../platform.ts";

const lookMs = 20;

interface Answer extends Promise<unknown> {
	ctx?: Context | undefined;
}

/** Whether nobody is known to have the action, and that only because the link to NATS broke or came back just now. */
export const isMeeting = (broker: ServiceBroker, action: string): boolean =>
	platformOf(broker).links.isSettling("transport") &&
	broker.registry.getActionEndpoints(action)?.hasAvailable() !== true;

/** Waits while the nodes of the mesh find each other again, at most for as long as that usually takes. */
export async function reached(broker: ServiceBroker, action: string): Promise<void> {
	while (isMeeting(broker, action)) await pause(lookMs);
}

/**
 * A call that falls into a short loss of NATS is made when the others are back, instead of failing because nobody is
 * there. Belongs outermost: Moleculer hands each `call` middleware the context of the call that went through it last.
 */
export const reachMiddleware = (broker: ServiceBroker): Middleware =>
	({
		name: "Reach",
		call(next: (action: unknown, ...rest: unknown[]) => Answer) {
			return (action: unknown, ...rest: unknown[]): Answer => {
				if (typeof action !== "string" || action.startsWith("$") || !isMeeting(broker, action))
					return next(action, ...rest);
				const answer: Answer = reached(broker, action).then(() => {
					const made = next(action, ...rest);
					answer.ctx = made.ctx;
					return made;
				});
				return answer;
			};
		},
	}) as unknown as Middleware;
