import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { type TestContext, test } from "node:test";
import { newSpanId, newTraceId, placeOf } from "../../kernel/tracing/traceparent.ts";
import { signWebhook } from "../../services/money/signatures.ts";
import { type Collector, type ReceivedSpan, startCollector } from "../support/collector.ts";
import { eventually, send } from "../support/http.ts";
import {
	admin,
	assertPurchasedOnce,
	completePayment,
	openPayment,
	type Purchase,
	publishCourse,
} from "../support/journey.ts";
import { startMesh } from "../support/mesh.ts";
import { freePort } from "../support/ports.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

const serviceSecret = "a-secret-for-tests-0123456789abcdef";
const webhookSecret = createHmac("sha256", serviceSecret).update("sandbox webhooks").digest("hex");

/** Posts what the sandbox would, as any provider does: over HTTP. */
function postWebhook(
	base: string,
	data: { id?: string; key: string },
	headers: Record<string, string> = {},
) {
	const body = { id: `evt_${newSpanId()}`, type: "payment.paid", createdAt: Date.now(), data };
	const bytes = Buffer.from(JSON.stringify(body));
	const signature = signWebhook(webhookSecret, bytes, Date.now());
	return send(base, "POST", "/webhooks/sandbox", {
		body,
		headers: { ...headers, "sandbox-signature": signature },
	});
}

/** The one span of a trace that this is true of. */
function only(spans: readonly ReceivedSpan[], what: string, like: Partial<ReceivedSpan>) {
	const found = spans.filter(span =>
		Object.entries(like).every(([key, value]) => span[key as keyof ReceivedSpan] === value),
	);
	assert.equal(found.length, 1, `${what}: ${found.length} of ${spans.map(s => s.name).join()}`);
	return found[0] as ReceivedSpan;
}

const handled = (spans: readonly ReceivedSpan[], group: string, fact: string) =>
	only(
		spans.filter(s => s.attributes["messaging.consumer.group.name"] === group),
		`${group} ${fact}`,
		{ name: `process ${fact}`, kind: "CONSUMER" },
	);

const isCaptured = (base: string, { student, paymentId }: Purchase) =>
	eventually(
		() => send(base, "GET", `/api/payments/${paymentId}`, { token: student.token }),
		({ body }) => body.status === "captured",
	);

