import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { type TSchema, Type } from "typebox";
import type { ActionContract } from "../../../kernel/contract.ts";
import { EnvError, readEnv } from "../../../kernel/env.ts";
import { invalidField, platformProblem } from "../../../kernel/errors.ts";
import {
	accessInWords,
	columns,
	describeAction,
	typeInWords,
} from "../../../kernel/repl/describe.ts";
import { age } from "../../../kernel/repl/facts.ts";
import { Operator } from "../../../kernel/repl/operator.ts";
import { asTyped, type Schema, sampleLine, strangeParam } from "../../../kernel/repl/params.ts";
import { problemText, Refusal } from "../../../kernel/repl/problem.ts";
import { nearest, unknownName } from "../../../kernel/repl/suggest.ts";

/** moleculer-repl's own reading of a line: split, commander, flags. */
async function readLine(line: string): Promise<{ actionName: string; params: unknown }> {
	const ofRepl = createRequire(createRequire(import.meta.url).resolve("moleculer-repl"));
	const { Command } = ofRepl("commander");
	const { parseArgsStringToArgv } = ofRepl("string-argv");
	const { convertArgs } = ofRepl("./src/utils.js");
	const program = new Command().exitOverride().allowUnknownOption(true);
	let read: { actionName: string; jsonParams?: string; options: object } | undefined;
	ofRepl("./src/commands/call.js").declaration(program, {}, (_: unknown, found: typeof read) => {
		read = found;
	});
	await program.parseAsync(parseArgsStringToArgv(`${line}\n`, "node", "repl"));
	assert(read);
	const { actionName, jsonParams, options } = read;
	return {
		actionName,
		params: jsonParams === undefined ? convertArgs(options) : JSON.parse(jsonParams),
	};
}

test("a sample line reads back as the example, whatever is in it", async () => {
	const key = fc.oneof(
		{ weight: 4, arbitrary: fc.constantFrom("title", "price", "id") },
		fc.constantFrom("title", "help", "save", "stream", "no-x", "a.b", "__proto__", "pageSize"),
		fc.string(),
	);
	const value = fc.oneof(
		fc.string(),
		fc.string({ unit: "grapheme" }),
		{
			weight: 8,
			arbitrary: fc.constantFrom(
				"true",
				"12",
				"1e3",
				"-x",
				"--y",
				"it's",
				`"a" 'b'`,
				"",
				"0x1f",
				"a b",
				"{",
				"a\u2028b",
				"a\r\nb",
			),
		},
		fc.double({ noNaN: true, noDefaultInfinity: true }).filter(number => !Object.is(number, -0)),
		fc.integer(),
		fc.boolean(),
		fc.constant(null),
		fc.array(fc.string()),
		fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
	);
	await fc.assert(
		fc.asyncProperty(fc.array(fc.tuple(key, value), { maxLength: 3 }), async entries => {
			const params = Object.fromEntries(entries);
			const line = sampleLine("courses.create", params);
			assert.doesNotMatch(line, /[\r\n\u2028\u2029]/);
			const read = await readLine(line);
			assert.deepEqual(read, { actionName: "courses.create", params });
		}),
		{ numRuns: 500 },
	);
});

test("a sample line uses flags where they say it all", () => {
	assert.equal(
		sampleLine("courses.create", { title: "Test Course", price: 99.99, isPreview: true }),
		'call courses.create --title "Test Course" --price 99.99 --isPreview true',
	);
	assert.equal(sampleLine("auth.me", {}), "call auth.me");
	assert.equal(
		sampleLine("x.y", { title: "it's", ids: [] }),
		`call x.y '{"title":"it\\u0027s","ids":[]}'`,
	);
});

const schema = (value: TSchema) => value as Schema;
const words = (line: string) => new Set(line.split(/[\s=]+/));

