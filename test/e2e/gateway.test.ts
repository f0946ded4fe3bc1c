import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { register, send, uniqueEmail } from "../support/http.ts";
import { publishCourse } from "../support/journey.ts";
import { startEmbedded } from "../support/process.ts";
import { signed } from "../support/school.ts";

const code = ({ status, body }: { status: number; body: { code?: string } }) => [status, body.code];

async function product(t: TestContext, variables: Record<string, string> = {}): Promise<string> {
	const { url } = await startEmbedded(t, {
		SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
		...variables,
	});
	return url;
}

/** Sends bytes as they are; whatever comes back until the server ends the connection. */
function raw(base: string, bytes: string | Buffer): Promise<string> {
	const { hostname, port } = new URL(base);
	return new Promise((resolve, reject) => {
		const socket = connect(Number(port), hostname, () => socket.write(bytes));
		let received = "";
		socket.setEncoding("utf8").on("data", text => {
			received += text;
		});
		socket.setTimeout(5_000, () => socket.destroy());
		socket.on("close", () => resolve(received)).on("error", reject);
	});
}

test("the gateway's answers", async t => {
	const base = await product(t);
	const { teacher, courseId } = await publishCourse(base);
	const { token } = teacher;
	const post = (body: string, headers: Record<string, string> = {}) =>
		fetch(`${base}/api/courses`, {
			method: "POST",
			headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
			body,
		}).then(async r => ({ status: r.status, headers: r.headers, body: await r.json() }));

	await t.test("request ids: a well-formed one is kept, any other replaced", async () => {
		const kept = await send(base, "GET", "/api/courses", {
			headers: { "x-request-id": "client-id.0001" },
		});
		assert.equal(kept.headers.get("x-request-id"), "client-id.0001");
		for (const bad of ["short", "a b c d e f g", "x".repeat(129)]) {
			const { headers } = await send(base, "GET", "/nothing", { headers: { "x-request-id": bad } });
			assert.match(headers.get("x-request-id") ?? "", /^[0-9a-f]{32}$/);
		}
		const failed = await send(base, "GET", "/nothing");
		assert.equal(failed.body.requestId, failed.headers.get("x-request-id"));
	});

	await t.test("unknown paths and methods", async () => {
		const unknown = await send(base, "GET", "/api/nothing");
		assert.deepEqual(code(unknown), [404, "NOT_FOUND"]);
		assert.equal(unknown.headers.get("content-type"), "application/problem+json");
		const wrong = await send(base, "PUT", `/api/courses/${courseId}`);
		assert.deepEqual(code(wrong), [405, "METHOD_NOT_ALLOWED"]);
		assert.deepEqual(wrong.headers.get("allow")?.split(", ").sort(), ["DELETE", "GET", "PATCH"]);
		assert.deepEqual(code(await send(base, "GET", "/api/courses/%zz")), [400, "BAD_REQUEST"]);
	});

	await t.test("HEAD is GET without a body", async () => {
		const response = await fetch(`${base}/api/courses/${courseId}`, { method: "HEAD" });
		assert.equal(response.status, 200);
		assert.equal(await response.text(), "");
	});

	await t.test("an id of any form that names nothing is 404", async () => {
		for (const id of ["x", "%20", "..%2f..", "{}", "$ne", "a".repeat(2_000), "%00"])
			assert.deepEqual(
				code(await send(base, "GET", `/api/courses/${id}`)),
				[404, "COURSE_NOT_FOUND"],
				id,
			);
	});

	await t.test("bodies that are no JSON object", async () => {
		assert.deepEqual(code(await post("{")), [400, "MALFORMED_JSON"]);
		assert.deepEqual(code(await post("[]")), [422, "VALIDATION_ERROR"]);
		assert.deepEqual(code(await post('"text"')), [422, "VALIDATION_ERROR"]);
		assert.deepEqual(code(await post(`{"title":${"[".repeat(40)}${"]".repeat(40)}}`)), [
			400,
			"BAD_REQUEST",
		]);
		assert.deepEqual(code(await post('{"title":"x","__proto__":{"a":1}}')), [400, "BAD_REQUEST"]);
		assert.deepEqual(code(await post(JSON.stringify({ title: "x".repeat(300_000) }))), [
			413,
			"PAYLOAD_TOO_LARGE",
		]);
		assert.deepEqual(code(await post("title=x", { "content-type": "text/plain" })), [
			415,
			"UNSUPPORTED_MEDIA_TYPE",
		]);
		assert.deepEqual(code(await post("{}", { "content-encoding": "gzip" })), [
			415,
			"UNSUPPORTED_MEDIA_TYPE",
		]);
	});

	await t.test(
		"fields are named by their JSON pointer, a missing one too, without their value",
		async () => {
			const missing = await post("{}");
			assert.deepEqual(code(missing), [422, "VALIDATION_ERROR"]);
			assert.equal(missing.body.errors[0].path, "/title");
			const wrong = await post('{"title":"x","price":"9.99"}');
			assert.equal(wrong.body.errors[0].path, "/price");
			assert.doesNotMatch(JSON.stringify(wrong.body), /9\.99/);
			const free = await post('{"title":"x","price":null}');
			assert.deepEqual(code(free), [422, "VALIDATION_ERROR"], "null does not make a course free");
		},
	);

	await t.test("what a client must not set changes nothing", async () => {
		const made = await post(
			'{"title":"x","teacherId":"usr_other","enrollmentCount":9,"id":"crs_mine"}',
		);
		assert.equal(made.status, 201);
		assert.equal(made.body.teacherId, teacher.id);
		assert.equal(made.body.enrollmentCount, 0);
		assert.notEqual(made.body.id, "crs_mine");
		const byQuery = await send(base, "PATCH", `/api/courses/${courseId}?title=stolen&id=other`, {
			token,
			body: { description: "new" },
		});
		assert.deepEqual([byQuery.body.id, byQuery.body.title], [courseId, "Test Course"]);
	});

	await t.test("tokens", async () => {
		const none = await send(base, "GET", "/api/auth/me");
		assert.deepEqual(code(none), [401, "UNAUTHENTICATED"]);
		assert.match(none.headers.get("www-authenticate") ?? "", /^Bearer/);
		for (const bad of ["x", `${token}x`, token.replace(/\.[^.]+$/, ".AAAA"), "a.b.c"])
			for (const path of ["/api/auth/me", "/api/courses"])
				assert.deepEqual(
					code(await send(base, "GET", path, { token: bad })),
					[401, "UNAUTHENTICATED"],
					path,
				);
		const login = await send(base, "POST", "/api/auth/login", {
			token: "nonsense",
			body: { email: teacher.email, password: "password123" },
		});
		assert.equal(login.status, 200, "login ignores a token");
		const verified = await send(base, "POST", "/api/auth/verify", { token: "nonsense", body: {} });
		assert.deepEqual([verified.status, verified.body], [200, { valid: false }]);
	});

	await t.test(
		"a logout holds on this node at once, and a mesh-only action has no path",
		async () => {
			const person = await register(base);
			const out = await send(base, "POST", "/api/auth/logout", { token: person.token });
			assert.deepEqual([out.status, out.body], [204, ""]);
			assert.deepEqual(code(await send(base, "GET", "/api/auth/me", { token: person.token })), [
				401,
				"UNAUTHENTICATED",
			]);
			for (const path of [
				"/enrollments/count",
				"/api/enrollments.count",
				"/payments/settle",
				"/$node/options",
				"/~node/options",
			])
				assert.deepEqual(code(await send(base, "GET", path)), [404, "NOT_FOUND"], path);
		},
	);

	await t.test("service signatures: one use, every byte, only who the contract lists", async () => {
		const target = `/api/courses/internal/${courseId}`;
		const headers = signed("payment-service", "GET", target, "");
		assert.equal((await send(base, "GET", target, { headers })).status, 200);
		assert.deepEqual(
			code(await send(base, "GET", target, { headers })),
			[401, "SERVICE_SIGNATURE_INVALID"],
			"replayed",
		);
		const other = signed("payment-service", "GET", `${target}x`, "");
		assert.deepEqual(code(await send(base, "GET", target, { headers: other })), [
			401,
			"SERVICE_SIGNATURE_INVALID",
		]);
		const stranger = signed("invoice-service", "GET", target, "");
		assert.deepEqual(code(await send(base, "GET", target, { headers: stranger })), [
			401,
			"SERVICE_SIGNATURE_INVALID",
		]);
		const complete = "/api/enrollments/internal/complete";
		const body = { userId: "u", courseId: "c", paymentId: "p" };
		const files = signed("file-service", "POST", complete, JSON.stringify(body));
		assert.deepEqual(code(await send(base, "POST", complete, { headers: files, body })), [
			403,
			"FORBIDDEN",
		]);
		assert.deepEqual(
			code(await send(base, "POST", complete, { token, body })),
			[403, "FORBIDDEN"],
			"a user's token",
		);
	});

	await t.test(
		"webhooks: without a signature 400, of a provider that is not set up 404",
		async () => {
			assert.deepEqual(
				code(await send(base, "POST", "/webhooks/sandbox", { body: { id: "evt" } })),
				[400, "SIGNATURE_INVALID"],
			);
			assert.deepEqual(code(await send(base, "POST", "/api/webhooks/stripe", { body: {} })), [
				404,
				"NOT_FOUND",
			]);
		},
	);

	await t.test("every problem is explained", async () => {
		for (const slug of [
			"validation-error",
			"course-not-found",
			"payment-required",
			"internal-error",
		])
			assert.equal((await send(base, "GET", `/problems/${slug}`)).status, 200, slug);
		assert.deepEqual(code(await send(base, "GET", "/problems/nonsense")), [
			404,
			"PROBLEM_NOT_FOUND",
		]);
	});

	await t.test("operations", async () => {
		const health = await send(base, "GET", "/api/health");
		assert.deepEqual(
			[health.status, health.body.gateway, health.body.services.auth],
			[200, "healthy", "healthy"],
		);
		assert.equal((await send(base, "GET", "/livez")).status, 200);
		const ready = await send(base, "GET", "/readyz");
		assert.deepEqual([ready.status, ready.body.status], [200, "ready"]);
		const metrics = await send(base, "GET", "/metrics");
		for (const name of [
			"moleculer_request_total",
			"http_server_request_duration_seconds_bucket",
			"nodejs_eventloop_lag_p99_seconds",
			'zeolite_facts_pending{service="payments"}',
			'zeolite_facts_oldest_seconds{service="payments"}',
		])
			assert.ok(metrics.body.includes(name), name);
		const proxied = await send(base, "GET", "/metrics", {
			headers: { "x-forwarded-for": "1.2.3.4" },
		});
		assert.equal(proxied.status, 401);
	});

	await t.test("bytes that are no HTTP end the connection, not the product", async () => {
		assert.match(await raw(base, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400/);
		assert.match(
			await raw(base, `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`),
			/^HTTP\/1\.1 431/,
		);
		assert.match(
			await raw(
				base,
				"POST /api/courses HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
			),
			/^HTTP\/1\.1 400/,
		);
		assert.equal((await send(base, "GET", "/livez")).status, 200);
	});
});

test("rate limits by client, with their headers; other origins; sandbox off", async t => {
	const base = await product(t, {
		RATE_LIMIT: "20",
		CORS_ORIGINS: "https://app.example.com",
		SANDBOX: "off",
		METRICS_TOKEN: "metrics-token",
	});

	await t.test("an origin is let in by exact match", async () => {
		for (const [origin, isIn] of [
			["https://app.example.com", true],
			["https://app.example.co", false],
			["https://app.example.com.evil.example", false],
		] as const) {
			const { headers } = await send(base, "GET", "/livez", { headers: { origin } });
			assert.equal(
				headers.get("access-control-allow-origin"),
				null,
				"operations are nobody's page",
			);
			const answer = await fetch(`${base}/api/courses`, {
				method: "OPTIONS",
				headers: { origin, "access-control-request-method": "POST" },
			});
			assert.equal(answer.headers.get("access-control-allow-origin"), isIn ? origin : null);
		}
	});

	await t.test(
		"without the sandbox none of its routes exist and its methods are not available",
		async () => {
			assert.deepEqual(code(await send(base, "GET", "/sandbox/checkout/pay_1?secret=x")), [
				404,
				"NOT_FOUND",
			]);
			assert.deepEqual(
				code(await send(base, "POST", "/api/sandbox/payments/pay_1/complete", { body: {} })),
				[404, "NOT_FOUND"],
			);
			assert.deepEqual(code(await send(base, "POST", "/webhooks/sandbox", { body: {} })), [
				404,
				"NOT_FOUND",
			]);
		},
	);

	await t.test("the metrics' token opens them to others than loopback", async () => {
		const headers = { "x-forwarded-for": "1.2.3.4", authorization: "Bearer metrics-token" };
		assert.equal((await send(base, "GET", "/metrics", { headers })).status, 200);
	});

	await t.test("the 21st request of a minute is 429, an address cannot be made up", async () => {
		let last = await send(base, "GET", "/api/courses");
		assert.match(last.headers.get("ratelimit-policy") ?? "", /q=20;w=60/);
		for (let i = 0; i < 25 && last.status !== 429; i++)
			last = await send(base, "GET", "/api/courses", {
				headers: { "x-forwarded-for": `1.2.3.${i}` },
			});
		assert.deepEqual(code(last), [429, "TOO_MANY_REQUESTS"]);
		assert.ok(Number(last.headers.get("retry-after")) > 0);
		assert.match(last.headers.get("ratelimit") ?? "", /r=0/);
		const { status } = await send(base, "POST", "/api/auth/register", {
			body: { email: uniqueEmail(), password: "password123" },
		});
		assert.equal(status, 429);
	});
});
