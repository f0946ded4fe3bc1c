import type { ActionHandler, ActionSchema, Context, Middleware } from "moleculer";
import { platformOf } from "../platform.ts";

/** In tests every result is held against its contract; in service a result that does not fit is a bug that was tested for. */
export const resultCheck: Middleware = {
	name: "ResultCheck",
	localAction(next: ActionHandler, action: ActionSchema) {
		return async function checkResult(this: never, ctx: Context) {
			const result: unknown = await next.call(this, ctx);
			const { contracts, checks } = platformOf(ctx.broker);
			const contract = contracts.action(action.name ?? "");
			if (!contract) return result;
			const errors = checks.errors(contract.result, result);
			if (errors.length > 0)
				throw new TypeError(`The result of ${action.name} does not fit: ${JSON.stringify(errors)}`);
			return result;
		};
	},
} as unknown as Middleware;
