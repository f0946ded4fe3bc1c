import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { ServiceBroker } from "moleculer";
import { type Audit, type AuditRecord, runAudited } from "../../../kernel/audit.ts";
import { systemClock } from "../../../kernel/clock.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { Collection, type Driver } from "../../../kernel/store/collection.ts";
import { type Doc, defineModel, type Model } from "../../../kernel/store/model.ts";
import { openMongo } from "../../../kernel/store/mongo.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";
import { needs } from "../../support/servers.ts";
import { tokenOf } from "./fixtures/keyrings.service.ts";
import { safes } from "./fixtures/safes.contract.ts";
import { keyrings } from "./fixtures/vaults.contract.ts";
import { fixture, type MeshNode, TestMesh, until } from "./mesh.ts";

interface Thing extends Doc {
	status?: string;
	roles?: string[];
	amountMinor?: number;
	parts?: Record<string, { status: string; reason?: string }>;
}

const things = (name: string): Model<Thing> =>
	defineModel<Thing>()({
		name,
		fields: { status: String, roles: [String], amountMinor: Number, parts: { type: Object } },
		indexes: {},
		told: ["status", "roles", "amountMinor", "parts.*.status"],
	});

const auditOn = (things: object): Audit => ({
	action: "things.change",
	by: { system: true },
	requestId: "req_1",
	fact: { name: "thing.audited", v: 1 },
	clock: systemClock,
	collections: [things],
});

const recordsIn = async (things: Collection<Thing>): Promise<AuditRecord[]> =>
	(await things.outboxes(100)).flatMap(({ facts }) => facts.map(({ data }) => data as AuditRecord));

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Before and after of one path, each as text. */
const steps = (records: readonly AuditRecord[], path: string): [string, string][] =>
	records.flatMap(({ changes }) =>
		changes
			.filter(change => change.path === path)
			.map(({ before, after }): [string, string] => [
				JSON.stringify(before ?? null),
				JSON.stringify(after ?? null),
			]),
	);

/** Follows the changes of one path from a value on: all of them are one chain. @returns where it ends. */
function followed(changes: readonly [string, string][], from: unknown): unknown {
	const next = new Map(changes);
	assert.equal(next.size, changes.length, "two changes began at the same value");
	let at = JSON.stringify(from ?? null);
	for (const _ of changes) {
		const to = next.get(at);
		assert.ok(to, `nothing follows ${at}`);
		at = to;
	}
	return JSON.parse(at);
}

const broker = new ServiceBroker({ logger: false });
const dir = await mkdtemp(join(tmpdir(), "zeolite-audit-"));

let opened = 0;

