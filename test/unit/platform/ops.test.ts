import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rates } from "../../../kernel/call-rates.ts";
import type { KnownNode, NodeReport } from "../../../kernel/node-report.ts";
import { overview } from "../../../services/platform/ops/facts.ts";
import {
	byAction,
	byService,
	historyOf,
	ticksOf,
	totalOf,
} from "../../../services/platform/ops/figures.ts";
import { meshOf, type Seen } from "../../../services/platform/ops/mesh.ts";
import { shared } from "../../../services/platform/ops/shared.ts";

const bounds = [10, 100];

const ratesOf = (actions: Rates["actions"], history: Rates["history"] = []): Rates => ({
	bounds,
	windowMs: 10_000,
	actions,
	history,
});

const counted = (calls: number, faults = 0, refused = 0) => ({
	calls,
	faults,
	refused,
	buckets: [calls, 0, 0],
});

const tick = (at: number, calls: number) => ({
	at,
	ms: 2_000,
	calls,
	faults: 0,
	buckets: [calls, 0, 0],
	services: { courses: calls },
});

test("calls of several nodes add up, and the p99 is that of all together", () => {
	const fast = ratesOf({ "courses.list": counted(990) });
	const slow = ratesOf({
		"courses.list": { calls: 10, faults: 5, refused: 2, buckets: [0, 10, 0] },
		"users.me": counted(100),
	});
	const all = [fast, slow];
	assert.deepEqual(byAction(all), [
		{
			action: "courses.list",
			service: "courses",
			nodes: 2,
			callsPerSecond: 100,
			p99Ms: 10,
			faultShare: 0.005,
			refusedShare: 0.002,
		},
		{
			action: "users.me",
			service: "users",
			nodes: 1,
			callsPerSecond: 10,
			p99Ms: 9.9,
			faultShare: 0,
			refusedShare: 0,
		},
	]);
	assert.deepEqual(
		byAction(all, "users").map(({ action }) => action),
		["users.me"],
	);
	assert.equal(byService(all).get("courses")?.callsPerSecond, 100);
	assert.equal(totalOf(all).callsPerSecond, 110);
	assert.deepEqual(totalOf([]), { callsPerSecond: 0, faultShare: 0, refusedShare: 0 });
});

test("ticks of nodes add up; the last ones, which some node has not told yet, are left out", () => {
	const early = ratesOf({}, [tick(2_000, 4), tick(4_000, 4), tick(6_000, 4)]);
	const late = ratesOf({}, [tick(4_000, 6)]);
	const ticks = ticksOf([early, late, ratesOf({})]);
	assert.deepEqual(ticks, [2_000, 4_000]);
	assert.deepEqual(
		historyOf([early, late], ticks).map(({ callsPerSecond }) => callsPerSecond),
		[2, 5],
	);
	assert.deepEqual(ticksOf([]), []);
});

const ready: NodeReport["readiness"] = {
	status: "ready",
	checks: { nats: "ok", store: "ok", cache: "memory", services: "ok" },
};
const report = (more: Partial<NodeReport> = {}): NodeReport => ({
	...ratesOf({}),
	version: "0.1.0",
	startedAt: 0,
	readiness: ready,
	memoryBytes: 100,
	busy: 0.1,
	lagMs: 0,
	links: [
		{ name: "transport", isThere: true },
		{ name: "facts", isThere: true },
	],
	breakers: [],
	...more,
});
const known = (nodeId: string, more: Partial<KnownNode> = {}): KnownNode => ({
	nodeId,
	isThere: true,
	goneMs: 0,
	services: [{ name: "courses", domain: "learning", contract: "a" }],
	...more,
});
const seen = (more: Partial<Seen> = {}): Seen => ({
	now: 1_000_000,
	mode: "mesh",
	nodes: [],
	answers: [],
	deaths: new Map(),
	missing: [],
	...more,
});
const statesOf = (mesh: ReturnType<typeof meshOf>) =>
	mesh.nodes.map(({ nodeId, state, reason }) => [nodeId, state, reason]);

