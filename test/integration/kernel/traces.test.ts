import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { SpanKind } from "@opentelemetry/api";
import type { ServiceBroker } from "moleculer";
import { Registry } from "prom-client";
import { readEnv } from "../../../kernel/env.ts";
import { currentPlace, currentScope, logFields, runIn } from "../../../kernel/tracing/scope.ts";
import {
	newPlace,
	newSpanId,
	newTraceId,
	placeOf,
	traceIdOf,
} from "../../../kernel/tracing/traceparent.ts";
import { openTracing } from "../../../kernel/tracing/tracing.ts";
import { type ReceivedSpan, startCollector } from "../../support/collector.ts";
import { needs } from "../../support/servers.ts";
import { hooksOf } from "./fixtures/heard.ts";
import { listeners } from "./fixtures/listeners.contract.ts";
import { tellers } from "./fixtures/tellers.contract.ts";
import { fixture, type MeshNode, TestMesh, until } from "./mesh.ts";

const folders = [tellers, listeners].map(fixture);
const both = "tellers,listeners";
const place = () => ({
	traceparent: placeOf(newTraceId(), newSpanId(), true),
	tracestate: "rojo=1,congo=2",
});

/** Where each tale was heard, and what a line of the log says there. */
function listen(t: TestContext, { namespace }: TestMesh) {
	const heard = new Map<string, { place: unknown; fields: unknown }>();
	const hooks = hooksOf(namespace, "listeners");
	hooks.before = async key => {
		heard.set(key, { place: currentPlace(), fields: logFields() });
	};
	t.after(() => {
		hooks.before = async () => {};
	});
	return heard;
}

const tell = (node: MeshNode, key: string, headers: object = {}) =>
	(node.broker as unknown as ServiceBroker).call("tellers.tell", { key }, { headers });

function everywhere(env: Record<string, string>, split: readonly string[]) {
	test("a fact carries the place of what wrote it, and whoever handles it goes on there", async t => {
		const mesh = new TestMesh(t, folders, env);
		const heard = listen(t, mesh);
		const nodes = await Promise.all(split.map(services => mesh.start(services, both)));
		const node = nodes[0] as MeshNode;
		const sent = new Map(["a", "b", "c"].map(key => [key, place()]));
		await Promise.all([...sent].map(([key, headers]) => tell(node, key, headers)));
		await tell(node, "nobody's");
		await until(
			async () => heard.size,
			size => size === 4,
		);
		for (const [key, { traceparent, tracestate }] of sent) {
			const traceId = traceIdOf(traceparent);
			assert.deepEqual(heard.get(key), {
				place: { traceparent, tracestate },
				fields: { requestId: traceId, traceId },
			});
		}
		const { place: begun } = heard.get("nobody's") as { place: { traceparent: string } };
		assert.match(begun.traceparent, /-00$/);
	});

	test("of a recorded trace each call and each handling is a span, of another none", async t => {
		const collector = await startCollector(t);
		const mesh = new TestMesh(t, folders, {
			...env,
			OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
			OTEL_TRACES_SAMPLER_ARG: "0",
		});
		const heard = listen(t, mesh);
		const nodes = await Promise.all(split.map(services => mesh.start(services, both)));
		const node = nodes[0] as MeshNode;
		const { traceparent } = place();
		await tell(node, "a", { traceparent });
		await tell(node, "b", { traceparent: placeOf(newTraceId(), newSpanId(), false) });
		await tell(node, "c");
		await assert.rejects(tell(node, "a", { traceparent }), { message: /taken/ });
		await until(
			async () => heard.size,
			size => size === 3,
		);
		await Promise.all(nodes.map(({ stop }) => stop()));
		assert.deepEqual(collector.faults, []);
		const { spans } = collector;
		const [told, failed] = spans
			.filter(({ name }) => name === "tellers.tell")
			.sort((a, b) => a.startMs - b.startMs) as [ReceivedSpan, ReceivedSpan];
		const [handled] = spans.filter(({ name }) => name === "process tale.told") as [ReceivedSpan];
		assert.equal(spans.length, 3, spans.map(({ name }) => name).join());
		for (const span of spans) assert.equal(span.traceId, traceIdOf(traceparent));
		assert.equal(told.parentSpanId, traceparent.slice(36, 52));
		assert.equal(told.isError, false);
		assert.deepEqual([failed.isError, failed.attributes["error.type"]], [true, "INTERNAL_ERROR"]);
		assert.equal(handled.parentSpanId, told.spanId);
		assert.equal(handled.attributes["messaging.consumer.group.name"], "listeners");
		assert.deepEqual(heard.get("a")?.place, {
			traceparent: placeOf(handled.traceId, handled.spanId, true),
		});
	});
}

/** A node's spans, `count` of them ended, and what it says of those that are lost. */
async function ended(url: string, count: number) {
	const registry = new Registry();
	const said: string[] = [];
	const { spans, stop } = await openTracing({
		env: readEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: url }),
		nodeID: "node",
		registry,
		warn: message => said.push(`${message} ${currentScope()}`),
	});
	const about = { name: "a", kind: SpanKind.INTERNAL };
	runIn({ requestId: "request-1" }, () => {
		for (let i = 0; i < count; i++) spans?.at(newPlace(1), about)?.span.end();
	});
	const [metric] = await registry.getMetricsAsJSON();
	return { lost: metric?.values[0]?.value, said, stop };
}

test("what waits when a node stops is sent", async t => {
	const collector = await startCollector(t);
	const { stop, said } = await ended(collector.url, 600);
	await stop();
	assert.deepEqual(said, []);
	assert.equal(new Set(collector.spans.map(({ spanId }) => spanId)).size, 600);
});

test("no more than 2,048 wait for a collector that hangs, and it is said once, for nobody's request", async t => {
	const collector = await startCollector(t);
	collector.mood = "hangs";
	const { stop, lost, said } = await ended(collector.url, 5_000);
	assert.equal(lost, 5_000 - 2_048);
	assert.deepEqual(said, ["Lost spans: 1, 2048 wait already undefined"]);
	await stop();
});

describe("traces in one process", () => everywhere({}, [both]));

const servers = await needs("nats", "mongo");
if (servers)
	describe("traces over NATS", () =>
		everywhere({ NATS_URL: servers.nats.url, MONGO_URL: servers.mongo.url }, [
			"tellers",
			"listeners",
		]));
