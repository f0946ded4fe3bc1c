import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { Errors } from "moleculer";
import { MeshProcess } from "../../../deploy/process.ts";
import type { AuditRecord } from "../../../kernel/audit.ts";
import type { Broker } from "../../../kernel/contract.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import type { Node } from "../../../kernel/node.ts";
import type { OpsMesh } from "../../../services/platform/ops/ops.contract.ts";
import { eventually, send } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { meshEnv } from "../../support/mesh.ts";
import { acquainted, startNode } from "../../support/node.ts";
import { parkCapture } from "../../support/parked.ts";
import { freePort } from "../../support/ports.ts";
import { natsUrls, securedNats } from "../../support/secured-nats.ts";
import { needs } from "../../support/servers.ts";

const servers = await needs("nats", "mongo");
const nats = servers && (await securedNats());
if (servers && nats) {
	after(() => nats.server.stop());

	/** A gateway, money, and all else but engagement on a third node; an admin who asks over HTTP. */
	const open = async (t: TestContext) => {
		const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
		const env = {
			...meshEnv(),
			...natsUrls(new URL(nats.server.url).host),
			MONGO_URL: servers.mongo.url,
			MESH: "gateway,money,identity,learning,platform",
		};
		const port = await freePort();
		const start = (SERVICES: string, more: Record<string, string> = {}) =>
			startNode(t, {
				env: { ...env, SERVICES, LOG_LEVEL: "fatal", NODE_ID: `${SERVICES}-1`, ...more },
				clock,
			});
		const [gateway, money, rest] = await Promise.all([
			start("gateway", { PORT: String(port) }),
			start("money"),
			start("identity,learning,platform", { NODE_ID: "rest-1" }),
		]);
		await acquainted([gateway, money, rest]);
		const base = `http://127.0.0.1:${port}`;
		const { token, user } = await signUp(gateway, { role: "admin" });
		const mesh = async (): Promise<OpsMesh> =>
			(await send(base, "GET", "/api/ops/mesh", { token })).body;
		const forward = (ms: number) => {
			clock.aheadMs += ms;
		};
		return { env, base, token, user, gateway, money, rest, mesh, forward };
	};
	const stateOf = ({ nodes }: OpsMesh, nodeId: string) =>
		nodes.find(node => node.nodeId === nodeId)?.state;
	const opsOf = ({ broker }: Node) => (broker as unknown as Broker).call.bind(broker);

	test("every node says what it runs and how it is linked; a page that is asked twice asks once", async t => {
		const { mesh, gateway, money } = await open(t);
		const { nodes, mode } = await eventually(mesh, ({ troubles }) => troubles.length === 0);
		assert.equal(mode, "mesh");
		assert.deepEqual(
			nodes.map(({ nodeId, state, services }) => [nodeId, state, services[0]?.domain]),
			[
				["gateway-1", "ready", "gateway"],
				["rest-1", "ready", "identity"],
				["money-1", "ready", "money"],
			],
		);
		for (const { links, roundTripMs, version } of nodes) {
			assert.deepEqual(links, [
				{ name: "transport", isThere: true },
				{ name: "facts", isThere: true },
			]);
			assert.ok(roundTripMs !== undefined && roundTripMs < 10_000);
			assert.match(version ?? "", /^\d+\.\d+\.\d+/);
		}
		const reports = t.mock.method(money.platform.links, "isLost");
		await Promise.all(Array.from({ length: 10 }, () => opsOf(gateway)("ops.mesh")));
		assert.ok(reports.mock.callCount() <= 4, `${reports.mock.callCount()} looks at two links`);
	});

	test("a node that hangs is told so and does not hang the answer; a dead one is gone, with the reason", async t => {
		const { env, mesh } = await open(t);
		const part = { name: "engagement", services: "engagement", port: await freePort() };
		const victim = new MeshProcess(part, { ...env, NATS_SYSTEM_URL: "" });
		t.after(() => victim.end("SIGKILL"));
		await victim.start();
		const id = victim.nodeId as string;
		await eventually(mesh, seen => stateOf(seen, id) === "ready");

		process.kill(victim.pid as number, "SIGSTOP");
		const hung = await eventually(mesh, seen => stateOf(seen, id) === "silent");
		const asked = performance.now();
		await mesh();
		assert.ok(performance.now() - asked < 8_000, `${performance.now() - asked} ms`);
		const node = hung.nodes.find(({ nodeId }) => nodeId === id);
		assert.match(node?.reason ?? "", /no answer/);
		assert.deepEqual(
			node?.services.map(({ name }) => name),
			["mail", "notifications"],
		);
		assert.ok(hung.troubles.some(({ severity, nodeId }) => severity === "bad" && nodeId === id));
		process.kill(victim.pid as number, "SIGCONT");
		await eventually(mesh, seen => stateOf(seen, id) === "ready");

		await victim.end("SIGKILL");
		const dead = await eventually(
			mesh,
			seen =>
				seen.nodes.find(({ nodeId }) => nodeId === id)?.reason !== undefined &&
				stateOf(seen, id) === "gone",
		);
		assert.ok(dead.troubles.some(({ text }) => text.startsWith(`${id} died: `)));
		const gone = dead.nodes.find(({ nodeId }) => nodeId === id);
		assert.ok(Math.abs(Date.now() - Date.parse(gone?.goneAt ?? "")) < 60_000);
		assert.equal(
			dead.services.some(({ service }) => service === "notifications"),
			false,
		);
	});

	test("a service that runs nowhere is told, and a node of a version that does not report", async t => {
		const { mesh, money, rest } = await open(t);
		await money.broker.destroyService("sandbox");
		await rest.broker.destroyService("$ops");
		const told = [
			"sandbox runs nowhere",
			"rest-1 does not say how it is: its version does not report",
		].join();
		const seen = await eventually(
			mesh,
			({ troubles }) => troubles.map(({ text }) => text).join() === told,
		);
		assert.equal(seen.services.find(({ service }) => service === "sandbox")?.nodes, 0);
	});

	test("a breaker is shown open, by who sees it and for whom, and closed again", async t => {
		const { base, mesh, gateway, rest } = await open(t);
		const { courses } = rest.broker.getLocalService("courses") as unknown as {
			courses: { list(): unknown };
		};
		const broken = t.mock.method(courses, "list", () => {
			throw new Errors.MoleculerServerError("no list", 500, "BROKEN");
		});
		for (let i = 0; i < 25; i++) await send(base, "GET", "/api/courses");
		const seen = await eventually(mesh, ({ breakers }) => breakers.length > 0);
		const own = seen.breakers.filter(({ seenBy }) => seenBy === gateway.broker.nodeID);
		assert.deepEqual(own, [
			{ seenBy: "gateway-1", nodeId: "rest-1", action: "courses.list", state: "open" },
		]);
		assert.ok(
			seen.troubles.some(({ text }) => text.includes("gateway-1 does not call courses.list")),
		);
		broken.mock.restore();
		await eventually(
			async () => {
				await send(base, "GET", "/api/courses");
				return mesh();
			},
			({ breakers }) => breakers.length === 0,
		);
	});

	test("a fact that another node parked is replayed there, and the record says who asked", async t => {
		const { base, forward, money, rest, gateway } = await open(t);
		const { fact, mend } = await parkCapture(money, forward, "disk full");
		for (const { platform } of [gateway, money, rest]) await platform.tokens.refreshRevoked();
		const admin = await signUp(gateway, { role: "admin" });
		const told: StoredFact[] = [];
		const publish = rest.platform.pipe.publish.bind(rest.platform.pipe);
		t.mock.method(rest.platform.pipe, "publish", (one: StoredFact, id: string) => {
			told.push(one);
			return publish(one, id);
		});
		mend();
		const path = `/api/ops/facts/ledger/${fact.id}/replay`;
		const { status, body } = await send(base, "POST", path, { token: admin.token });
		assert.deepEqual([status, body], [200, { state: "done" }]);
		const records = told.filter(({ name }) => name === "replay.audited");
		assert.equal(records.length, 2);
		for (const { data } of records) {
			const { by, action } = data as AuditRecord;
			assert.deepEqual([by.userId, action], [admin.user.id, "ops.replay"]);
		}
		const { items } = await opsOf(gateway)("ledger.entries", { subjectId: fact.subjectId });
		assert.equal(items.length, 1);
	});
}
