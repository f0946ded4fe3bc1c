import assert from "node:assert/strict";
import { test } from "node:test";
import { Errors } from "moleculer";
import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { Contracts } from "../../../kernel/contracts.ts";
import { ProblemError, platformProblem, problem } from "../../../kernel/errors.ts";
import { codeOfSlug, problemAnswer, slugOf } from "../../../services/gateway/api/problems.ts";

const shop = defineContract("shop", {
	description: "A shop",
	actions: {
		buy: {
			description: "Buys",
			kind: "write",
			access: "public",
			result: Type.Null({ $id: "Nothing" }),
			errors: {
				SOLD_OUT: {
					status: 409,
					title: "It is sold out",
					data: Type.Object({ left: Type.Integer() }),
				},
			},
		},
	},
});
const contracts = new Contracts([shop]);
const answer = (error: unknown) => problemAnswer(error, contracts, "req_1", "shop.buy");

test("a declared error has its status, its words and its members", () => {
	assert.deepEqual(answer(problem(shop, "SOLD_OUT", { left: 0 }, "The last one is gone")).body, {
		type: "/problems/sold-out",
		title: "It is sold out",
		status: 409,
		detail: "The last one is gone",
		code: "SOLD_OUT",
		requestId: "req_1",
		left: 0,
	});
});

test("an error that crossed nodes, its class lost, is answered alike", () => {
	const local = problem(shop, "SOLD_OUT", { left: 0 });
	const remote = Object.assign(new Error(local.message), {
		name: local.name,
		code: local.code,
		type: local.type,
		data: local.data,
	});
	assert.deepEqual(answer(remote), answer(local));
});

test("a member cannot pass for the document's own", () => {
	const { body } = answer(
		new ProblemError("SOLD_OUT", shop.actions.buy.errors.SOLD_OUT, {
			status: 200,
			code: "OK",
			left: 1,
		}),
	);
	assert.deepEqual([body.status, body.code, body.left], [409, "SOLD_OUT", 1]);
});

for (const error of [
	new Error("db password is hunter2"),
	Object.assign(new Error("secret"), { code: 409 }),
	Object.assign(new Error("secret"), { type: "NOBODY_DECLARES_THIS", code: 400 }),
	Object.assign(new Error("secret"), { type: "INTERNAL_ERROR", code: 500 }),
	"a thrown string",
	undefined,
	null,
])
	test(`a bug tells nothing but the request id: ${String(error)}`, () => {
		const { body, isFault } = answer(error);
		assert.equal(isFault, true);
		assert.deepEqual(body, {
			type: "/problems/internal-error",
			title: "Something broke on our side",
			status: 500,
			detail: "Something broke on our side",
			code: "INTERNAL_ERROR",
			requestId: "req_1",
		});
	});

for (const error of [
	new Errors.ServiceNotFoundError({ action: "shop.buy" }),
	new Errors.ServiceNotAvailableError({ action: "shop.buy" }),
	new Errors.RequestTimeoutError({ action: "shop.buy", nodeID: "n" }),
	new Errors.RequestSkippedError({ action: "shop.buy", nodeID: "n" }),
	new Errors.RequestRejectedError({ action: "shop.buy", nodeID: "n" }),
	new Errors.QueueIsFullError({ action: "shop.buy", nodeID: "n", size: 1, limit: 1 }),
	Object.assign(new Error("Service unavailable"), { code: 503 }),
])
	test(`${error.name} is 503 with Retry-After, and no bug`, () => {
		const { body, headers, isFault } = answer(error);
		assert.deepEqual([body.status, body.code, isFault], [503, "SERVICE_UNAVAILABLE", false]);
		assert.ok(Number(headers["retry-after"]) > 0);
		assert.doesNotMatch(JSON.stringify(body), /shop\.buy/);
	});

test("field errors come from Moleculer's validation and from ours alike, without values", () => {
	const errors = [
		{ path: "/email", code: "FORMAT", message: "must match format", actual: "secret" },
	];
	const moleculer = new Errors.ValidationError("Parameters validation error!", "", errors as never);
	const ours = platformProblem("VALIDATION_ERROR", { errors });
	for (const error of [Object.assign(moleculer, { type: "VALIDATION_ERROR" }), ours])
		assert.deepEqual(answer(error).body.errors, [
			{ path: "/email", code: "FORMAT", message: "must match format" },
		]);
});

test("slugs and codes are the same thing", () => {
	assert.equal(slugOf("COURSE_NOT_FOUND"), "course-not-found");
	assert.equal(codeOfSlug("course-not-found"), "COURSE_NOT_FOUND");
});
