import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { AuditRecord } from "../../../kernel/audit.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { Repl } from "../../../kernel/repl/commands.ts";
import { eventually } from "../../support/http.ts";
import { startNode } from "../../support/node.ts";
import { parkCapture } from "../../support/parked.ts";

/** The prompt of a node of the whole repository, and what it says to a line. */
async function prompt(t: TestContext, env: Record<string, string> = {}) {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const node = await startNode(t, {
		env: { ADMIN_EMAIL: "root@example.com", ADMIN_PASSWORD: "correct horse battery", ...env },
		clock,
	});
	const said: string[] = [];
	const repl = new Repl(node.broker, {
		signIn: "auth.signInAs",
		print: text => said.push(stripVTControlCharacters(text)),
	});
	const says = async (line: string) => {
		said.length = 0;
		const [name = "", ...args] = line.split(" ");
		await repl.run(name, args);
		return said.join("\n");
	};
	const forward = (ms: number) => {
		clock.aheadMs += ms;
	};
	return { node, repl, says, forward };
}

test("mesh shows the nodes and what is wrong", async t => {
	const { node, says } = await prompt(t);
	const told = (await says("mesh")).split("\n");
	assert.match(told[0] ?? "", /^node +state +up +memory +busy +calls\/s +services$/);
	assert.ok(told[1]?.startsWith(`${node.broker.nodeID}  ready  `));
	assert.match(told[1] ?? "", / MiB .*api, auth, certificates, courses, /);
	assert.equal(told[2], "All is well");
	await node.broker.destroyService("courses");
	assert.match(
		await eventually(
			() => says("mesh"),
			text => !text.includes("well"),
		),
		/\nbad: courses runs nowhere$/,
	);
});

test("top shows what is called, by service and by action", async t => {
	const { node, repl, says } = await prompt(t);
	assert.match(await says("top courses"), /^Nothing of it was called|^action/);
	const busy = await eventually(
		async () => {
			await node.broker.call("courses.list", {});
			return says("top courses");
		},
		text => text.includes("courses.list"),
	);
	assert.match(busy, /^action +nodes +calls\/s +p99 +failed +refused\n/);
	assert.match(busy, /^courses\.list +1 +[\d.]+ +[\d.]+ ms +0 % +0 %$/m);
	assert.match(await says("top"), /^service +nodes +calls\/s/);
	assert.equal(await says("top cources"), "There is no service cources. Did you mean courses?");
	assert.deepEqual(repl.complete("top cou"), ["top courses"]);
});

test("errors shows what failed, with its request", async t => {
	const { node, says } = await prompt(t);
	assert.equal(await says("errors"), "Nothing failed");
	const { courses } = node.broker.getLocalService("courses") as unknown as {
		courses: { list(): unknown };
	};
	t.mock.method(courses, "list", () => {
		throw new Error("no index");
	});
	for (let i = 0; i < 2; i++)
		await assert.rejects(node.broker.call("courses.list", {}, { requestID: "req_1" } as never));
	assert.match(
		await says("errors"),
		new RegExp(
			`^courses\\.list INTERNAL_ERROR: no index\\n  \\d+ \\w+ ago, 2 times, on ${node.broker.nodeID}(, request \\S+)?$`,
		),
	);
});

test("a replay is told of as the operator's", async t => {
	const { node, says, forward } = await prompt(t);
	const { fact, mend } = await parkCapture(node, forward, "disk full");
	await node.platform.tokens.refreshRevoked();
	mend();
	const told: StoredFact[] = [];
	t.mock.method(node.platform.pipe, "publish", async (one: StoredFact) => {
		told.push(one);
	});
	await says("as root@example.com");
	assert.equal(await says(`facts replay ledger ${fact.id}`), `${fact.id} is done`);
	const [record] = told.filter(({ name }) => name === "replay.audited");
	assert.ok(record);
	const { by, action } = record.data as AuditRecord;
	assert.equal(action, "ops.replay");
	assert.deepEqual(by.roles, ["admin"]);
});

test("where the deployment has nobody that watches it, facts are replayed all the same", async t => {
	const services = "money,identity,learning";
	const { node, says, forward } = await prompt(t, { SERVICES: services, MESH: services });
	const { fact, mend } = await parkCapture(node, forward, "disk full");
	mend();
	assert.equal(await says(`facts replay ledger ${fact.id}`), `${fact.id} is done`);
	assert.match(await says("mesh"), /no node of this mesh serves it now$/);
});
