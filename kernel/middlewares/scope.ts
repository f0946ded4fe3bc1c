import type { ActionHandler, ActionSchema, Context, Middleware } from "moleculer";
import { type Audit, type AuditRecord, auditFactOf, runApart } from "../audit.ts";
import type { Locals } from "../contract.ts";
import { platformOf } from "../platform.ts";
import { runIn, scopeOfCall } from "../tracing/scope.ts";

type Handler = (this: unknown, ctx: Context) => Promise<unknown>;

const byOf = ({ caller, service }: Partial<Locals>): AuditRecord["by"] =>
	caller || service
		? {
				...(caller && { userId: caller.id, roles: [...caller.roles] }),
				...(service && { service }),
			}
		: { system: true };

/**
 * Runs each action in a scope of its own: its request, its place in the trace, and whether what it writes is audited,
 * which is then told in the same write. Nothing else that runs in the wake of an audited action is audited: a nested
 * local call and a local event run in the caller's async context, so they are taken out of it. Registered inside the
 * bulkhead, which starts a queued call in the context of the one that ended, and inside access, which says who calls.
 */
export const scopeMiddleware: Middleware = {
	name: "Scope",
	localAction(next: ActionHandler, action: ActionSchema) {
		const name = action.name ?? "";
		if (name.startsWith("$")) return next;
		const { contracts, clock, tracing } = platformOf(this as never);
		const handler = next as Handler;
		// The face itself runs in the scope of its request.
		if (!contracts.action(name)) return next;
		const contract = contracts.all.find(c => c.name === action.service?.name);
		const fact = contract && auditFactOf(contract);
		if (!contracts.action(name)?.audit || !fact)
			return function inScope(this: unknown, ctx: Context) {
				return runIn(scopeOfCall(ctx, tracing.spans), () => handler.call(this, ctx));
			};
		return function inAuditedScope(this: unknown, ctx: Context) {
			const { collections } = action.service as { collections?: object[] };
			if (!collections) throw new TypeError(`${name} is audited, but its service has no store`);
			const scope = scopeOfCall(ctx, tracing.spans);
			const by = byOf(ctx.locals as Partial<Locals>);
			const { requestId } = scope;
			const audit: Audit = { action: name, by, requestId, fact, clock, collections };
			return runIn({ ...scope, audit }, () => handler.call(this, ctx));
		};
	},
	localEvent(next: Handler) {
		return function apart(this: unknown, ctx: Context) {
			return runApart(() => next.call(this, ctx));
		};
	},
} as unknown as Middleware;