test("flags get the type of the contract, but never another text than was typed", () => {
	const params = schema(
		Type.Object({
			password: Type.String(),
			price: Type.Number(),
			status: Type.Enum(["1", "2"]),
			either: Type.Union([Type.String(), Type.Number()]),
			payable: Type.Object({ id: Type.String() }),
			tags: Type.Array(Type.String()),
			isFree: Type.Boolean(),
		}),
	);
	const line =
		"--password 12345678 --price 5 --status 1 --either 7 --payable.id 42 --tags 8 --isFree true";
	const read = {
		password: 12345678,
		price: 5,
		status: 1,
		either: 7,
		payable: { id: 42 },
		tags: [8],
		isFree: true,
		unknown: 3,
	};
	assert.deepEqual(asTyped(read, params, words(line)), {
		password: "12345678",
		price: 5,
		status: "1",
		either: 7,
		payable: { id: "42" },
		tags: ["8"],
		isFree: true,
		unknown: 3,
	});
	assert.deepEqual(asTyped({ password: 1000 }, params, words("--password 1e3")), {
		password: 1000,
	});
	assert.deepEqual(asTyped({ password: 5 }, params, words("--password=5.0")), { password: 5 });
});

test("a param the contract does not know is found", () => {
	const params = schema(Type.Object({ price: Type.Optional(Type.Number()) }));
	assert.equal(strangeParam({ price: 1, prise: 2 }, params), "prise");
	assert.equal(strangeParam({ price: 1 }, params), undefined);
	assert.equal(strangeParam({ any: 1 }, undefined), "any");
	assert.equal(strangeParam({ constructor: 1 }, params), "constructor");
});

test("a mistyped name finds the nearest", () => {
	const names = [
		"courses",
		"courses.create",
		"courses.get",
		"courses.list",
		"courses.facts.parked",
		"users.me",
		"users.get",
		"payments.create",
	];
	assert.deepEqual(nearest("courses.lst", names), ["courses.list"]);
	assert.deepEqual(nearest("courses.craete", names), ["courses.create"]);
	assert.deepEqual(nearest("course", names), ["courses"]);
	assert.deepEqual(nearest("courses.cr", names), ["courses.create"]);
	assert.deepEqual(nearest("create", names), ["courses.create", "payments.create"]);
	assert.deepEqual(nearest("Users.Me", names), ["users.me"]);
	assert.deepEqual(nearest("paymnets.create", names), ["payments.create"]);
	assert.deepEqual(nearest("enrollments.enroll", names), []);
	assert.deepEqual(nearest("x", []), []);
});

test("a refusal names what may have been meant", () => {
	assert.equal(
		unknownName("There is no action foo.baz", "foo.baz", ["foo.bar"]).message,
		"There is no action foo.baz. Did you mean foo.bar?",
	);
	assert.equal(
		unknownName("There is no action zzz", "zzz", ["foo.bar"]).message,
		"There is no action zzz",
	);
});

test("errors are told in a line or two", () => {
	assert.equal(
		problemText(invalidField("/price", "TOO_PRECISE", "has more digits than USD")),
		"422 VALIDATION_ERROR: The request does not fit its schema\n  /price TOO_PRECISE: has more digits than USD",
	);
	const fromValidator = {
		message: "Parameters validation error!",
		code: 422,
		type: "VALIDATION_ERROR",
		data: [
			{ path: "/title", code: "REQUIRED", message: "is missing" },
			{ path: "", code: "TYPE", message: "must be object" },
		],
	};
	assert.equal(
		problemText(fromValidator),
		"422 VALIDATION_ERROR: Parameters validation error!\n  /title REQUIRED: is missing; / TYPE: must be object",
	);
	const withData = { message: "The price is another", code: 422, type: "AMOUNT_MISMATCH" };
	assert.equal(
		problemText({ ...withData, data: { amountMinor: 9999, currency: "USD" } }),
		"422 AMOUNT_MISMATCH: The price is another\n  amountMinor: 9999, currency: USD",
	);
	assert.equal(problemText(withData), "422 AMOUNT_MISMATCH: The price is another");
	assert.equal(
		problemText(platformProblem("UNAUTHENTICATED")),
		"401 UNAUTHENTICATED: A valid access token is needed\n  `as <e-mail>` signs in",
	);
	assert.equal(problemText(new Refusal("There is no action x")), "There is no action x");
});

