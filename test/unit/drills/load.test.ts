import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type LoadCounts, type LoadPlan, startLoad } from "../../drills/harness/load.ts";
import { spread } from "../../drills/harness/load-generator.ts";

const good = { "content-type": "application/json" };

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
	const server = createServer(listener).listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const plan = (base: string, rest: Partial<LoadPlan> = {}): LoadPlan => ({
	bases: [base],
	requests: [{ path: "/" }],
	steps: [{ perSecond: 100, seconds: 1 }],
	inFlight: 100,
	timeoutMs: 2_000,
	...rest,
});

/** Every arrival has exactly one outcome, in the whole, over the steps and over the seconds. */
function assertAddsUp(
	report: LoadCounts & { steps: LoadCounts[]; perSecond: LoadCounts[] },
	arrivals: number,
): void {
	const outcomes = ["notSent", "ok", "shed", "failed", "cut", "timedOut"] as const;
	assert.equal(report.arrivals, arrivals);
	assert.equal(
		outcomes.reduce((sum, name) => sum + report[name], 0),
		arrivals,
	);
	for (const name of ["arrivals", "shedBare", ...outcomes] as const)
		for (const parts of [report.steps, report.perSecond])
			assert.equal(
				parts.reduce((sum, part) => sum + part[name], 0),
				report[name],
				name,
			);
}

test("every kind of answer is counted once", async t => {
	const base = await serve(t, (request, response) => {
		const kind = Number(request.url?.slice(1)) % 8;
		if (kind === 0) response.writeHead(201).end("{}");
		else if (kind === 1) response.writeHead(429, { "retry-after": "1" }).end();
		else if (kind === 2) response.writeHead(503, good).end('{"code":"OVERLOADED"}');
		else if (kind === 3) response.writeHead(500, good).end('{"error":"x","code": "BROKEN"}');
		else if (kind === 4) response.writeHead(404).end("nothing");
		else if (kind === 5) request.socket.resetAndDestroy();
		else if (kind === 6) {
			response.writeHead(200, { "content-length": "10" }).write("half");
			setTimeout(() => request.socket.destroy(), 20);
		}
	});
	const report = await startLoad(
		plan(base, {
			requests: [{ path: "/{i}" }],
			steps: [
				{ perSecond: 160, seconds: 0.5 },
				{ perSecond: 80, seconds: 1 },
			],
			timeoutMs: 2_000,
		}),
	).report;
	assertAddsUp(report, 160);
	const { ok, shed, shedBare, failed, cut, timedOut, notSent } = report;
	assert.deepEqual(
		{ ok, shed, shedBare, failed, cut, timedOut, notSent },
		{ ok: 20, shed: 40, shedBare: 20, failed: 40, cut: 40, timedOut: 20, notSent: 0 },
	);
	assert.deepEqual(report.statuses, {
		"201": 20,
		"429": 20,
		"503 OVERLOADED": 20,
		"500 BROKEN": 20,
		"404": 20,
	});
	assert.equal(
		Object.values(report.cuts).reduce((sum, n) => sum + n, 0),
		40,
	);
	assert.equal(report.latency?.n, 20);
	assert.deepEqual(
		report.steps.map(s => [s.perSecond, s.arrivals, s.ok]),
		[
			[160, 80, 10],
			[80, 80, 10],
		],
	);
});

test("the rate is held, in steps, over kept sockets, to all bases in turn", async t => {
	const arrived: number[] = [];
	const sockets = new Set<unknown>();
	const listener: RequestListener = (request, response) => {
		arrived.push(performance.now());
		sockets.add(request.socket);
		response.end("{}");
	};
	const bases = [await serve(t, listener), await serve(t, listener)];
	const loop = monitorEventLoopDelay({ resolution: 10 });
	loop.enable();
	const report = await startLoad(
		plan("", {
			bases,
			steps: [
				{ perSecond: 200, seconds: 1 },
				{ perSecond: 0, seconds: 0.5 },
				{ perSecond: 600, seconds: 1 },
			],
		}),
	).report;
	loop.disable();
	assertAddsUp(report, 800);
	assert.equal(report.ok, 800);
	const latestMs = Math.max(report.lateness?.max ?? 0, loop.max / 1e6);
	if (latestMs > 40) return t.diagnostic(`a machine ${Math.round(latestMs)} ms late holds no rate`);
	const start = arrived[0] as number;
	const within = (from: number, to: number) =>
		arrived.filter(at => at - start >= from && at - start < to).length;
	for (const [count, due] of [
		[within(0, 1_000), 200],
		[within(1_500, 2_500), 600],
	] as const)
		assert.ok(Math.abs(count - due) <= due / 10, `${count} of ${due} in their second`);
	assert.ok(within(1_100, 1_490) <= 4, "the pause is one");
	assert.ok(sockets.size < 80, `${sockets.size} sockets for 800 requests`);
});