function conformance(name: string, open: (model: Model<Thing>) => Promise<Driver>) {
	const collection = async (t: TestContext, model = things(`audited_${++opened}`)) => {
		const made = new Collection(model, await open(model));
		t.after(() => made.close());
		return made;
	};

	describe(name, () => {
		test("every one of many changes at once is told with its true before and after", async t => {
			const things = await collection(t);
			await things.insert({ id: "thg_1", status: "s", roles: ["none"], amountMinor: 0 });
			const write = (change: object) =>
				runAudited(auditOn(things), () => things.advance({ id: "thg_1" }, change));
			await Promise.all(
				range(12).flatMap(i => [
					write({ $inc: { amountMinor: 1 } }),
					write({ $set: { roles: [`r${i}`, "student"] } }),
					write({ $set: { "parts.p1.status": `s${i}` } }),
				]),
			);
			const end = await things.get("thg_1");
			const records = await recordsIn(things);
			assert.equal(records.length, 36);
			assert.equal(followed(steps(records, "amountMinor"), 0), 12);
			assert.deepEqual(followed(steps(records, "roles"), ["none"]), end?.roles);
			const status = followed(steps(records, "parts.p1.status"), undefined);
			assert.equal(status, end?.parts?.p1?.status);
		});

		test("values that look alike are told apart", async t => {
			const things = await collection(t);
			await things.insert({ id: "thg_1" });
			const write = (change: object) =>
				runAudited(auditOn(things), () => things.advance({ id: "thg_1" }, change));
			for (const roles of [[], ["a"], ["a", "b"], ["b", "a"], []]) await write({ $set: { roles } });
			await write({ $unset: { roles: true } });
			await write({ $unset: { roles: true } });
			await write({ $set: { "parts.p1": { status: "open", reason: "r" } } });
			await write({ $set: { parts: { p1: { reason: "r", status: "open" } } } });
			await write({ $set: { parts: {} } });
			assert.deepEqual(
				(await recordsIn(things)).flatMap(({ changes }) => changes),
				[
					{ path: "roles", after: [] },
					{ path: "roles", before: [], after: ["a"] },
					{ path: "roles", before: ["a"], after: ["a", "b"] },
					{ path: "roles", before: ["a", "b"], after: ["b", "a"] },
					{ path: "roles", before: ["b", "a"], after: [] },
					{ path: "roles", before: [] },
					{ path: "parts.p1.status", after: "open" },
					{ path: "parts" },
					{ path: "parts.p1.status", before: "open" },
					{ path: "parts" },
				],
			);
		});

		test("who dies right after the write has told it", async t => {
			const model = things(`audited_${++opened}`);
			const driver = await open(model);
			const dying = new Collection(model, {
				...driver,
				async update(guard, change) {
					await driver.update(guard, change);
					throw new Error("killed");
				},
			});
			await dying.insert({ id: "thg_1", status: "draft" });
			const sold = { $set: { status: "sold" } };
			await assert.rejects(
				runAudited(auditOn(dying), () => dying.advance({ id: "thg_1" }, sold)),
				/killed/,
			);
			await dying.close();
			const again = await collection(t, model);
			assert.equal((await again.get("thg_1"))?.status, "sold");
			assert.deepEqual(
				(await recordsIn(again)).map(({ changes }) => changes),
				[[{ path: "status", before: "draft", after: "sold" }]],
			);
			const taken = await runAudited(auditOn(again), () => again.advance({ id: "thg_1" }, sold));
			assert.equal(taken?.status, "sold");
			assert.equal(
				(await recordsIn(again)).length,
				1,
				"the run that is taken up tells nothing new",
			);
		});
	});
}

conformance("files", model => openNedb(broker, model, join(dir, `${model.name}.db`), assert.fail));

/** Facts that were published by these nodes, each once: one that waits for long may be published again. */
function published(t: TestContext, nodes: readonly MeshNode[]): Map<string, StoredFact> {
	const facts = new Map<string, StoredFact>();
	const seen = new Set<string>();
	for (const { platform } of nodes) {
		const publish = platform.pipe.publish.bind(platform.pipe);
		t.mock.method(platform.pipe, "publish", (fact: StoredFact, messageId: string) => {
			if (!seen.has(fact.id)) facts.set(fact.id, fact);
			seen.add(fact.id);
			return publish(fact, messageId);
		});
	}
	return facts;
}
const recordsOf = (facts: Map<string, StoredFact>): AuditRecord[] =>
	[...facts.values()].filter(f => f.name === "safe.audited").map(f => f.data as AuditRecord);

