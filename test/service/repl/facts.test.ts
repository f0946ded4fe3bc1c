import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { Consumer } from "../../../kernel/facts/consumer.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { Repl } from "../../../kernel/repl/commands.ts";
import { folderOf, startNode } from "../../support/node.ts";
import { bells, ears } from "./fixtures/bells.contract.ts";
import { plugged } from "./fixtures/ears.service.ts";

/** A node whose ears hear nothing, with one fact that was rung and lies in the outbox. */
async function rungUnheard(t: TestContext) {
	plugged.by = "full of wax";
	const clock = { at: Date.parse("2026-01-01T00:00:00Z"), now: () => clock.at };
	const node = await startNode(t, {
		clock,
		folders: [bells, ears].map(contract =>
			folderOf(contract, `${import.meta.dirname}/fixtures/${contract.name}.service.ts`),
		),
	});
	const received: StoredFact[] = [];
	const publish = node.platform.pipe.publish.bind(node.platform.pipe);
	t.mock.method(node.platform.pipe, "publish", (fact: StoredFact, id: string) => {
		received.push(fact);
		return publish(fact, id);
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
	await node.broker.call("bells.ring", {});
	const fact = received[0] as StoredFact;
	const { consumer } = node.broker.getLocalService("ears") as unknown as { consumer: Consumer };
	const park = async () => {
		for (let tries = 0; tries < 8; tries++) {
			clock.at += 400_000;
			await consumer.receive(fact);
		}
	};
	return { node, says, fact, park, clock };
}

test("facts pending counts what lies in outboxes, and tells who does not say", async t => {
	const { node, says, clock } = await rungUnheard(t);
	clock.at += 65_000;
	assert.equal(
		await says("facts pending"),
		"publisher  pending  oldest\nbells      1        1 min",
	);
	await node.broker.destroyService("bells");
	assert.match(
		await says("facts pending"),
		/^publisher.*\nbells does not say: 404 SERVICE_NOT_AVAILABLE/,
	);
});

test("facts parked shows the last error and the line that replays; replay tries again", async t => {
	const { says, fact, park, clock } = await rungUnheard(t);
	assert.equal(await says("facts parked"), "No fact is parked");
	await park();
	clock.at += 3_600_000;
	assert.equal(
		await says("facts parked"),
		`bell.rung in ears, 1 h ago after 8 tries: full of wax\n  facts replay ears ${fact.id}`,
	);

	plugged.by = "still full";
	assert.equal(
		await says(`facts replay ears ${fact.id}`),
		`${fact.id} is parked again: still full`,
	);
	plugged.by = undefined;
	assert.equal(await says(`facts replay ears ${fact.id}`), `${fact.id} is done`);
	assert.equal(await says("facts parked"), "No fact is parked");
	assert.equal(await says(`facts replay ears ${fact.id}`), `${fact.id} is done`);
});

test("facts refuses what it does not know", async t => {
	const { says } = await rungUnheard(t);
	const usage = "facts pending, facts parked, or facts replay <service> <factId>";
	assert.equal(await says("facts parkd"), usage);
	assert.equal(await says("facts replay ears"), usage);
	assert.equal(await says("facts replay eers fct_1"), "eers consumes no facts. Did you mean ears?");
	assert.equal(await says("facts replay bells fct_1"), "bells consumes no facts");
	assert.equal(await says("facts replay ears fct_1"), "ears never met fct_1");
});
