import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AuditRecord } from "../../../kernel/audit.ts";
import type { Broker } from "../../../kernel/contract.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { eventually, send } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";
import { parkCapture } from "../../support/parked.ts";
import { freePort } from "../../support/ports.ts";

/** A node of everything, with a gateway, an admin, a student, and what facts it publishes. */
async function open(t: TestContext) {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const port = await freePort();
	const node = await startNode(t, { env: { PORT: String(port) }, clock });
	const published: StoredFact[] = [];
	const publish = node.platform.pipe.publish.bind(node.platform.pipe);
	t.mock.method(node.platform.pipe, "publish", (fact: StoredFact, id: string) => {
		published.push(fact);
		return publish(fact, id);
	});
	const records = () => {
		const audited = new Map(published.map(fact => [fact.id, fact]));
		return [...audited.values()]
			.filter(({ name }) => name === "replay.audited")
			.map(({ data }) => data as AuditRecord);
	};
	const base = `http://127.0.0.1:${port}`;
	const admin = await signUp(node, { role: "admin" });
	const student = await signUp(node);
	const call = (node.broker as unknown as Broker).call.bind(node.broker) as Broker["call"];
	const get = (path: string, token: string | undefined = admin.token) =>
		send(base, "GET", `/api/ops/${path}`, { token });
	const forward = (ms: number) => {
		clock.aheadMs += ms;
	};
	return { node, base, admin, student, call, get, forward, records };
}

test("the mesh of one process: its services, ready, without NATS, and what it calls", async t => {
	const { node, base, student, get } = await open(t);
	const { token } = student;
	for (let i = 0; i < 5; i++) await send(base, "GET", "/api/auth/me", { token });
	const missed = await send(base, "GET", "/api/courses/crs_none");
	assert.equal(missed.status, 404);
	const { body } = await eventually(
		() => get("mesh"),
		answer =>
			answer.body.services?.some(
				(s: { service: string }) =>
					s.service === "courses" && (s as { callsPerSecond?: number }).callsPerSecond,
			),
	);
	assert.equal(body.mode, "embedded");
	assert.deepEqual(body.troubles, []);
	assert.equal(body.nodes.length, 1);
	const [only] = body.nodes;
	assert.deepEqual([only.nodeId, only.state, only.links], [node.broker.nodeID, "ready", []]);
	assert.equal(only.services.length, node.services.length);
	assert.ok(only.services.some((s: object) => "domain" in s && s.domain === "platform"));
	assert.ok(only.memoryBytes > 1e7 && only.busy >= 0 && only.busy <= 1);
	const courses = body.services.find((s: { service: string }) => s.service === "courses");
	assert.ok(courses.refusedShare > 0);
	assert.equal(courses.faultShare, 0);
	assert.equal(courses.nodes, 1);

	const { body: calls } = await get("calls?service=auth");
	const me = calls.items.find(({ action }: { action: string }) => action === "auth.me");
	assert.ok(me.callsPerSecond > 0 && me.p99Ms > 0);
	assert.ok(calls.items.every(({ service }: { service: string }) => service === "auth"));
});

test("a fault is listed with its request and without what is personal; a refusal is not", async t => {
	const { node, base, admin, get } = await open(t);
	const { courses } = node.broker.getLocalService("courses") as unknown as {
		courses: { list(): unknown };
	};
	t.mock.method(courses, "list", () => {
		throw new Error('no index { email: "ada@example.com" } for eve@example.com');
	});
	for (let i = 0; i < 3; i++) {
		const { status, body } = await send(base, "GET", "/api/courses", {
			headers: { "x-request-id": `req_of-a-test-${i}` },
		});
		assert.deepEqual([status, body.code], [500, "INTERNAL_ERROR"]);
	}
	await send(base, "GET", "/api/courses/crs_none", { token: admin.token });
	const { body } = await get("errors");
	const [{ at, ...fault }] = body.items;
	assert.ok(Date.now() - Date.parse(at) < 60_000);
	assert.deepEqual(body.items.length, 1);
	assert.deepEqual(fault, {
		nodeId: node.broker.nodeID,
		where: "courses.list",
		code: "INTERNAL_ERROR",
		message: 'no index { email: "…" } for [e-mail]',
		requestId: "req_of-a-test-2",
		times: 3,
	});
	assert.deepEqual(body.silent, []);
});