function onNodes(name: string, servers: Record<string, string>) {
	const open = async (t: TestContext, count: number) => {
		const mesh = new TestMesh(t, [safes, keyrings].map(fixture), servers);
		const nodes = await mesh.startAll(
			range(count).map(i => (i === 0 ? "safes,keyrings" : "safes")),
		);
		const facts = published(t, nodes);
		const as = (id: string, ...roles: string[]) => ({
			headers: { token: tokenOf(id, roles, mesh.clock.now()) },
		});
		return { nodes, node: nodes[0] as MeshNode, facts, as };
	};

	describe(name, () => {
		test("an audited action is told once, and nothing that it sets off", async t => {
			const { node, facts, as } = await open(t, 1);
			const { id } = await node.broker.call("safes.make", { state: "shut" }, as("usr_1"));
			const note = "a secret";
			const opts = { ...as("usr_2", "admin"), requestID: "req_abc" };
			await node.broker.call("safes.turn", { id, state: "open", note }, opts);
			await until(
				() => node.broker.call("safes.get", { id }),
				({ steps }) => Object.keys(steps).length === 3,
			);
			await node.broker.call("safes.turn", { id, state: "open", note }, as("usr_3"));
			await node.broker.call("safes.rest", { id }, as("usr_3"));
			const [made, turned, ...more] = recordsOf(facts);
			assert.deepEqual(more, []);
			const on = { collection: "safes", id };
			assert.deepEqual(made?.changes, [{ path: "state", after: "shut" }]);
			assert.deepEqual(made?.by, { userId: "usr_1", roles: [] });
			assert.deepEqual(turned, {
				action: "safes.turn",
				by: { userId: "usr_2", roles: ["admin"] },
				requestId: "req_abc",
				on,
				changes: [{ path: "state", before: "shut", after: "open" }, { path: "note" }],
			});
		});

		test("who calls is told, of each of many calls at once that wait for each other", async t => {
			const { node, facts, as } = await open(t, 1);
			const users = range(400).map(i => `usr_${i}`);
			const make = (state: string, options = {}) =>
				node.broker.call("safes.make", { state }, options);
			await Promise.all(users.map(user => make(user, as(user))));
			const told = recordsOf(facts).map(({ by, changes }) => [by.userId, changes[0]?.after]);
			assert.equal(told.length, users.length);
			for (const [userId, state] of told) assert.equal(userId, state);
			facts.clear();
			await make("system");
			await make("service", { headers: { service: "payment-service" } });
			assert.deepEqual(
				recordsOf(facts).map(({ by }) => by),
				[{ system: true }, { service: "payment-service" }],
			);
		});

		test("ids under a seed are those of old, and a second run of it tells nothing", async t => {
			const { node, facts } = await open(t, 1);
			const options = { headers: { seed: "a seed" } };
			const first = await node.broker.call("safes.make", { state: "shut" }, options);
			assert.equal(first.id, derivedId("saf", "a seed", "1"));
			assert.deepEqual(await node.broker.call("safes.make", { state: "shut" }, options), first);
			const { id } = first;
			const turn = () => node.broker.call("safes.turn", { id, state: "open", note: "n" }, options);
			await turn();
			await turn();
			const told = recordsOf(facts).map(({ action }) => action);
			assert.deepEqual(told, ["safes.make", "safes.turn"]);
			assert.ok(facts.has(derivedId("fct", "a seed", "1")), "the fact of its own");
		});

		if (Object.keys(servers).length > 0)
			test("two nodes that race tell every change once, with its true before", async t => {
				const { nodes, node, facts } = await open(t, 2);
				const { id } = await node.broker.call("safes.make", { state: "0" });
				facts.clear();
				const turn = ({ broker }: MeshNode, state: string) =>
					broker.call("safes.turn", { id, state, note: "n" });
				await Promise.all(range(8).flatMap(i => nodes.map((node, n) => turn(node, `${n}:${i}`))));
				const { state } = await node.broker.call("safes.get", { id });
				const records = recordsOf(facts);
				assert.equal(records.length, 16);
				assert.equal(followed(steps(records, "state"), "0"), state);
			});
	});
}

onNodes("one process", {});

const servers = await needs("nats", "mongo");
// Not before the wait: the tests above may be over by then, and every hook that is there ends what `needs` brings.
after(() => rm(dir, { recursive: true, force: true }));
if (servers) {
	const { nats, mongo } = servers;
	const namespace = `audit_${process.pid}_${Date.now()}`;
	conformance("MongoDB", model => openMongo(broker, model, mongo.url, namespace, () => {}));
	onNodes("nodes of a mesh", { NATS_URL: nats.url, MONGO_URL: mongo.url });
}
