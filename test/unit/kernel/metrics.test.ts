import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { ServiceBroker } from "moleculer";
import { Histogram, Registry } from "prom-client";
import { LoopLag } from "../../../kernel/loop-lag.ts";
import { Metrics } from "../../../kernel/middlewares/metrics.ts";
import { Counts, Spreads } from "../../../kernel/middlewares/series.ts";

const bounds = [0.1, 1, 10];

test("what is observed is written out as prom-client does, whatever the values and labels", async () => {
	const observed = fc.record({
		route: fc.string(),
		value: fc.double({ min: -1, max: 20, noNaN: true }),
	});
	await fc.assert(
		fc.asyncProperty(fc.array(observed), async all => {
			const options = { name: "times_seconds", help: "Times" };
			const [ours, theirs] = [new Registry(), new Registry()];
			const spreads = new Spreads({ ...options, bounds, registry: ours });
			const histogram = new Histogram({
				...options,
				buckets: bounds,
				labelNames: ["route"],
				registers: [theirs],
			});
			for (const { route, value } of all) {
				spreads.of({ route }).observe(value);
				histogram.observe({ route }, value);
			}
			const lines = async (registry: Registry) =>
				(await registry.metrics())
					.split("\n")
					.map(line => line.replace(/\{(le="[^"]*"),(.*)\} (?=\S+$)/, "{$2,$1} "))
					.sort();
			assert.deepEqual(await lines(ours), await lines(theirs));
		}),
	);
});

test("a counter begins at 0 when its series is made", async () => {
	const registry = new Registry();
	const counts = new Counts({ name: "things_total", help: "Things", registry });
	const made = counts.of({ kind: "a" });
	assert.match(await registry.metrics(), /^things_total\{kind="a"\} 0$/m);
	made.inc();
	counts.of({ kind: "a" }).inc();
	assert.match(
		await registry.metrics(),
		/^# TYPE things_total counter\nthings_total\{kind="a"\} 2$/m,
	);
});

test("a name is taken once", () => {
	const registry = new Registry();
	const options = { name: "things_total", help: "Things", registry };
	new Counts(options);
	assert.throws(() => new Counts(options), /already been registered/);
});

test("routes, methods and statuses have each their series of times, made once", async () => {
	const metrics = new Metrics(new LoopLag());
	const of = (route: string | undefined, method = "GET", status = 200) =>
		metrics.httpTimes(route, method, status);
	assert.equal(of("api/courses"), of("api/courses"));
	const all = [
		of("api/courses"),
		of("api/courses", "HEAD"),
		of("api/courses", "GET", 404),
		of("/"),
	];
	assert.equal(new Set([...all, of(undefined)]).size, 5);
	for (const times of [...all, of(undefined)]) times.observe(0.02);
	const text = await metrics.text();
	for (const labels of [
		'route="/api/courses",method="GET",status="200"',
		'route="/api/courses",method="HEAD",status="200"',
		'route="/api/courses",method="GET",status="404"',
		'route="/",method="GET",status="200"',
		'route="none",method="GET",status="200"',
	])
		assert.ok(text.includes(`http_server_request_duration_seconds_count{${labels}} 1`), labels);
});

test("a store that does not answer shows as NaN, and holds up no other", async () => {
	const metrics = new Metrics(new LoopLag());
	const never = new Promise<never>(() => {});
	for (const service of ["a", "b", "c"]) {
		metrics.watchOutbox(service, () => never);
		metrics.watchParked(service, () => never);
	}
	metrics.watchParked("there", async () => 3);
	const from = performance.now();
	const text = await metrics.text();
	assert.ok(performance.now() - from < 2_900, "one after the other");
	assert.match(text, /^zeolite_facts_oldest_seconds\{service="b"\} Nan$/im);
	assert.match(text, /^zeolite_facts_parked\{service="there"\} 3$/m);
});

test("a breaker that opens is counted, and is seen until it lets calls through", async t => {
	const metrics = new Metrics(new LoopLag());
	const broker = new ServiceBroker({
		logger: false,
		skipProcessEventRegistration: true,
		circuitBreaker: {
			enabled: true,
			threshold: 0.5,
			minRequestCount: 4,
			windowTime: 30,
			halfOpenTime: 1_000,
			check: () => true,
		},
		internalMiddlewares: false,
		middlewares: [metrics.middleware(), "CircuitBreaker"] as never,
	});
	let fails = true;
	broker.createService({
		name: "things",
		actions: {
			get() {
				if (fails) throw new Error("broken");
			},
			list() {},
		},
	});
	t.after(() => broker.stop());
	await broker.start();
	const shown = async () => {
		const text = await metrics.text();
		return ["breakers_open", "breaker_openings_total"].map(
			name => new RegExp(`^zeolite_${name}\\{service="things"\\} (\\d+)$`, "m").exec(text)?.[1],
		);
	};
	assert.deepEqual(await shown(), ["0", "0"]);
	for (let i = 0; i < 4; i++) await broker.call("things.get").catch(() => {});
	assert.deepEqual(await shown(), ["1", "1"]);
	fails = false;
	await pause(1_050);
	await broker.call("things.get");
	assert.deepEqual(await shown(), ["0", "1"]);
});