test("a node is as it says, silent where it says nothing, and gone where it is", () => {
	const mesh = meshOf(
		seen({
			nodes: [
				known("a"),
				known("b"),
				known("c"),
				known("d"),
				known("e", { isThere: false, goneMs: 5_000 }),
				known("f", { isThere: false, goneMs: 300_000 }),
				known("g", { isThere: false, goneMs: 300_000 }),
			],
			answers: [
				{ nodeId: "a", answer: report() },
				{ nodeId: "b", reason: "no answer within 1 s" },
				{
					nodeId: "c",
					answer: report({ links: [{ name: "facts", isThere: false }] }),
				},
				{
					nodeId: "d",
					answer: report({
						readiness: {
							...ready,
							status: "unavailable",
							checks: { ...ready.checks, store: "MongoDB is away" },
						},
					}),
				},
			],
			deaths: new Map([["f", "Stale Connection"]]),
		}),
	);
	assert.deepEqual(statesOf(mesh), [
		["a", "ready", undefined],
		["b", "silent", "no answer within 1 s"],
		["c", "degraded", "its link to NATS is lost (facts)"],
		["d", "unready", "MongoDB is away"],
		["e", "gone", undefined],
		["f", "gone", "Stale Connection"],
	]);
	assert.equal(mesh.nodes[4]?.goneAt, "1970-01-01T00:16:35.000Z");
	assert.deepEqual(
		mesh.troubles.map(({ severity, text }) => `${severity} ${text}`),
		[
			"bad b does not say how it is: no answer within 1 s",
			"bad d is not ready: MongoDB is away",
			"warning c: its link to NATS is lost (facts)",
			"warning f died: Stale Connection",
		],
	);
	assert.equal(mesh.services[0]?.nodes, 4);
});

test("a node that starts or stops is no alarm, and one that nobody has asked yet is not shown", () => {
	const checks = ready.checks;
	const mesh = meshOf(
		seen({
			nodes: [known("a"), known("b"), known("c")],
			answers: [
				{
					nodeId: "a",
					answer: report({ readiness: { status: "unavailable", checks, draining: true } }),
				},
				{ nodeId: "b", answer: report({ readiness: { status: "unavailable", checks } }) },
			],
		}),
	);
	assert.deepEqual(statesOf(mesh), [
		["a", "degraded", "it is stopping"],
		["b", "degraded", "it is starting"],
	]);
	assert.ok(mesh.troubles.every(({ severity }) => severity === "warning"));
});

test("what is wrong is told: missing services, breakers, faults, two versions, a loop that cannot follow", () => {
	const failing = ratesOf({ "courses.list": counted(100, 10), "users.me": counted(4, 4) });
	const breakers = [{ action: "ledger.post", nodeId: "b", state: "open" as const }];
	const mesh = meshOf(
		seen({
			nodes: [
				known("a"),
				known("b", { services: [{ name: "courses", domain: "learning", contract: "b" }] }),
			],
			answers: [
				{ nodeId: "a", answer: report({ ...failing, breakers }) },
				{ nodeId: "b", answer: report({ lagMs: 250.4 }) },
			],
			missing: ["ledger"],
		}),
	);
	assert.deepEqual(
		mesh.troubles.map(({ text }) => text),
		[
			"ledger runs nowhere",
			"b: every turn of its event loop is 250 ms late",
			"a does not call ledger.post on b: too many failed",
			"10 % of the calls of courses fail",
			"courses runs with 2 different contracts",
		],
	);
	assert.deepEqual(
		mesh.services.map(({ service, nodes }) => [service, nodes]),
		[
			["courses", 2],
			["ledger", 0],
		],
	);
	assert.deepEqual(mesh.breakers, [{ seenBy: "a", ...breakers[0] }]);
});

test("facts: who is away is told apart, and who runs nowhere is not asked", async () => {
	const asked: string[] = [];
	const told = await overview(
		{ publishers: ["courses", "payments", "users"], consumers: ["courses", "ledger"] },
		{
			missing: () => ["users"],
			pending: async service => {
				asked.push(service);
				return { pending: service === "payments" ? 2 : 0, oldestMs: 700 };
			},
			parked: async service => {
				if (service === "ledger")
					throw Object.assign(new Error("late"), { type: "REQUEST_TIMEOUT" });
				return { items: [{}, {}, {}] as never[] };
			},
		},
	);
	assert.deepEqual(told, {
		items: [
			{ service: "courses", pending: 0, parked: 3 },
			{ service: "payments", pending: 2, oldestMs: 700 },
		],
		silent: [
			{ service: "users", reason: "runs nowhere" },
			{ service: "ledger", reason: "REQUEST_TIMEOUT" },
		],
	});
	assert.deepEqual(asked, ["courses", "payments"]);
});

test("who asks at the same time gets one answer; a failure is not kept", async t => {
	let calls = 0;
	let fails = false;
	const ask = shared(1_000, async () => {
		calls++;
		if (fails) throw new Error("no");
		return calls;
	});
	assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1]);
	const now = performance.now();
	t.mock.method(performance, "now", () => now + 1_001);
	fails = true;
	await assert.rejects(ask());
	fails = false;
	assert.equal(await ask(), 3);
});