test("of a bug the place is told, and nothing of libraries", () => {
	const bug = new TypeError("x is not a function");
	bug.stack = [
		"TypeError: x is not a function",
		"    at run (/srv/node_modules/moleculer/src/service.js:1:1)",
		"    at node:internal/process:1:1",
		"    at create (/srv/services/learning/courses/price.ts:12:3)",
		"    at other (/srv/services/learning/courses/other.ts:1:1)",
	].join("\n");
	assert.equal(
		problemText(bug),
		"A bug: x is not a function\n  at create (/srv/services/learning/courses/price.ts:12:3)",
	);
	assert.equal(problemText("thrown"), "A bug: thrown");
});

test("types are told in words", () => {
	const told = (value: TSchema) => typeInWords(schema(value));
	assert.equal(told(Type.String({ minLength: 1, maxLength: 9 })), "text 1..9");
	assert.equal(told(Type.String({ format: "date-time" })), "date-time");
	assert.equal(told(Type.String({ pattern: "^[A-Z]{3}$" })), "text ^[A-Z]{3}$");
	assert.equal(told(Type.Number({ minimum: 0 })), "number from 0");
	assert.equal(told(Type.Integer({ maximum: 5 })), "integer to 5");
	assert.equal(told(Type.Enum(["a", "b"])), "a | b");
	assert.equal(told(Type.Union([Type.Literal("x"), Type.Null()])), '"x" | null');
	assert.equal(
		told(Type.Array(Type.Object({ id: Type.String(), a: Type.Optional(Type.String()) }))),
		"list of {id, a?}",
	);
	assert.equal(told(Type.Record(Type.String(), Type.String())), "object");
});

test("an action is described from its contract", () => {
	const action: ActionContract = {
		description: "Makes a thing; its price is in major units",
		kind: "write",
		access: ["internal", { roles: ["teacher", "admin"] }, { service: ["file-service"] }],
		rest: ["POST /api/things", "POST /api/thing"],
		status: [201, 200],
		params: Type.Object({
			title: Type.String({ minLength: 1 }),
			price: Type.Optional(Type.Number({ description: "Major units" })),
		}),
		result: Type.Object(
			{ id: Type.String(), note: Type.Optional(Type.String()) },
			{ $id: "Thing" },
		),
		errors: { THING_TAKEN: { status: 409, title: "There is one" } },
		example: { title: "One" },
	};
	assert.equal(
		describeAction("things.create", action),
		[
			"things.create (write): Makes a thing; its price is in major units",
			"  access  the mesh, teacher or admin, file-service",
			"  rest    POST /api/things, POST /api/thing → 201, 200",
			"  result  Thing {id, note?}",
			"  params",
			"    title   text from 1",
			"    price?  number       Major units",
			"  errors",
			"    THING_TAKEN  409  There is one",
			"  example",
			"    call things.create --title One",
		].join("\n"),
	);
	const bare: ActionContract = {
		description: "Nothing",
		kind: "read",
		access: "public",
		result: Type.Null({ $id: "Nothing" }),
	};
	assert.equal(
		describeAction("things.none", bare),
		"things.none (read): Nothing\n  access  anyone\n  rest    none\n  result  Nothing",
	);
	assert.equal(accessInWords({ ...bare, access: "user" }), "any user");
});

test("columns are aligned and end without spaces", () => {
	assert.equal(
		columns(
			[
				["a", "bb", ""],
				["ccc", "d", "e"],
			],
			" ",
		),
		" a    bb\n ccc  d   e",
	);
	assert.equal(columns([]), "");
});

