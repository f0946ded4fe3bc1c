import { setTimeout as pause } from "node:timers/promises";
import { Errors } from "moleculer";
import { Type } from "typebox";
import { defineContract } from "../../kernel/contract.ts";
import { problem } from "../../kernel/errors.ts";
import { answerWith, implement } from "../../kernel/implement.ts";

/** NATS takes up to 1 MiB. */
const large = "é".repeat(500_000);

const circular: unknown[] = [];
circular.push(circular);

/** Results that are easily changed on the way. */
export const results: Readonly<Record<string, unknown>> = {
	object: {},
	array: [],
	text: "",
	number: 0,
	negative: -0,
	tiny: 5e-324,
	big: 1.7976931348623157e308,
	precise: [0.1, 1e21, 123456789012345680000],
	boolean: false,
	nothing: null,
	missing: undefined,
	holes: [undefined, null, () => 1],
	unsaid: { a: undefined, b: null },
	order: { b: 1, a: 2, 10: 3, 9: 4, "": 5 },
	proto: JSON.parse('{"__proto__":{"a":1},"constructor":2}'),
	emoji: { "👩‍👩‍👧": '🏺 ünï\u0000\u001f"\\/' },
	separators: "\u2028\u2029\ufeff</script>",
	surrogate: "\ud83c",
	newline: { data: 'a\n,"data":\n{', meta: { id: "\n" } },
	packet: { ver: "5", sender: "x", id: "y", success: false, error: {}, data: { data: {} } },
	buffer: { type: "Buffer", data: [1, 2, 3] },
	date: { at: new Date(0) },
	file: { contentType: "text/html", content: "<p>" },
	large,
	bigint: 1n,
	circular,
	deep: JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`),
};

const Anything = (id: string) => Type.Unknown({ $id: id });
const Word = Type.Object({ name: Type.String() });
const Wait = Type.Object({
	ms: Type.Integer(),
	how: Type.Optional(Type.String()),
	id: Type.Optional(Type.String()),
});
const ODD = {
	status: 409,
	title: "It is odd",
	data: Type.Object({ oddity: Type.Number(), "emoji 🏺": Type.String() }),
};
const PLAIN = { status: 404, title: "It is not even odd" };

/** A service that answers with what is hard to hand on, and fails in every way there is. */
export const odd = defineContract("odd", {
	description: "Answers oddly",
	actions: {
		result: {
			description: "One of the awkward results",
			kind: "read",
			access: "public",
			rest: "GET /odd/results/:name",
			params: Word,
			result: Anything("OddResult"),
		},
		status: {
			description: "Answers with a status",
			kind: "write",
			access: "public",
			rest: "POST /odd/status",
			status: [201, 200, 202, 204],
			params: Type.Object({
				status: Type.Integer(),
				meta: Type.Optional(Type.Unknown()),
				result: Type.Optional(Type.Unknown()),
			}),
			result: Anything("OddStatus"),
		},
		file: {
			description: "A file as it is",
			kind: "read",
			access: "public",
			rest: ["GET /odd/files/:name", "POST /odd/files/:name"],
			params: Word,
			answers: "file",
			result: Anything("OddFile"),
		},
		raw: {
			description: "Takes any bytes",
			kind: "write",
			access: "public",
			rest: "POST /odd/raw/:name",
			accepts: "raw",
			params: Type.Object({
				name: Type.String(),
				headers: Type.Record(Type.String(), Type.Unknown()),
				body: Type.String(),
			}),
			result: Anything("OddRaw"),
		},
		echo: {
			description: "Answers with its params, by two more calls",
			kind: "write",
			access: "public",
			rest: ["POST /odd/echo/:a", "GET /odd/echo/:a", "DELETE /odd/echo/:a/:b"],
			params: Type.Object({
				a: Type.String(),
				b: Type.Optional(Type.String()),
				n: Type.Optional(Type.Number()),
				flag: Type.Optional(Type.Boolean()),
				value: Type.Optional(Type.Unknown()),
			}),
			result: Anything("OddEcho"),
		},
		fail: {
			description: "Fails",
			kind: "write",
			access: "public",
			rest: ["POST /odd/failures/:name", "GET /odd/failures/:name"],
			params: Word,
			errors: { ODD, PLAIN },
			result: Anything("OddFailure"),
		},
		slow: {
			description: "Answers after so many ms",
			kind: "write",
			access: "public",
			rest: ["POST /odd/slow", "GET /odd/slow"],
			params: Wait,
			timeoutMs: 500,
			errors: { PLAIN },
			result: Anything("OddSlow"),
		},
		keyed: {
			description: "Answers a user after so many ms",
			kind: "write",
			access: "user",
			rest: "POST /odd/keyed",
			status: [201, 202, 204],
			params: Wait,
			errors: { PLAIN },
			result: Anything("OddKeyed"),
		},
		limited: {
			description: "Two in a minute",
			kind: "write",
			access: "public",
			rest: "POST /odd/limited",
			limit: { perMinute: 2, by: "address" },
			result: Anything("OddLimited"),
		},
		hidden: {
			description: "The test hides it",
			kind: "read",
			access: "public",
			rest: "GET /odd/hidden",
			result: Anything("OddHidden"),
		},
		breaks: {
			description: "Fails, until its breaker opens",
			kind: "write",
			access: "public",
			rest: "POST /odd/breaks",
			result: Anything("OddBreaks"),
		},
	},
});

/** A service that no node runs. */
export const away = defineContract("away", {
	description: "Is nowhere",
	actions: {
		ask: {
			description: "Nobody answers",
			kind: "read",
			access: "public",
			rest: ["GET /away/:name", "POST /away/:name"],
			params: Word,
			result: Anything("Away"),
		},
	},
});

const { MoleculerError, MoleculerClientError } = Errors;

/** What an action may throw. */
export const failures: Readonly<Record<string, () => unknown>> = {
	bug: () => new TypeError("a secret"),
	declared: () => problem(odd, "ODD", { oddity: 0.1, "emoji 🏺": "\u2028" }, "very odd"),
	plain: () => problem(odd, "PLAIN"),
	foreign: () => new MoleculerClientError("no", 418, "TEAPOT", { a: 1 }),
	known: () => new MoleculerClientError("no", 418, "FORBIDDEN", { a: 1, status: 200 }),
	bare404: () => Object.assign(new Error("no"), { code: 404 }),
	bare503: () => Object.assign(new Error("no"), { code: 503 }),
	status: () => Object.assign(new Error("no"), { status: 401, statusCode: 401 }),
	retryable: () => new Errors.MoleculerRetryableError("no", 500, "AGAIN", {}),
	invalid: () => new Errors.ValidationError("no", "WRONG", [{ path: "/a", message: "no" }]),
	away: () => new Errors.ServiceNotFoundError({ action: "odd.none" }),
	timeout: () => new Errors.RequestTimeoutError({ action: "odd.none", nodeID: "x" }),
	full: () => new Errors.QueueIsFullError({ action: "odd.none", nodeID: "x" }),
	unsaid: () => new MoleculerError("no", 409, "ODD", { oddity: 1n, circular }),
	data: () => new MoleculerError("no", 409, "ODD", { oddity: 1, requestId: "mine", status: 200 }),
	list: () => new MoleculerError("no", 409, "ODD", [1, 2]),
	text: () => "a text",
	object: () => ({ code: 404, type: "PLAIN", message: "no error" }),
	nothing: () => undefined,
};

export default implement(odd, {
	actions: {
		async result(ctx) {
			return results[ctx.params.name];
		},
		async status(ctx) {
			Object.assign(ctx.meta, ctx.params.meta);
			answerWith(ctx, ctx.params.status);
			return ctx.params.result ?? { status: ctx.params.status };
		},
		async file(ctx) {
			const content = results[ctx.params.name];
			return { contentType: "text/x-odd; charset=utf-8", content: String(content) };
		},
		async raw(ctx) {
			return ctx.params;
		},
		async echo(ctx) {
			const { a } = ctx.params;
			if (!a.startsWith("nested")) return ctx.params;
			const call: (name: string, params: object) => Promise<unknown> = ctx.call.bind(ctx) as never;
			const [first, second] = await Promise.all([
				call("odd.result", { name: "order" }),
				call("odd.status", { status: 202, meta: { private: true } }),
			]);
			return { first, second, params: ctx.params };
		},
		async fail(ctx) {
			throw failures[ctx.params.name]?.();
		},
		async slow(ctx) {
			const { ms, how } = ctx.params;
			await pause(ms);
			if (how) throw failures[how]?.();
			return ctx.params;
		},
		async keyed(ctx) {
			const { ms, how } = ctx.params;
			await pause(ms);
			if (how === "204") answerWith(ctx, 204);
			else if (how === "202") answerWith(ctx, 202);
			else if (how) throw failures[how]?.();
			return { ...ctx.params, text: "🏺" };
		},
		async limited() {
			return {};
		},
		async hidden() {
			return {};
		},
		async breaks() {
			throw new Errors.MoleculerServerError("broken", 500, "BROKEN");
		},
	},
});
