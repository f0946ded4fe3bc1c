import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Type } from "typebox";
import { type ActionContract, type Contract, defineContract } from "../../../kernel/contract.ts";
import { ContractError, Contracts } from "../../../kernel/contracts.ts";

const Result = Type.Object({ id: Type.String() }, { $id: "Thing" });
const action = (more: Partial<ActionContract> = {}): ActionContract => ({
	description: "Does it",
	kind: "read",
	access: "public",
	result: Result,
	...more,
});
const contract = (name: string, more: Partial<Contract> = {}): Contract =>
	defineContract(name, { description: "A service", actions: { get: action() }, ...more });
const Data = Type.Object({ id: Type.String() }, { $id: "ThingMade" });
const made = { "thing.made": { v: 1, data: Data } };

function problemsOf(...contracts: Contract[]): readonly string[] {
	try {
		new Contracts(contracts);
		return [];
	} catch (error) {
		assert.ok(error instanceof ContractError);
		return error.problems;
	}
}

describe("contracts that fit", () => {
	const contracts = new Contracts([
		contract("things", {
			facts: made,
			actions: {
				get: action({
					rest: ["GET /api/things/:id", "GET /things/:id"],
					errors: { THING_NOT_FOUND: { status: 404, title: "There is no such thing" } },
				}),
				tidy: action({ access: "internal", kind: "write" }),
			},
			schedules: { tidy: "PT5M" },
			provides: { "payable:thing": "get" },
		}),
		contract("users", { consumes: { "thing.made": { from: "now" } } }),
		contract("teams", { consumes: { "thing.made": { from: "start" } } }),
	]);

	test("are found by action, fact and role", () => {
		assert.equal(contracts.action("things.get")?.description, "Does it");
		assert.equal(contracts.action("things.nope"), undefined);
		assert.equal(contracts.action("constructor"), undefined);
		assert.deepEqual(contracts.consumersOf("thing.made"), ["users", "teams"]);
		assert.deepEqual(contracts.consumersOf("thing.lost"), []);
		assert.equal(contracts.provider("payable:thing"), "things.get");
		assert.equal(contracts.provider("payable:nothing"), undefined);
	});

	test("have the kernel's actions where they write or consume facts", () => {
		assert.deepEqual([...contracts.actions.keys()].sort(), [
			"teams.facts.parked",
			"teams.facts.receipts",
			"teams.facts.replay",
			"teams.get",
			"things.facts.pending",
			"things.facts.sweep",
			"things.get",
			"things.tidy",
			"users.facts.parked",
			"users.facts.receipts",
			"users.facts.replay",
			"users.get",
		]);
	});

	test("say what an error code means: the action first, then anybody, then the platform", () => {
		assert.equal(contracts.problem("THING_NOT_FOUND", "things.get")?.status, 404);
		assert.equal(contracts.problem("THING_NOT_FOUND")?.title, "There is no such thing");
		assert.equal(contracts.problem("FORBIDDEN", "things.get")?.status, 403);
		assert.equal(contracts.problem("NOBODY_SAID_THIS"), undefined);
		assert.equal(contracts.problem("constructor"), undefined);
		const own = contract("things", {
			actions: { get: action({ errors: { FORBIDDEN: { status: 403, title: "Only its owner" } } }) },
		});
		const { title } = new Contracts([own]).problem("FORBIDDEN", "things.get") ?? {};
		assert.equal(title, "Only its owner");
	});

	test("leave out what exists only with sandbox providers, where there are none", () => {
		const sandboxed = contract("payments", {
			actions: { get: action(), complete: action({ onlyWhere: "sandbox" }) },
		});
		assert.ok(new Contracts([sandboxed]).action("payments.complete"));
		assert.equal(new Contracts([sandboxed], false).action("payments.complete"), undefined);
		const onDisk = defineContract("files", {
			description: "x",
			actions: { serve: action({ onlyWhere: "disk" }) },
		});
		assert.ok(new Contracts([onDisk], false).action("files.serve"));
		assert.equal(new Contracts([onDisk], true, false).action("files.serve"), undefined);
	});
});