const servers = await needs("nats", "mongo");
if (servers)
	test("one trace spans purchase, webhook, enrolment and notice, on a mesh", async t => {
		const collector = await startCollector(t);
		const mesh = await startMesh(t, servers, {
			OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
			OTEL_EXPORTER_OTLP_HEADERS: "x-team=a%20team",
		});
		const [one, two] = mesh.gateways as [string, string];
		const { courseId } = await publishCourse(one);
		const { student } = await openPayment(one, courseId);
		const second = await publishCourse(one);

		const [traceId, clientSpan] = [newTraceId(), newSpanId()];
		const made = await send(one, "POST", "/api/payments", {
			token: student.token,
			body: { courseId: second.courseId, paymentMethod: "stripe" },
			headers: { traceparent: placeOf(traceId, clientSpan, true), tracestate: "rojo=rojo-canary" },
		});
		assert.equal(made.status, 201, JSON.stringify(made.body));
		assert.equal(made.headers.get("x-request-id"), traceId);
		const purchase = { student, courseId: second.courseId, paymentId: made.body.id };
		assert.equal((await completePayment(one, purchase, "timeout")).status, 200);
		const told = await postWebhook(two, { key: purchase.paymentId });
		assert.equal(told.status, 200, JSON.stringify(told.body));
		await isCaptured(one, purchase);
		await eventually(
			() => send(one, "GET", "/api/notifications", { token: student.token }),
			({ body }) => body.items.length === 2,
		);
		const asAdmin = await admin(one);
		const path = `/api/ledger/transfers?subjectId=${purchase.paymentId}`;
		await eventually(
			() => send(one, "GET", path, { token: asAdmin }),
			({ body }) => body.items.length === 1,
		);

		const strangerTrace = newTraceId();
		const unknown = await postWebhook(
			one,
			{ key: "pay_nobody" },
			{ "x-request-id": "client-id.0001", traceparent: placeOf(strangerTrace, clientSpan, true) },
		);
		assert.equal(unknown.status, 200);
		const inDigits = "4242424242424242";
		await postWebhook(one, { key: "pay_nobody" }, { "x-request-id": inDigits });
		await eventually(
			async () => mesh.log.filter(line => line.includes("could not be applied")),
			lines => lines.length >= 2,
		);

		for (const part of mesh.parts.values()) assert.equal(await part.end("SIGTERM"), 0);
		assert.deepEqual(collector.faults, []);
		for (const headers of collector.headers) assert.equal(headers["x-team"], "a team");

		const spans = collector.spans.filter(span => span.traceId === traceId);
		const server = only(spans, "purchase", { name: "POST /api/payments", kind: "SERVER" });
		assert.equal(server.parentSpanId, clientSpan);
		assert.deepEqual(server.attributes, {
			"http.request.method": "POST",
			"http.route": "/api/payments",
			"http.response.status_code": 201,
		});
		assert.equal(server.resource["service.name"], "zeolite-gateway");
		const create = only(spans, "create", { name: "payments.create", kind: "SERVER" });
		assert.equal(create.parentSpanId, server.spanId);
		assert.equal(create.resource["service.name"], "zeolite-money");
		const quote = only(spans, "quote", { name: "enrollments.quote" });
		assert.equal(quote.parentSpanId, create.spanId);
		const call = only(spans, "provider", { name: "sandbox.create", kind: "CLIENT" });
		assert.equal(call.parentSpanId, create.spanId);
		assert.equal(only(spans, "open", { name: "sandbox.open" }).parentSpanId, call.spanId);

		const requestId = told.headers.get("x-request-id");
		const webhookSpans = collector.spans.filter(span => span.traceId === requestId);
		const hook = only(webhookSpans, "webhook", {
			name: "POST /webhooks/:provider",
			kind: "SERVER",
			parentSpanId: undefined,
		});
		const took = only(webhookSpans, "webhook's action", { name: "payments.webhook" });
		assert.equal(took.parentSpanId, hook.spanId);
		const settled = only(spans, "what the webhook did", { name: "payments webhook" });
		assert.equal(settled.parentSpanId, create.spanId);
		assert.deepEqual(settled.links, [{ traceId: requestId, spanId: took.spanId }]);
		const fetched = only(spans, "fetch", { name: "sandbox.fetch", kind: "CLIENT" });
		assert.equal(fetched.parentSpanId, settled.spanId);

		const enrolled = handled(spans, "enrollments", "payment.captured");
		const booked = handled(spans, "ledger", "payment.captured");
		const noticed = handled(spans, "notifications", "payment.captured");
		for (const { parentSpanId } of [enrolled, booked, noticed])
			assert.equal(parentSpanId, settled.spanId);
		const welcomed = handled(spans, "notifications", "enrollment.activated");
		assert.equal(welcomed.parentSpanId, enrolled.spanId);
		assert.deepEqual(
			spans.filter(({ isError }) => isError),
			[],
		);

		const lines = mesh.log.filter(line => line.includes("could not be applied"));
		const fields = lines.map(line => JSON.parse(line.slice(line.indexOf("{"))));
		const line = fields.find(({ traceId }) => traceId === strangerTrace);
		assert.equal(line?.requestId, "client-id.0001", lines.join("\n"));
		assert.ok(!mesh.log.some(text => text.includes(inDigits)));
		assert.ok(!collector.bodies.join().includes(inDigits));

		const secrets = [
			student.email,
			student.token,
			serviceSecret,
			"password123",
			"Test Course",
			"rojo-canary",
		];
		for (const body of collector.bodies)
			for (const secret of secrets) assert.ok(!body.includes(secret), secret);
	});

