import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Drill } from "../../drills/drill.ts";
import { Client } from "../../drills/harness/client.ts";
import { Gateways } from "../../drills/harness/gateways.ts";
import { type Entry, Journal } from "../../drills/harness/journal.ts";
import { plant } from "../../drills/harness/planted.ts";
import { play } from "../../drills/harness/play.ts";
import { perSecond, spread } from "../../drills/harness/results.ts";
import { eventually, type Person } from "../../support/http.ts";

const entry: Entry = {
	at: 0,
	buyer: "usr_1",
	courseId: "crs_1",
	step: "order",
	outcome: "ok",
	status: 201,
	ms: 1,
};
const person: Person = { id: "usr_1", email: "", token: "t", refreshToken: "" };

async function listening(t: TestContext, listener: RequestListener): Promise<string> {
	const server = createServer(listener).listen(0, "127.0.0.1");
	await new Promise(resolve => server.once("listening", resolve));
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a defect is planted where its text stands once, and nowhere else", t => {
	const dir = mkdtempSync(join(tmpdir(), "zeolite-plant-"));
	t.after(() => rmSync(dir, { recursive: true }));
	mkdirSync(join(dir, "a"));
	writeFileSync(join(dir, "a/b.ts"), "one two two");
	plant(dir, { file: "a/b.ts", from: "one", to: "$& 1" });
	assert.equal(readFileSync(join(dir, "a/b.ts"), "utf8"), "$& 1 two two");
	assert.throws(() => plant(dir, { file: "a/b.ts", from: "two", to: "" }), /2 times, not once/);
	assert.throws(() => plant(dir, { file: "a/b.ts", from: "three", to: "" }), /0 times/);
});

test("a spread is of ranks, none of interpolation", () => {
	const values = Array.from({ length: 100 }, (_, i) => 100 - i);
	assert.deepEqual(spread(values, "ms"), { unit: "ms", median: 50, p99: 99, max: 100, n: 100 });
	assert.deepEqual(spread([7], "ms"), { unit: "ms", median: 7, p99: 7, max: 7, n: 1 });
	assert.deepEqual(spread([], "ms"), { unit: "ms", median: 0, p99: 0, max: 0, n: 0 });
});

test("a second in which nothing happened counts 0", () => {
	assert.deepEqual(perSecond([1_000, 1_999, 3_500], 1_000), [
		[0, 2],
		[1, 0],
		[2, 1],
	]);
});

test("a journal is on the disk line by line, and goes only with a verdict that all held", t => {
	const cleanups: (() => unknown)[] = [];
	const kept = new Journal({ after: cleanup => void cleanups.push(cleanup) });
	const dropped = new Journal({ after: cleanup => void cleanups.push(cleanup) });
	t.after(() => rmSync(kept.directory, { recursive: true }));
	for (const journal of [kept, dropped]) journal.write(entry);
	kept.write({ ...entry, outcome: "unknown", status: 0, code: "ECONNRESET" });
	const lines = readFileSync(join(kept.directory, "journal.jsonl"), "utf8").trim().split("\n");
	assert.deepEqual(
		lines.map(line => JSON.parse(line)),
		kept.entries,
	);
	assert.deepEqual(kept.counts, { "attempts ok": 1, "attempts failed": 0, "attempts unknown": 1 });
	assert.deepEqual(kept.codes, { ECONNRESET: 1 });
	kept.judged(["something"], ["what was printed"]);
	dropped.judged([], []);
	for (const cleanup of cleanups) cleanup();
	assert.equal(readFileSync(join(kept.directory, "mesh.log"), "utf8"), "what was printed");
	assert.equal(existsSync(dropped.directory), false);
});

test("gateways are given out as they are ready, all where none is", async t => {
	let isReady = true;
	const turns = await listening(t, (_, response) => response.writeHead(isReady ? 200 : 503).end());
	const steady = await listening(t, (_, response) => response.writeHead(200).end());
	const gateways = new Gateways();
	t.after(() => gateways.stop());
	await Promise.all([turns, steady].map(url => gateways.add(url)));
	assert.deepEqual(new Set([gateways.next(), gateways.next()]), new Set([turns, steady]));
	isReady = false;
	await eventually(
		async () => gateways.ready,
		ready => ready.length === 1,
	);
	assert.deepEqual([gateways.next(), gateways.next()], [steady, steady]);
	gateways.remove(steady);
	assert.equal(gateways.next(), turns);
});

test("a client repeats what was cut off or passes, under one key, and writes each attempt down", async t => {
	const keys: unknown[] = [];
	const answers = [0, 503, 409, 201];
	const url = await listening(t, (request, response) => {
		if (request.url === "/readyz") return response.end();
		keys.push(request.headers["idempotency-key"]);
		const status = answers[keys.length - 1];
		if (!status) return request.socket.destroy();
		const code = status === 409 ? "IDEMPOTENCY_IN_PROGRESS" : undefined;
		return response
			.writeHead(status, { "content-type": "application/json" })
			.end(JSON.stringify({ id: "pay_1", code }));
	});
	const gateways = new Gateways();
	const journal = new Journal(t);
	t.after(() => gateways.stop());
	await gateways.add(url);
	const { status } = await new Client(gateways, journal).insist(
		{ step: "order", person, courseId: "crs_1", method: "POST", path: "/x", body: {}, key: "k" },
		Date.now() + 10_000,
	);
	assert.equal(status, 201);
	assert.deepEqual(keys, ["k", "k", "k", "k"]);
	assert.deepEqual(
		journal.entries.map(({ outcome, status }) => `${outcome} ${status}`),
		["unknown 0", "failed 503", "failed 409", "ok 201"],
	);
	assert.equal(journal.entries.at(-1)?.paymentId, "pay_1");
	journal.judged([], []);
});

test("what a drill started is ended in reverse order whatever comes, and a failure of that is told", async () => {
	const ended: string[] = [];
	const outcome = { counts: {}, figures: {}, series: [], marks: [], broken: [] };
	const drill: Drill = {
		name: "d",
		title: "",
		mustHold: "",
		small: {},
		full: {},
		defects: {},
		async run(run, { fails = false }: { fails?: boolean }) {
			run.after(() => ended.push("first"));
			run.after(() => {
				throw new Error("no end");
			});
			run.after(() => ended.push("last"));
			if (fails) throw new Error("no drill");
			return outcome;
		},
	};
	const options = { seed: 1, say: () => {} };
	const { broken } = await play(drill, { ...options, size: {} });
	assert.deepEqual(broken, ["at its end: no end"]);
	await assert.rejects(play(drill, { ...options, size: { fails: true } }), /no drill/);
	assert.deepEqual(ended, ["last", "first", "last", "first"]);
	await assert.rejects(play(drill, { ...options, size: {}, defect: "x" }), /has no defect x/);
});
