import type { ActionHandler, Context, Middleware } from "moleculer";
import { codeOf } from "../errors.ts";

interface Transit {
	pendingRequests: Map<string, { reject(error: unknown): void }>;
	removePendingRequest(id: string): void;
}

/**
 * A request that timed out and then succeeded on retry leaves its entry in the transit for ever, and 50,000 of them
 * refuse every call; its context stays tracked, so that a stopping node waits for it in vain. Both end at the time-out.
 * Belongs between Retry and Timeout.
 */
export const pendingReaper: Middleware = {
	name: "PendingReaper",
	remoteAction(next: ActionHandler) {
		return function reapPending(this: never, ctx: Context) {
			return next.call(this, ctx).catch((error: unknown) => {
				if (codeOf(error) === "REQUEST_TIMEOUT") {
					const transit = ctx.broker.transit as unknown as Transit;
					const pending = transit.pendingRequests.get(ctx.id);
					transit.removePendingRequest(ctx.id);
					pending?.reject(error);
				}
				throw error;
			});
		};
	},
} as unknown as Middleware;