test("a parked fact is seen, replayed in vain, replayed for good; who did it is told before and after", async t => {
	const { node, base, call, forward, get, records } = await open(t);
	const { fact, mend } = await parkCapture(node, forward, "disk full, says ada@example.com");
	await node.platform.tokens.refreshRevoked();
	const admin = await signUp(node, { role: "admin" });
	const ask = (path: string) => get(path, admin.token);
	const { body: facts } = await ask("facts");
	const ledger = facts.items.find(({ service }: { service: string }) => service === "ledger");
	assert.equal(ledger.parked, 1);
	assert.deepEqual(facts.silent, []);
	const { body: parked } = await ask("facts/ledger");
	const [{ parkedAt, ...seen }] = parked.items;
	assert.ok(parkedAt >= fact.at);
	assert.deepEqual(seen, {
		service: "ledger",
		factId: fact.id,
		name: "payment.captured",
		subjectId: fact.subjectId,
		writtenAt: fact.at,
		tries: 8,
		lastError: "disk full, says [e-mail]",
		data: fact.data,
	});

	const path = `/api/ops/facts/ledger/${fact.id}/replay`;
	const replay = () =>
		send(base, "POST", path, { token: admin.token, headers: { "x-request-id": "req_of-a-test" } });
	const inVain = await replay();
	assert.deepEqual(inVain.body, { state: "parked", lastError: "disk full, says [e-mail]" });
	mend();
	assert.deepEqual((await replay()).body, { state: "done" });
	assert.deepEqual((await replay()).body, { state: "done" });
	assert.deepEqual((await ask("facts/ledger")).body.items, []);
	const { items } = await call("ledger.entries", { subjectId: fact.subjectId });
	assert.equal(items.length, 1);

	const by = { userId: admin.user.id, roles: ["admin"] };
	const told = records();
	assert.equal(told.length, 6);
	for (const record of told) {
		assert.deepEqual(record.by, by);
		assert.deepEqual([record.action, record.requestId], ["ops.replay", "req_of-a-test"]);
		assert.equal(record.on.collection, "ops_replays");
	}
	const changesOf = (n: number) =>
		Object.fromEntries((told[n] as AuditRecord).changes.map(({ path: field, ...c }) => [field, c]));
	assert.deepEqual(changesOf(0).factId, { after: fact.id });
	assert.deepEqual(changesOf(0).service, { after: "ledger" });
	assert.deepEqual(changesOf(0).state, { after: "asked" });
	assert.deepEqual(changesOf(1), { state: { before: "asked", after: "parked" } });
	assert.deepEqual(changesOf(3), { state: { before: "asked", after: "done" } });
	assert.ok(!JSON.stringify(told).includes("ada"));
});

test("a replay is told of before it is tried, so that a crash in between leaves who asked", async t => {
	const { node, call, forward, records } = await open(t);
	const { fact } = await parkCapture(node, forward, "disk full");
	const { consumer } = node.broker.getLocalService("ledger") as unknown as {
		consumer: { replay(id: string): Promise<string> };
	};
	let toldBefore = 0;
	t.mock.method(consumer, "replay", async () => {
		toldBefore = records().length;
		throw Object.assign(new Error("gone"), { type: "SERVICE_UNAVAILABLE", code: 503 });
	});
	const replay = call("ops.replay", { service: "ledger", factId: fact.id });
	await assert.rejects(replay, { type: "SERVICE_UNAVAILABLE" });
	assert.equal(toldBefore, 1);
	const [asked, ended] = records();
	assert.deepEqual(asked?.by, { system: true });
	assert.deepEqual(ended?.changes, [{ path: "state", before: "asked", after: "unanswered" }]);
});

test("a service that consumes nothing, and a fact nobody knows", async t => {
	const { base, admin, get } = await open(t);
	for (const service of ["nothing", "payments", "constructor"]) {
		const { status, body } = await get(`facts/${service}`);
		assert.deepEqual([status, body.code], [404, "NO_SUCH_CONSUMER"], service);
	}
	const answer = await send(base, "POST", "/api/ops/facts/ledger/fct_none/replay", {
		token: admin.token,
	});
	assert.deepEqual(answer.body, { state: "unknown" });
});

test("it is for admins: nobody is 401, a student 403, and the node's own account is not on HTTP", async t => {
	const { base, student, admin } = await open(t);
	const routes = ["mesh", "calls", "errors", "facts", "facts/ledger"].map(p => ["GET", p] as const);
	for (const [method, path] of [...routes, ["POST", "facts/ledger/fct_1/replay"] as const]) {
		const ask = async (token?: string) => {
			const { status, body } = await send(base, method, `/api/ops/${path}`, {
				...(token && { token }),
			});
			return [status, body.code];
		};
		assert.deepEqual(await ask(), [401, "UNAUTHENTICATED"], path);
		assert.deepEqual(await ask(student.token), [403, "FORBIDDEN"], path);
	}
	for (const path of [
		"/$ops/report",
		"/~ops/report",
		"/api/$ops/report",
		"/$ops.report",
		"/ops/report",
	]) {
		const { status } = await fetch(base + path, {
			headers: { authorization: `Bearer ${admin.token}` },
		});
		assert.equal(status, 404, path);
	}
});
