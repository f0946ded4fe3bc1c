import type { ActionHandler, ActionSchema, Context, Middleware } from "moleculer";
import { type AuditRecord, auditFactOf, runApart, runAudited } from "../audit.ts";
import type { Locals } from "../contract.ts";
import { platformOf } from "../platform.ts";

type Handler = (this: unknown, ctx: Context) => Promise<unknown>;

const byOf = ({ caller, service }: Partial<Locals>): AuditRecord["by"] =>
	caller || service
		? {
				...(caller && { userId: caller.id, roles: [...caller.roles] }),
				...(service && { service }),
			}
		: { system: true };

/**
 * Lets what an audited action writes be told in the same write. Nothing else that runs in its wake is: a nested local
 * call and a local event run in the caller's async context, so they are taken out of it. Registered inside the
 * bulkhead, which starts a queued call in the context of the one that ended, and inside access, which says who calls.
 */
export const auditMiddleware: Middleware = {
	name: "Audit",
	localAction(next: ActionHandler, action: ActionSchema) {
		const name = action.name ?? "";
		if (name.startsWith("$")) return next;
		const { contracts, clock } = platformOf(this as never);
		const handler = next as Handler;
		const contract = contracts.all.find(c => c.name === action.service?.name);
		const fact = contract && auditFactOf(contract);
		if (!contracts.action(name)?.audit || !fact)
			return function apart(this: unknown, ctx: Context) {
				return runApart(() => handler.call(this, ctx));
			};
		return function auditAction(this: unknown, ctx: Context) {
			const { collections } = action.service as { collections?: object[] };
			if (!collections) throw new TypeError(`${name} is audited, but its service has no store`);
			const { requestID, locals } = ctx;
			const by = byOf(locals as Partial<Locals>);
			const audit = { action: name, by, requestId: requestID ?? ctx.id, fact, clock, collections };
			return runAudited(audit, () => handler.call(this, ctx));
		};
	},
	localEvent(next: Handler) {
		return function apart(this: unknown, ctx: Context) {
			return runApart(() => next.call(this, ctx));
		};
	},
} as unknown as Middleware;