test("a server that stalls is charged for those who would have come", async t => {
	let until = 0;
	const base = await serve(t, (_request, response) => {
		until ||= performance.now() + 600;
		setTimeout(() => response.end("{}"), Math.max(0, until - performance.now()));
	});
	const steps = [{ perSecond: 100, seconds: 1 }];
	const { latency } = await startLoad(plan(base, { steps })).report;
	assert.ok(latency && latency.max >= 590, `the first waits 600 ms: ${latency?.max}`);
	assert.ok(latency.median > 50, `sixty of a hundred wait: median ${latency.median}`);
});

test("latency counts from the moment a request was due", async t => {
	const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
	let seen = 0;
	const base = await serve(t, (_request, response) => {
		if (++seen === 20) begin();
		response.end("{}");
	});
	const load = startLoad(plan(base, { steps: [{ perSecond: 100, seconds: 1.5 }] }));
	await begun;
	process.kill(load.pid, "SIGSTOP");
	await pause(500);
	process.kill(load.pid, "SIGCONT");
	const report = await load.report;
	assertAddsUp(report, 150);
	assert.equal(report.ok, 150);
	assert.ok(
		(report.latency?.max ?? 0) >= 400,
		`due while it could not send: ${report.latency?.max}`,
	);
	assert.ok((report.lateness?.max ?? 0) >= 400, "and it says that it was late itself");
});

test("above the cap nothing is sent, and all of that is counted", async t => {
	let seen = 0;
	let open = 0;
	let mostOpen = 0;
	const base = await serve(t, request => {
		seen++;
		mostOpen = Math.max(mostOpen, ++open);
		request.socket.once("close", () => open--);
	});
	const report = await startLoad(plan(base, { inFlight: 7, timeoutMs: 500 })).report;
	assertAddsUp(report, 100);
	assert.ok(seen <= report.timedOut, `${seen} seen, ${report.timedOut} timed out`);
	assert.equal(report.timedOut + report.notSent, 100);
	assert.ok(mostOpen <= 14, `a request that timed out holds no socket: ${mostOpen}`);
	assert.ok(seen >= 7 && report.timedOut <= 21, `seven at a time, each for half a second: ${seen}`);
});

test("the number fills path, headers and body, and bodies go as JSON", async t => {
	const seen: string[] = [];
	const base = await serve(t, async (request, response) => {
		let body = "";
		for await (const chunk of request) body += chunk;
		const { "idempotency-key": key, "content-type": type } = request.headers;
		seen.push([request.method, request.url, key, type, body].join(" "));
		response.end();
	});
	await startLoad(
		plan(base, {
			requests: [
				{ path: "/a/{i}?x={i}" },
				{ method: "POST", path: "/b", headers: { "idempotency-key": "k{i}" }, body: { n: "{i}" } },
				{ method: "POST", path: "/c", headers: { "content-type": "text/plain" }, body: "{i}é" },
			],
			steps: [{ perSecond: 30, seconds: 0.1 }],
			from: 40,
		}),
	).report;
	assert.deepEqual(seen.sort(), [
		"GET /a/40?x=40   ",
		'POST /b k41 application/json {"n":"41"}',
		"POST /c  text/plain 42é",
	]);
});

test("stop ends it early with a report, kill without", async t => {
	const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
	let seen = 0;
	const base = await serve(t, (_request, response) => {
		if (++seen === 6) begin();
		response.end();
	});
	const long = plan(base, { steps: [{ perSecond: 50, seconds: 60 }] });
	const load = startLoad(long);
	await begun;
	load.stop();
	const report = await load.report;
	assert.ok(report.arrivals > 5 && report.arrivals < 1_500, `${report.arrivals} arrivals`);
	assertAddsUp(report, report.arrivals);
	const killed = startLoad(long);
	killed.kill();
	await assert.rejects(killed.report, /the load generator ended: SIGKILL/);
});

test("a server that is not there cuts; a plan without an end, a base or a request is refused", async () => {
	const steps = [{ perSecond: 20, seconds: 0.5 }];
	const report = await startLoad(plan("http://127.0.0.1:1", { steps })).report;
	assertAddsUp(report, 10);
	assert.deepEqual([report.cut, report.cuts], [10, { ECONNREFUSED: 10 }]);
	assert.equal(report.latency, null);
	const endless = { perSecond: 1_000, seconds: Number.POSITIVE_INFINITY };
	for (const wrong of [{ steps: [endless] }, { bases: [] }, { requests: [] }])
		assert.throws(() => startLoad(plan("http://127.0.0.1:1", wrong)), RangeError);
});

test("median, p99 and maximum of a hundred and one numbers", () => {
	const values = Array.from({ length: 101 }, (_, i) => (i * 37) % 101);
	assert.deepEqual(spread(values), { median: 50, p99: 99, max: 100, n: 101 });
	assert.equal(spread([]), null);
});