describe("contracts that do not fit name", () => {
	const withAction = (more: Partial<ActionContract>) =>
		contract("things", { actions: { get: action(more) } });

	for (const [what, contracts, problem] of [
		[
			"an action that does not say who may call it",
			[withAction({ access: undefined as never })],
			"things.get does not say who may call it: give it an access",
		],
		[
			"an action that nobody may call",
			[withAction({ access: [] })],
			"things.get does not say who may call it: give it an access",
		],
		[
			"a path of two actions",
			[
				withAction({ rest: "GET /api/things/:id" }),
				contract("users", { actions: { find: action({ rest: "GET /api/things/:id" }) } }),
			],
			"users.find and things.get both answer GET /api/things/:id",
		],
		[
			"a path of two actions under two names of its param",
			[
				contract("things", {
					actions: {
						get: action({ rest: "GET /api/things/:id/parts/:part" }),
						find: action({ rest: "GET /api/things/:name/parts/:key" }),
					},
				}),
			],
			"things.find and things.get both answer GET /api/things/:name/parts/:key",
		],
		[
			"a path that one action has twice",
			[withAction({ rest: ["GET /api/things", "GET /api/things"] })],
			"things.get and things.get both answer GET /api/things",
		],
		[
			"what is no method and path",
			[withAction({ rest: "/api/things" })],
			"things.get: /api/things is not a method and a path",
		],
		[
			"a path of what only the mesh may call",
			[withAction({ access: ["internal"], rest: "GET /api/things" })],
			"things.get is for the mesh only and cannot have the path GET /api/things",
		],
		[
			"a fact that no contract has",
			[contract("users", { consumes: { "thing.made": { from: "now" } } })],
			"users consumes the fact thing.made, which no contract has",
		],
		[
			"a fact of two contracts",
			[contract("things", { facts: made }), contract("users", { facts: made })],
			"users and things both have the fact thing.made",
		],
		[
			"a schedule of no action",
			[contract("things", { schedules: { tidy: "PT5M" } })],
			"things schedules tidy, which is not one of its actions",
		],
		[
			"a schedule that is none",
			[contract("things", { schedules: { get: "0 3 * * * Mars/Olympus" } })],
			"things: the schedule 0 3 * * * Mars/Olympus of get is neither a duration nor a cron expression",
		],
		[
			"a result without $id",
			[withAction({ result: Type.Object({}) })],
			"things.get: its result schema has no $id",
		],
		[
			"a fact's data without $id",
			[contract("things", { facts: { "thing.made": { v: 1, data: Type.Object({}) } } })],
			"things: the fact thing.made has a schema without $id",
		],
		[
			"a name of two contracts",
			[contract("things"), contract("things")],
			"things: two contracts have this name",
		],
		[
			"a role that no action plays",
			[contract("things", { provides: { "payable:thing": "quote" } })],
			"things provides payable:thing by quote, which is not one of its actions",
		],
		[
			"a role that two play",
			[
				contract("things", { provides: { "payable:thing": "get" } }),
				contract("users", { provides: { "payable:thing": "get" } }),
			],
			"users and things both provide payable:thing",
		],
	] as const)
		test(what, () => assert.deepEqual(problemsOf(...contracts), [problem]));

	test("every problem at once", () => {
		const found = problemsOf(
			contract("things", {
				actions: { get: action({ access: undefined as never, result: Type.Object({}) }) },
				consumes: { "a.b": { from: "now" } },
			}),
		);
		assert.equal(found.length, 3);
	});

	test("an alias differs by method, and by what is no param", () => {
		const aliases = ["GET /a/:id", "POST /a/:id", "GET /a/b", "GET /a/:id/b", "GET /a"];
		assert.deepEqual(problemsOf(withAction({ rest: aliases })), []);
	});
});
