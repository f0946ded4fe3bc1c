import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Contract, defineContract } from "../../kernel/contract.ts";
import { Contracts, fingerprint } from "../../kernel/contracts.ts";
import { findServices } from "../../kernel/load.ts";
import { brokenPromises, type Lock, lockOf } from "../../kernel/lock.ts";
import { SchemaChecks } from "../../kernel/validator.ts";
import { root, startNode } from "../support/node.ts";

const folders = await findServices(root);
const contracts = new Contracts(folders.map(folder => folder.contract));
const checks = new SchemaChecks(contracts);
const locked = JSON.parse(readFileSync(join(root, "contracts.lock.json"), "utf8")) as Lock;

test("every action of ours has a description, and an example that fits its params", () => {
	for (const { name, actions } of contracts.all)
		for (const [action, face] of Object.entries(actions as Contract["actions"])) {
			const full = `${name}.${action}`;
			assert.ok(face.description.length > 5, full);
			if (face.accepts === "raw") continue;
			const checked = checks.params(full, face.example ?? {});
			assert.ok("params" in checked, `${full}: ${JSON.stringify(checked)}`);
		}
});

test("one $id is one schema", () => {
	const seen = new Map<string, string>();
	const visit = (schema: unknown): void => {
		if (typeof schema !== "object" || schema === null) return;
		const { $id } = schema as { $id?: unknown };
		if (typeof $id === "string") {
			const text = JSON.stringify(schema);
			assert.equal(seen.get($id) ?? text, text, $id);
			seen.set($id, text);
		}
		Object.values(schema).forEach(visit);
	};
	for (const action of contracts.actions.values()) visit([action.params, action.result]);
	for (const { facts = {} } of contracts.all) visit(Object.values(facts));
});

test("every path is under /api, but those that others have fixed", () => {
	const fixed =
		/^[A-Z]+ \/(|api|certificates|webhooks|problems|docs|ops|sandbox|school|\.well-known|openapi\.json|favicon\.ico)(\/|$)/;
	for (const [name, { rest }] of Object.entries(locked.actions))
		for (const alias of rest) assert.match(alias, fixed, name);
});

test("the registry of a node has the contracts' actions, and no other", async t => {
	const { broker } = await startNode(t);
	const registered = broker.registry
		.getActionList({ onlyLocal: true })
		.map(action => action.name)
		.filter(name => !name.startsWith("$") && name !== "api.rest");
	assert.deepEqual(registered.sort(), [...contracts.actions.keys()].sort());
	const services = broker.registry.getServiceList({ onlyLocal: true, skipInternal: true });
	for (const contract of contracts.all) {
		const found = services.find(service => service.name === contract.name);
		assert.equal(found?.metadata?.contract, fingerprint(contract), contract.name);
	}
});

test("contracts.lock.json is kept: nothing that was promised is broken", () => {
	assert.deepEqual(brokenPromises(locked, lockOf(contracts)), []);
});

test("contracts.lock.json is current: `npm run lock` takes in what is new", () => {
	assert.deepEqual(locked, lockOf(contracts));
});

const promised = lockOf(contracts);
const changed = (change: (lock: Lock) => void): string[] => {
	const now = structuredClone(promised);
	change(now);
	return brokenPromises(promised, now);
};
const of = (lock: Lock, name: string) => lock.actions[name] as Lock["actions"][string];

for (const [what, change, sentence] of [
	["a removed action", l => delete l.actions["courses.get"], /courses\.get is gone/],
	["a removed alias", l => of(l, "auth.me").rest.pop(), /auth\.me does not answer GET/],
	["a removed result field", l => delete of(l, "courses.get").result["/title"], /\/title is gone/],
	[
		"a re-typed result field",
		l => {
			of(l, "courses.get").result["/title"] = "integer";
		},
		/\/title was string and is integer/,
	],
	[
		"a result field that may be absent",
		l => {
			of(l, "courses.get").result["/title"] = "string?";
		},
		/\/title may now be absent/,
	],
	[
		"a removed result value",
		l => {
			of(l, "courses.get").result["/status"] = "draft|published";
		},
		/\/status was/,
	],
	[
		"a new required param",
		l => {
			of(l, "courses.create").params["/isbn"] = "string";
		},
		/\/isbn is now required/,
	],
	[
		"a param that became required",
		l => {
			of(l, "courses.create").params["/price"] = "number";
		},
		/\/price is now required/,
	],
	[
		"a param that is not taken",
		l => delete of(l, "courses.create").params["/price"],
		/\/price is not taken any more/,
	],
	[
		"a removed error",
		l => delete of(l, "courses.get").errors.COURSE_NOT_FOUND,
		/COURSE_NOT_FOUND was 404 and is gone/,
	],
	[
		"another status",
		l => {
			of(l, "courses.create").statuses = [200];
		},
		/answered 201 and answers 200/,
	],
	[
		"a closed door",
		l => {
			of(l, "courses.list").access = ['"user"'];
		},
		/not open to "public"/,
	],
	["a removed fact", l => delete l.facts["payment.captured"], /the fact payment\.captured is gone/],
	[
		"a removed field of a fact",
		l => delete l.facts["payment.captured"]?.["/amountMinor"],
		/payment\.captured: the field \/amountMinor is gone/,
	],
] as readonly [string, (lock: Lock) => unknown, RegExp][])
	test(`${what} is a broken promise, in one sentence that names it`, () => {
		const broken = changed(change);
		assert.equal(broken.length, 1, String(broken));
		assert.match(broken[0] as string, sentence);
	});

test("growth breaks nothing", () => {
	const broken = changed(lock => {
		const create = of(lock, "courses.create");
		create.params["/subtitle"] = "string?";
		create.result["/subtitle"] = "string";
		create.errors.SUBTITLE_TAKEN = 409;
		of(lock, "courses.get").result["/status"] = "archived|draft|in_review|published";
		lock.actions["courses.copy"] = structuredClone(create);
		lock.facts["course.copied"] = { "/": "object" };
	});
	assert.deepEqual(broken, []);
});

test("an example contract without access does not get past the start", () => {
	const face = { description: "Answers", kind: "read", result: { $id: "X" } };
	const open = defineContract("open", { description: "x", actions: { ping: face as never } });
	assert.throws(() => new Contracts([open]), /open\.ping does not say who may call it/);
});
