import type { ActionHandler, Context, Middleware } from "moleculer";
import { codeOf } from "../errors.ts";

/**
 * A request that timed out and then succeeded on retry leaves its entry in the transit for ever, and 50,000 of them
 * refuse every call: take it out at the time-out. Belongs between Retry and Timeout.
 */
export const pendingReaper: Middleware = {
	name: "PendingReaper",
	remoteAction(next: ActionHandler) {
		return function reapPending(this: never, ctx: Context) {
			return next.call(this, ctx).catch((error: unknown) => {
				if (codeOf(error) === "REQUEST_TIMEOUT")
					(
						ctx.broker.transit as unknown as { removePendingRequest(id: string): void }
					).removePendingRequest(ctx.id);
				throw error;
			});
		};
	},
} as unknown as Middleware;
