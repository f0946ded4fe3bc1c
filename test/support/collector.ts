import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

type Attributes = Readonly<Record<string, unknown>>;

/** A span as it was received. */
export interface ReceivedSpan {
	traceId: string;
	spanId: string;
	parentSpanId: string | undefined;
	name: string;
	/** SERVER, CLIENT, … */
	kind: string;
	startMs: number;
	endMs: number;
	attributes: Attributes;
	/** Trace and span ids. */
	links: { traceId: string; spanId: string }[];
	isError: boolean;
	/** What the process says of itself. */
	resource: Attributes;
}

export interface Collector {
	/** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
	url: string;
	spans: ReceivedSpan[];
	/** Every body, as it came. */
	bodies: string[];
	headers: IncomingMessage["headers"][];
	/** What is wrong with what came. */
	faults: string[];
	/** What it does with what comes. */
	mood: "takes" | "hangs" | "refuses";
}

const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

interface Value {
	stringValue?: string;
	boolValue?: boolean;
	intValue?: string | number;
	doubleValue?: number;
	arrayValue?: { values: Value[] };
}
interface Pair {
	key: string;
	value: Value;
}

function heldBy(value: Value): unknown {
	const [[kind, held] = [], ...more] = Object.entries(value);
	assert.equal(more.length, 0, "a value has one kind");
	if (kind === "arrayValue") return (held as { values: Value[] }).values.map(heldBy);
	if (kind === "intValue") {
		assert.match(String(held), /^-?\d+$/);
		return Number(held);
	}
	const types = { stringValue: "string", boolValue: "boolean", doubleValue: "number" };
	assert.equal(typeof held, types[kind as keyof typeof types], kind);
	return held;
}

function attributesOf(pairs: Pair[] = []): Attributes {
	assert.ok(Array.isArray(pairs));
	assert.equal(new Set(pairs.map(({ key }) => key)).size, pairs.length, "keys are unique");
	return Object.fromEntries(pairs.map(({ key, value }) => [key, heldBy(value)]));
}

/** Nanoseconds since the epoch, which JSON carries as text. */
function msOf(nanoseconds: unknown): number {
	assert.ok(typeof nanoseconds === "string" && /^\d{19}$/.test(nanoseconds), String(nanoseconds));
	return Number(nanoseconds) / 1e6;
}

function idOf(id: unknown, length: number): string {
	assert.match(String(id), new RegExp(`^(?!0+$)[0-9a-f]{${length}}$`));
	return id as string;
}

/**
 * Reads an ExportTraceServiceRequest in OTLP's JSON: ids as hex, 64-bit integers as text, enums as integers, names in
 * camel case. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
function read(text: string): ReceivedSpan[] {
	const { resourceSpans, ...rest } = JSON.parse(text);
	assert.deepEqual(rest, {});
	// biome-ignore lint/suspicious/noExplicitAny: whatever came
	return resourceSpans.flatMap(({ resource, scopeSpans }: any) => {
		const about = attributesOf(resource.attributes);
		assert.equal(typeof about["service.name"], "string");
		// biome-ignore lint/suspicious/noExplicitAny: whatever came
		return scopeSpans.flatMap(({ scope, spans }: any) => {
			assert.equal(typeof scope.name, "string");
			// biome-ignore lint/suspicious/noExplicitAny: whatever came
			return spans.map((span: any): ReceivedSpan => {
				const { parentSpanId, status = {}, links = [] } = span;
				assert.ok(typeof span.name === "string" && span.name !== "", "a span has a name");
				assert.ok(Number.isInteger(span.kind) && kinds[span.kind], `kind ${span.kind}`);
				assert.ok([undefined, 0, 1, 2].includes(status.code), `status ${status.code}`);
				const startMs = msOf(span.startTimeUnixNano);
				const endMs = msOf(span.endTimeUnixNano);
				assert.ok(endMs >= startMs, "a span ends after it began");
				return {
					traceId: idOf(span.traceId, 32),
					spanId: idOf(span.spanId, 16),
					parentSpanId: parentSpanId === undefined ? undefined : idOf(parentSpanId, 16),
					name: span.name,
					kind: kinds[span.kind] as string,
					startMs,
					endMs,
					attributes: attributesOf(span.attributes),
					links: links.map(({ traceId, spanId }: { traceId: string; spanId: string }) => ({
						traceId: idOf(traceId, 32),
						spanId: idOf(spanId, 16),
					})),
					isError: status.code === 2,
					resource: about,
				};
			});
		});
	});
}

async function bodyOf(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString();
}

/** An OpenTelemetry collector that takes OTLP over HTTP in JSON, and holds what comes against its form. */
export async function startCollector(t: Pick<TestContext, "after">): Promise<Collector> {
	const hanging = new Set<ServerResponse>();
	const collector: Collector = {
		url: "",
		spans: [],
		bodies: [],
		headers: [],
		faults: [],
		mood: "takes",
	};
	const server = createServer(async (request, response) => {
		const body = await bodyOf(request);
		if (collector.mood === "hangs") return void hanging.add(response);
		if (collector.mood === "refuses") return void response.writeHead(400).end();
		try {
			assert.equal(`${request.method} ${request.url}`, "POST /v1/traces");
			assert.equal(request.headers["content-type"], "application/json");
			collector.headers.push(request.headers);
			collector.bodies.push(body);
			collector.spans.push(...read(body));
		} catch (error) {
			collector.faults.push(String(error));
		}
		response.writeHead(200, { "content-type": "application/json" }).end("{}");
	});
	await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
	collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return collector;
}
