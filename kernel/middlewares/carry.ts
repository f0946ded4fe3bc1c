import type { Context, Middleware } from "moleculer";
import { nextOrdinal } from "../ids.ts";
import { currentPlace, currentScope } from "../tracing/scope.ts";

interface Options {
	ctx?: Context;
	parentCtx?: Context;
	requestID?: string;
	headers?: Record<string, unknown>;
}

interface Answer extends Promise<unknown> {
	ctx?: Context;
}

/** Moleculer copies the meta of an answer into its caller's. Only the face may hear of it: the status to answer with. */
const withoutMeta = (answer: Answer): Promise<unknown> =>
	answer.finally(() => {
		if (answer.ctx) answer.ctx.meta = {};
	});

/** What is called for a request, though not from its context, belongs to it too. */
function fromScope(options: Options): Options {
	const scope = currentScope();
	if (!scope || options.ctx) return options;
	const headers = { ...currentPlace(), ...options.headers };
	return { requestID: scope.requestId, ...options, headers };
}

/**
 * Nested calls carry the caller's token and the seed of derived ids in headers of their own: a local callee would
 * otherwise share the caller's object. Every call carries its place in the trace. What a face knows of its client (`locals.headers`) goes one call far.
 */
export const carryMiddleware: Middleware = {
	name: "Carry",
	call(next: (action: string, params: unknown, options?: Options) => Answer) {
		return (action: string, params: unknown, options: Options = {}) => {
			const parent = options.parentCtx;
			if (!parent) return next(action, params, fromScope(options));
			const { token, seed } = parent.headers as { token?: string; seed?: string };
			const own = (parent.locals as { headers?: Record<string, unknown> }).headers;
			const headers = {
				...currentPlace(),
				...own,
				...(token && { token }),
				...(seed && { seed: `${seed}/${nextOrdinal(parent.locals)}` }),
				...options.headers,
			};
			const answer = next(action, params, { ...options, headers });
			return parent.action?.name === "api.rest" ? answer : withoutMeta(answer);
		};
	},
} as unknown as Middleware;
