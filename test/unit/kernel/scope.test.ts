import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { runApart, runAudited } from "../../../kernel/audit.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { carryMiddleware } from "../../../kernel/middlewares/carry.ts";
import { traceMiddleware } from "../../../kernel/middlewares/trace.ts";
import {
	currentPlace,
	currentScope,
	logFields,
	runIn,
	type Scope,
	scopeOfCall,
} from "../../../kernel/tracing/scope.ts";
import { continuing } from "../../../kernel/tracing/spans.ts";
import {
	newPlace,
	newSpanId,
	newTraceId,
	placeOf,
	traceIdOf,
} from "../../../kernel/tracing/traceparent.ts";

const { traceparent } = newPlace(1);
const traceId = traceIdOf(traceparent);
const place = { traceparent, tracestate: "rojo=1" };
const scope: Scope = { requestId: traceId, ...place };
const audit = {
	action: "things.change",
	by: { system: true as const },
	requestId: "req_1",
	fact: { name: "thing.audited", v: 1 },
	clock: systemClock,
	collections: [],
};

interface Options {
	requestID?: string;
	headers?: Record<string, unknown>;
}
type Call = (action: string, params?: object, options?: object) => Promise<Options>;

/** What a call goes out with, through both middlewares as they are registered. */
const call = [traceMiddleware, carryMiddleware].reduce<Call>(
	(next, middleware) => (middleware as unknown as { call(next: Call): Call }).call(next),
	async (_action, _params, options = {}) => options,
);

describe("the scope that code runs in", () => {
	test("is kept through whatever is awaited, and is nobody else's", async () => {
		const seen = await Promise.all(
			[1, 2, 3].map(i =>
				runIn({ requestId: `request-${i}` }, async () => {
					await pause(4 - i);
					return currentScope()?.requestId;
				}),
			),
		);
		assert.deepEqual(seen, ["request-1", "request-2", "request-3"]);
		assert.equal(currentScope(), undefined);
		assert.equal(currentPlace(), undefined);
	});

	test("is in every line of the log", () => {
		assert.deepEqual(logFields(), {});
		assert.deepEqual(runIn(scope, logFields), { requestId: traceId, traceId });
		assert.deepEqual(runIn({ ...scope, requestId: "of-a-client" }, logFields), {
			requestId: "of-a-client",
			traceId,
		});
		assert.deepEqual(runIn({ requestId: "fct_1" }, logFields), { requestId: "fct_1" });
	});

	test("shows no secret that a client put into its request id", () => {
		const { requestId } = runIn({ ...scope, requestId: "sk_live_51MqZeolite" }, logFields);
		assert.equal(requestId, "[redacted]");
	});

	test("holds the audited action beside the trace, and what leaves that stays in the trace", () => {
		runIn(scope, () =>
			runAudited(audit, () => {
				assert.deepEqual(currentScope(), { ...scope, audit });
				runApart(() => {
					assert.equal(currentScope()?.audit, undefined);
					assert.deepEqual(currentPlace(), place);
				});
			}),
		);
	});

	test("of an action is its request's and at its caller's place; headers of another form are none", () => {
		const ctx = { id: "1", requestID: "request-1", headers: place };
		const { requestId, traceparent, tracestate } = scopeOfCall(ctx, undefined);
		assert.deepEqual([requestId, traceparent, tracestate], ["request-1", ...Object.values(place)]);
		const odd = scopeOfCall({ id: "1", requestID: null, headers: { traceparent: {} } }, undefined);
		assert.deepEqual([odd.requestId, odd.traceparent], ["1", undefined]);
	});
});

describe("a call", () => {
	const parent = (headers = {}) => ({
		headers,
		locals: {},
		action: { name: "things.change" },
	});

	test("carries the place of the scope it is made in, nested or not", async () => {
		await runIn(scope, async () => {
			const nested = await call("a.b", {}, { parentCtx: parent({ token: "t", traceparent: "?" }) });
			assert.deepEqual(nested.headers, { ...place, token: "t" });
			assert.equal(nested.requestID, undefined, "it has its parent's");
			const other = await call("a.b", {}, { headers: { token: "t" } });
			assert.deepEqual(other.headers, { ...place, token: "t" });
			assert.equal(other.requestID, traceId);
		});
	});

	test("that nobody asked for begins a trace that is not recorded, under its id", async () => {
		const { requestID, headers = {} } = await call("a.b");
		assert.match(String(headers.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
		assert.equal(requestID, traceIdOf(headers.traceparent as string));
	});

	test("that is made again keeps what it had", async () => {
		const again = { ctx: { headers: {} } };
		assert.equal(await runIn(scope, () => call("a.b", {}, again)), again);
	});
});

describe("work for what began elsewhere", () => {
	const origin = placeOf(newTraceId(), newSpanId(), false);

	test("goes on in that trace, for the same request, audited as it was", async () => {
		const inside = await runIn({ ...scope, audit }, () =>
			continuing(origin, "things settle", async () => {
				await pause(1);
				return { ...currentScope() };
			}),
		);
		assert.equal(inside.traceparent, origin);
		assert.equal(inside.tracestate, undefined, "which is of the other trace");
		assert.equal(inside.requestId, traceId);
		assert.equal(inside.audit, audit);
	});

	test("stays where it is when that is the same trace, unknown, or nobody's", async () => {
		const where = async () => currentPlace();
		const same = placeOf(traceId, newSpanId(), true);
		for (const began of [same, undefined])
			assert.deepEqual(await runIn(scope, () => continuing(began, "a", where)), place);
		assert.equal(await continuing(origin, "a", where), undefined);
	});
});
