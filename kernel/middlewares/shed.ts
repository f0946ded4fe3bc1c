import {
	type ActionHandler,
	type ActionSchema,
	type Context,
	Errors,
	type Middleware,
} from "moleculer";
import { platformOf } from "../platform.ts";

/** What a client asked a face for; what services ask each other on the way has been paid for, and is finished. */
const faceLevel = 2;

/**
 * Fails what cannot succeed, before it costs anything. A remote call over a link that is lost is not sent: it would wait
 * for its time-out. A node whose event loop cannot follow takes no call that a face makes for a client, which then asks
 * another node. Neither is the fault of the endpoint: belongs outside the breaker, inside the retries.
 */
export const shedMiddleware: Middleware = {
	name: "Shed",
	remoteAction(this: never, next: ActionHandler, action: ActionSchema) {
		if (action.name?.startsWith("$")) return next;
		const { links } = platformOf(this);
		return function overLink(this: never, ctx: Context) {
			if (!links.isLost("transport")) return next.call(this, ctx);
			const nodeID = ctx.nodeID as string;
			return Promise.reject(
				new Errors.ServiceNotAvailableError({ action: action.name as string, nodeID }),
			);
		};
	},
	localAction(this: never, next: ActionHandler, action: ActionSchema) {
		if (action.name?.startsWith("$")) return next;
		const { lag, metrics } = platformOf(this);
		return function ifAble(this: never, ctx: Context) {
			const { nodeID } = ctx.broker;
			if (ctx.level !== faceLevel || ctx.nodeID === nodeID || !lag.isOverloaded)
				return next.call(this, ctx);
			metrics.shed.inc({ reason: "lag" });
			return Promise.reject(new Errors.QueueIsFullError({ action: action.name as string, nodeID }));
		};
	},
} as unknown as Middleware;
