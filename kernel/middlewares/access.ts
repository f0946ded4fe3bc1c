import type { ActionHandler, ActionSchema, Context, Middleware } from "moleculer";
import {
	type Access,
	type ActionContract,
	accessOf,
	type Identity,
	type Locals,
} from "../contract.ts";
import { platformProblem } from "../errors.ts";
import { platformOf } from "../platform.ts";

/** Verifies an access token. @throws a problem: UNAUTHENTICATED, or SERVICE_UNAVAILABLE while no keys are known. */
export type VerifyToken = (token: string, graceSeconds: number) => Identity | Promise<Identity>;

/** How long past its expiry a callee takes a token that was valid when the request came in. */
const graceSeconds = 60;

/** Whether one rule lets the caller in. */
function admits(rule: Access, caller: Identity | undefined, service: string | undefined): boolean {
	if (rule === "public") return true;
	if (rule === "internal") return false;
	if (rule === "user") return caller !== undefined;
	if ("roles" in rule) return caller?.roles.some(role => rule.roles.includes(role)) ?? false;
	return service !== undefined && rule.service.includes(service);
}

/**
 * Whether a caller may call an action at all; whose the thing is, the action asks in its query.
 * @param mesh the call came from a node and not through a face.
 * @throws UNAUTHENTICATED for nobody, FORBIDDEN for the wrong one.
 */
export function authorize(
	action: ActionContract,
	caller: Identity | undefined,
	service: string | undefined,
	mesh: boolean,
): void {
	const rules = accessOf(action);
	if (mesh && rules.includes("internal")) return;
	if (rules.some(rule => admits(rule, caller, service))) return;
	throw caller || service ? platformProblem("FORBIDDEN") : platformProblem("UNAUTHENTICATED");
}

/** Actions of Moleculer and the kernel that a node needs; everything else without a contract is refused. */
const isKernelOwn = (action: ActionSchema): boolean =>
	action.name === "api.rest" || /^\$(?:node|ops|repl)\./.test(action.name ?? "");

/**
 * Every callee checks for itself who is calling: the token travels in `ctx.headers`, which go one way, and the
 * identity it proves is put into `ctx.locals`, which go nowhere. Registered outside the cacher, so that a cached
 * answer is checked too.
 */
export function accessMiddleware(verify: VerifyToken, isStale: () => Promise<boolean>): Middleware {
	return {
		name: "Access",
		localAction(next: ActionHandler, action: ActionSchema) {
			if (isKernelOwn(action)) return next;
			const contract = platformOf(this as never).contracts.action(action.name ?? "");
			if (!contract) return () => Promise.reject(platformProblem("FORBIDDEN"));
			return async function checkAccess(this: never, ctx: Context) {
				const { token, service } = ctx.headers as { token?: string; service?: string };
				const locals = ctx.locals as Partial<Locals>;
				if (token) {
					locals.caller = await verify(token, graceSeconds);
					locals.user = locals.caller;
				}
				if (service) locals.service = service;
				authorize(contract, locals.caller, service, true);
				if (contract.sensitive && locals.caller && (await isStale()))
					throw platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 5 });
				return next.call(this, ctx);
			};
		},
	} as Middleware;
}