/** What the metrics say was lost. */
async function lost(base: string): Promise<number> {
	const { body } = await send(base, "GET", "/metrics");
	return Number(/^zeolite_spans_lost_total (\d+)$/m.exec(body)?.[1]);
}

/** Many requests, of which each is answered. @returns how long the slowest took, ms */
async function browse(base: string, requests: number): Promise<number> {
	let slowest = 0;
	for (let left = requests; left > 0; left -= 10)
		await Promise.all(
			Array.from({ length: 10 }, async () => {
				const began = performance.now();
				const answer = await fetch(`${base}/api/courses`);
				assert.equal(answer.status, 200);
				await answer.arrayBuffer();
				slowest = Math.max(slowest, performance.now() - began);
			}),
		);
	return slowest;
}

/** The product with a collector that does not take what it sends. */
async function assertUnhurt(t: TestContext, url: string): Promise<void> {
	const lines: string[] = [];
	const started = performance.now();
	const product = await startEmbedded(
		t,
		{ OTEL_EXPORTER_OTLP_ENDPOINT: url, SERVICE_SECRET_KEY: serviceSecret },
		undefined,
		line => lines.push(line),
	);
	const { courseId } = await publishCourse(product.url);
	const purchase = await openPayment(product.url, courseId);
	assert.ok((await browse(product.url, 2_500)) < 4_500);
	assert.equal((await completePayment(product.url, purchase, "succeed")).status, 200);
	await assertPurchasedOnce(product.url, purchase);
	await eventually(
		() => lost(product.url),
		count => count > 500,
	);
	assert.equal(await product.end("SIGTERM"), 0);
	const minutes = Math.ceil((performance.now() - started) / 60_000);
	const said = lines.filter(line => line.includes("Lost spans"));
	assert.ok(said.length >= 1 && said.length <= minutes, said.join("\n"));
}

test("a collector that hangs costs spans and nothing else", async t => {
	const collector = await startCollector(t);
	collector.mood = "hangs";
	await assertUnhurt(t, collector.url);
});

test("a collector that is away costs spans and nothing else", async t =>
	assertUnhurt(t, `http://127.0.0.1:${await freePort()}`));

/** The spans that came of one purchase by a process, ended by SIGTERM right after. */
async function spansOf(t: TestContext, collector: Collector, variables: Record<string, string>) {
	const product = await startEmbedded(t, variables);
	const { courseId } = await publishCourse(product.url);
	const purchase = await openPayment(product.url, courseId);
	assert.equal((await completePayment(product.url, purchase, "succeed")).status, 200);
	const sent = placeOf(newTraceId(), newSpanId(), true);
	for (const traceparent of [sent, "00-nonsense"]) {
		const { headers } = await send(product.url, "GET", "/api/courses", {
			headers: { traceparent },
		});
		const requestId = headers.get("x-request-id") as string;
		assert.match(requestId, /^[0-9a-f]{32}$/);
		assert.equal(requestId === sent.slice(3, 35), traceparent === sent);
	}
	assert.equal(await product.end("SIGTERM"), 0);
	assert.deepEqual(collector.faults, []);
	return collector.spans;
}

test("spans are sent before a process ends", async t => {
	const collector = await startCollector(t);
	const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` };
	const spans = await spansOf(t, collector, env);
	const names = spans.map(({ name }) => name);
	for (const name of ["POST /api/payments", "payments.create", "GET /api/courses"])
		assert.ok(names.includes(name), `${name} is not in ${names.join()}`);
	const begins = spans.filter(({ parentSpanId }) => !parentSpanId);
	for (const { name } of begins) assert.match(name, /^[A-Z]+ \//);
});

test("of traces that are not recorded nothing is sent, but for those a client wants", async t => {
	const collector = await startCollector(t);
	const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: "0" };
	const names = (await spansOf(t, collector, env)).map(({ name }) => name);
	assert.deepEqual(names.sort(), ["GET /api/courses", "courses.list"]);
});
