import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Errors } from "moleculer";
import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import {
	codeOf,
	invalidField,
	platformProblem,
	platformProblems,
	problem,
} from "../../../kernel/errors.ts";

const action = {
	description: "Sells one",
	kind: "write",
	access: "user",
	result: Type.Null({ $id: "Nothing" }),
} as const;
const shop = defineContract("shop", {
	description: "Sells",
	actions: {
		look: { ...action, errors: { NOT_FOR_SALE: { status: 404, title: "It is not for sale" } } },
		sell: {
			...action,
			errors: {
				SOLD_OUT: {
					status: 409,
					title: "There is none left",
					data: Type.Object({ left: Type.Integer() }),
				},
			},
		},
	},
});

describe("a declared problem", () => {
	test("carries its code, status and title", () => {
		const error = problem(shop, "NOT_FOR_SALE");
		assert.equal(error.type, "NOT_FOR_SALE");
		assert.equal(error.code, 404);
		assert.equal(error.message, "It is not for sale");
		assert.equal(error.data, undefined);
		assert.equal(error.retryable, false);
	});

	test("carries its members and a sentence where it has them", () => {
		const error = problem(shop, "SOLD_OUT", { left: 0 }, "Sold out since noon");
		assert.equal(error.type, "SOLD_OUT");
		assert.equal(error.code, 409);
		assert.equal(error.message, "Sold out since noon");
		assert.deepEqual(error.data, { left: 0 });
		assert.equal(problem(shop, "SOLD_OUT", { left: 0 }).message, "There is none left");
		assert.equal(problem(shop, "NOT_FOR_SALE", "Not today").message, "Not today");
		assert.equal(problem(shop, "NOT_FOR_SALE", "Not today").data, undefined);
	});

	test("of another contract is a bug", () => {
		assert.throws(() => problem(shop, "EMAIL_TAKEN" as never), {
			name: "TypeError",
			message: "shop declares no error EMAIL_TAKEN",
		});
		assert.throws(() => problem(shop, "constructor" as never), { name: "TypeError" });
	});
});

describe("the code of an error", () => {
	test("is its type, whatever its class", () => {
		assert.equal(codeOf(problem(shop, "NOT_FOR_SALE")), "NOT_FOR_SALE");
		assert.equal(codeOf(new Errors.MoleculerClientError("x", 400, "BAD")), "BAD");
		assert.equal(codeOf({ type: "SOLD_OUT" }), "SOLD_OUT");
	});

	test("is that of no bug", () => {
		for (const bug of [new Error("x"), new TypeError("x"), { type: 1 }, "text", null, undefined])
			assert.equal(codeOf(bug), undefined);
	});
});

describe("the platform's own problems", () => {
	test("have the status their table says", () => {
		for (const [code, { status, title }] of Object.entries(platformProblems)) {
			const error = platformProblem(code as keyof typeof platformProblems);
			assert.equal(error.type, code);
			assert.equal(error.code, status);
			assert.equal(error.message, title);
		}
	});

	test("say which field does not fit", () => {
		const error = invalidField("/price", "NOT_EXACT", "must be exact in USD");
		assert.equal(error.type, "VALIDATION_ERROR");
		assert.equal(error.code, 422);
		assert.deepEqual(error.data, {
			errors: [{ path: "/price", code: "NOT_EXACT", message: "must be exact in USD" }],
		});
	});
});
