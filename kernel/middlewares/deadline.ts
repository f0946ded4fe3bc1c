import {
	type ActionHandler,
	type ActionSchema,
	type Context,
	Errors,
	type Middleware,
} from "moleculer";

interface Timed {
	/** When the time-out of this call began to run, as `process.hrtime` says it. */
	startHrTime: [number, number] | null;
}

/** What is left of a call's time, ms; infinite where it has no time-out. */
export function timeLeft(ctx: Context): number {
	const { timeout } = ctx.options;
	const { startHrTime } = ctx as unknown as Timed;
	if (!timeout || !startHrTime) return Number.POSITIVE_INFINITY;
	const [seconds, nanoseconds] = process.hrtime(startHrTime);
	return timeout - (seconds * 1_000 + nanoseconds / 1e6);
}

/**
 * A call that waited in the bulkhead for longer than its caller does is not run any more: nobody would read the answer.
 * Belongs inside the bulkhead.
 */
export const deadlineMiddleware: Middleware = {
	name: "Deadline",
	localAction(next: ActionHandler, action: ActionSchema) {
		return function runInTime(this: never, ctx: Context) {
			if (timeLeft(ctx) > 0) return next.call(this, ctx);
			const { nodeID } = ctx.broker;
			return Promise.reject(
				new Errors.RequestSkippedError({ action: action.name as string, nodeID }),
			);
		};
	},
} as unknown as Middleware;
