import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { Contracts } from "../../../kernel/contracts.ts";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { Faults, noteFaults, shownText } from "../../../kernel/faults.ts";

const bells = defineContract("bells", {
	description: "Bells",
	actions: {
		ring: {
			description: "Rings",
			kind: "write",
			access: "public",
			result: Type.Object({}, { $id: "Rung" }),
			errors: { CRACKED: { status: 409, title: "It is cracked" } },
		},
	},
});

function open() {
	const clock = { at: 1_000, now: () => clock.at };
	const faults = new Faults({ contracts: new Contracts([bells]), clock, nodeID: "node-1" });
	return { clock, faults };
}

test("a message is shown without what is personal or secret", () => {
	const stripeKey = ["sk", "live", "0123456789abcdef"].join("_");
	const told = shownText(
		`E11000 dup key: { email: "ada@example.com", name: "Ada Lovelace" } by bob.b+x@mail.example.org, ` +
			`+44 20 7946 0958, {"phone":"0207946","password":"hunter2"} Bearer abc.def ${stripeKey}`,
	);
	for (const gone of ["ada@", "Ada Lovelace", "bob", "7946", "hunter2", "abc.def", stripeKey])
		assert.ok(!told.includes(gone), `${gone} is in ${told}`);
	assert.match(told, /^E11000 dup key: \{ email: "…", name: "…" \}/);
});

test("a message that only says what broke stays as it is, and short", () => {
	for (const text of [
		"Cannot read properties of undefined (reading 'amountMinor')",
		"payment.captured fct_0190f3c2-0000-7000-8000-000000000000 does not fit its schema: /userId must have required property 'userId'",
		"connect ECONNREFUSED 127.0.0.1:27017",
	])
		assert.equal(shownText(text), text);
	assert.equal(shownText("x".repeat(1_000)).length, 301);
});

test("a bug and an outage are faults; what a contract declares is an answer", () => {
	const { faults } = open();
	faults.add(problem(bells, "CRACKED"), "bells.ring");
	faults.add(platformProblem("FORBIDDEN"), "bells.ring");
	faults.add(platformProblem("SERVICE_UNAVAILABLE"), "bells.ring", "req_1");
	faults.add(new TypeError("no clapper"), "bells.ring", "req_2");
	assert.deepEqual(
		faults.list().map(({ code, requestId }) => [code, requestId]),
		[
			["INTERNAL_ERROR", "req_2"],
			["SERVICE_UNAVAILABLE", "req_1"],
		],
	);
});

test("an error that passes several callers, or was noted on another node, is noted once", () => {
	const { faults } = open();
	const error = new Error("no clapper");
	faults.add(error, "bells.ring");
	faults.add(error, "towers.ring");
	faults.add(Object.assign(new Error("far away"), { nodeID: "node-2" }), "towers.ring");
	faults.add(Object.assign(new Error("here"), { nodeID: "node-1" }), "towers.ring");
	assert.deepEqual(
		faults.list().map(({ where, message }) => `${where} ${message}`),
		["towers.ring here", "bells.ring no clapper"],
	);
});

test("what fails again is counted and comes first; at most 100 that differ are kept", () => {
	const { faults, clock } = open();
	for (let i = 0; i < 150; i++) {
		clock.at++;
		faults.add(new Error(`no ${i}`), "bells.ring");
	}
	faults.add(new Error("no 100"), "bells.ring", "req_9");
	const list = faults.list();
	assert.equal(list.length, 100);
	assert.deepEqual(list[0], {
		where: "bells.ring",
		code: "INTERNAL_ERROR",
		message: "no 100",
		requestId: "req_9",
		at: 1_150,
		times: 2,
	});
	assert.equal(list.at(-1)?.message, "no 50");
});

test("a broker's handler notes calls, calls that reached nobody, and events, and throws on", () => {
	const { faults } = open();
	const note = noteFaults(faults) as (error: Error, failed: object) => never;
	const failing = (error: Error, failed: object) =>
		assert.throws(
			() => note(error, failed),
			thrown => thrown === error,
		);
	failing(new Error("a"), { ctx: { action: { name: "bells.ring" }, requestID: "req_1" } });
	failing(new Error("b"), {
		actionName: "bells.hang",
		opts: { parentCtx: { requestID: "req_2" } },
	});
	failing(new Error("c"), { event: { name: "rung" }, service: { name: "ears" }, ctx: {} });
	failing(new Error("d"), { actionName: "$ops.report", opts: {} });
	failing(Object.assign(new Error("e"), { data: { action: "bells.ring" } }), {
		ctx: { action: { name: "api.rest" } },
	});
	assert.deepEqual(
		faults.list().map(({ where, requestId }) => [where, requestId]),
		[
			["bells.ring", undefined],
			["rung → ears", undefined],
			["bells.hang", "req_2"],
			["bells.ring", "req_1"],
		],
	);
});
