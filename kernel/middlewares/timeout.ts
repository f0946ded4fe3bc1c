import { Stream } from "node:stream";
import {
	type ActionHandler,
	type ActionSchema,
	type Context,
	Errors,
	type Middleware,
	type ServiceBroker,
} from "moleculer";

interface Timed extends Context {
	/** When its time began to run; `timeLeft` and nested calls reckon from here. */
	startHrTime: [number, number] | null;
}

/**
 * Fails a call that has no answer in its time. Stands in for Moleculer's own, which does the same by a race of more
 * promises (`docs/decisions/0024-the-fast-path.md`).
 * @throws RequestTimeoutError
 */
const wrap = function (this: ServiceBroker, next: ActionHandler, action: ActionSchema) {
	const { logger, options } = this;
	const name = action.name as string;
	const usual = (action as { timeout?: number }).timeout ?? (options.requestTimeout as number);
	return function inTime(this: never, ctx: Timed): Promise<unknown> {
		ctx.options.timeout ??= usual;
		const { timeout } = ctx.options;
		if (!(timeout > 0)) return next.call(this, ctx) as Promise<unknown>;
		ctx.startHrTime ??= process.hrtime();
		const answer = next.call(this, ctx) as Promise<unknown>;
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				const { nodeID, requestID, params } = ctx;
				logger.warn(`Request '${name}' is timed out.`, { requestID, nodeID, timeout });
				if (params instanceof Stream) params.emit("moleculer-timeout-middleware", timeout);
				reject(new Errors.RequestTimeoutError({ action: name, nodeID: nodeID as string }));
			}, timeout);
			answer.then(
				result => {
					clearTimeout(timer);
					resolve(result);
				},
				error => {
					clearTimeout(timer);
					reject(error);
				},
			);
		});
	};
};

export const timeoutMiddleware: Middleware = {
	name: "Timeout",
	localAction: wrap,
	remoteAction: wrap,
} as unknown as Middleware;
