import assert from "node:assert/strict";
import { test } from "node:test";
import { Errors } from "moleculer";
import { platformProblem } from "../../../kernel/errors.ts";
import { mayRepeat, RetryBudget } from "../../../kernel/middlewares/retry.ts";

const where = { action: "courses.get", nodeID: "node-1" };

const cases: [what: string, error: unknown, read: boolean, write: boolean][] = [
	["nobody has it", new Errors.ServiceNotFoundError(where), true, true],
	["whoever has it is stopping", new Errors.ServiceNotAvailableError(where), true, true],
	["whoever has it takes no more", new Errors.QueueIsFullError(where), true, true],
	["its node died meanwhile", new Errors.RequestRejectedError(where), true, false],
	["it took too long", new Errors.RequestTimeoutError(where), true, false],
	["it waited longer than its caller", new Errors.RequestSkippedError(where), false, false],
	["it was refused", platformProblem("FORBIDDEN"), false, false],
	["its provider is away", platformProblem("SERVICE_UNAVAILABLE"), false, false],
	["it has a bug", new TypeError("undefined is not a function"), false, false],
	[
		"what it called was not there, and was retried there",
		new Errors.ServiceNotAvailableError({ action: "users.get", nodeID: "node-2" }),
		false,
		false,
	],
];

for (const [what, error, read, write] of cases)
	test(`made again: ${what}`, () => {
		assert.equal(mayRepeat(error, where.action, "read"), read, "read");
		assert.equal(mayRepeat(error, where.action, "write"), write, "write");
	});

test("retries add a fifth to the load, and ten", () => {
	const budget = new RetryBudget();
	let made = 0;
	for (let calls = 0; calls < 1_000; calls++) {
		budget.earn();
		while (made < 4 * calls && budget.spend()) made++;
	}
	assert.equal(made, 1_000 / 5 + 10);
});

test("a quiet time saves up a hundred retries, not more", () => {
	const budget = new RetryBudget();
	for (let calls = 0; calls < 10_000; calls++) budget.earn();
	let made = 0;
	while (budget.spend()) made++;
	assert.equal(made, 100);
});