test("ages are told in their largest unit", () => {
	assert.deepEqual([0, 999, 1_000, 59_999, 60_000, 7_200_000, 90_000_000].map(age), [
		"0 ms",
		"999 ms",
		"1 s",
		"59 s",
		"1 min",
		"2 h",
		"1 d",
	]);
});

/** An operator on a mesh that records what was called and fails where it is told to. */
function operatorAt(start: number) {
	const calls: { action: string; params: object; headers: unknown }[] = [];
	const clock = { at: start, now: () => clock.at };
	const failing = new Map<string, unknown>();
	let issued = 0;
	const operator = new Operator({
		signIn: "auth.signInAs",
		clock,
		async call(action, params, options = {}) {
			calls.push({ action, params, headers: options.headers });
			if (failing.has(action)) throw failing.get(action);
			if (action !== "auth.signInAs") return "answer";
			const { email } = params as { email: string };
			const user = { id: "usr_1", email, roles: ["student"] };
			return { user, accessToken: `token-${++issued}`, expiresIn: 900 };
		},
	});
	const headersOf = async (options?: object) => {
		await operator.call("users.me", {}, options);
		return calls.at(-1)?.headers;
	};
	return { operator, calls, clock, failing, headersOf };
}

test("calls carry who the operator is", async () => {
	const { operator, headersOf } = operatorAt(0);
	assert.deepEqual(await headersOf(), {});
	await operator.becomeUser("ada@example.com");
	assert.deepEqual(await headersOf(), { token: "token-1" });
	operator.becomeService("payment-service");
	assert.deepEqual(await headersOf(), { service: "payment-service" });
	operator.becomeNobody();
	assert.deepEqual(await headersOf(), {});
});

test("headers that are given go as they are", async () => {
	const { operator, headersOf } = operatorAt(0);
	await operator.becomeUser("ada@example.com");
	assert.deepEqual(await headersOf({ headers: { token: "other" } }), { token: "other" });
});

test("a token is renewed 30 s before it expires, and not earlier", async () => {
	const { operator, clock, headersOf } = operatorAt(1_000_000);
	await operator.becomeUser("ada@example.com");
	clock.at += 869_999;
	assert.deepEqual(await headersOf(), { token: "token-1" });
	clock.at += 1;
	assert.deepEqual(await headersOf(), { token: "token-2" });
	clock.at += 800_000;
	assert.deepEqual(await headersOf(), { token: "token-2" });
});

test("a token that was refused is renewed by the next call", async () => {
	const { operator, failing, headersOf } = operatorAt(0);
	await operator.becomeUser("ada@example.com");
	failing.set("users.me", platformProblem("FORBIDDEN"));
	await assert.rejects(headersOf());
	failing.set("users.me", platformProblem("UNAUTHENTICATED"));
	await assert.rejects(headersOf());
	failing.clear();
	assert.deepEqual(await headersOf(), { token: "token-2" });
	assert.equal(operator.who.kind === "user" && operator.who.user.email, "ada@example.com");
});

test("who cannot be signed in changes nothing", async () => {
	const { operator, failing } = operatorAt(0);
	operator.becomeService("payment-service");
	failing.set("auth.signInAs", platformProblem("SERVICE_UNAVAILABLE"));
	await assert.rejects(operator.becomeUser("ada@example.com"), { type: "SERVICE_UNAVAILABLE" });
	assert.deepEqual(operator.who, { kind: "service", name: "payment-service" });
});

test("a node of a mesh needs a store, unless it runs no service", () => {
	const mesh = { NATS_URL: "nats://127.0.0.1:4222" };
	assert.equal(readEnv({ ...mesh, SERVICES: "none" }).mode, "mesh");
	for (const SERVICES of ["", "money", "none,money"])
		assert.throws(() => readEnv({ ...mesh, SERVICES }), EnvError);
});
