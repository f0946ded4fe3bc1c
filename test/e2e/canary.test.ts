import assert from "node:assert/strict";
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MeshProcess } from "../../deploy/process.ts";
import { startCollector } from "../support/collector.ts";
import { send, uniqueEmail } from "../support/http.ts";
import { root } from "../support/node.ts";
import { freePort } from "../support/ports.ts";

const secret = "canaryservicesecret0123456789abcdef";
const hex = "c0ffee".repeat(11).slice(0, 64);

/** What is put into every input: a name, and what must be in no log and no metric. */
const canaries = {
	password: "canary-password-Zx81",
	stripe: "sk_live_canaryStripe51Mq",
	webhook: "whsec_canaryWebhook77",
	card: "4242 4242 4242 4242",
	plainCard: "5555555555554444",
	signature: `t=1,n=canarynonce,v1=${hex}`,
	key: "canary-service-key-0001",
	bearer: "canary-bearer-token-0001",
};

const contract = `import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";

export const probe = defineContract("probe", {
	description: "Breaks",
	actions: {
		break: {
			description: "Throws whatever it was given",
			kind: "write",
			access: "public",
			ignoresToken: true,
			rest: "POST /api/probe",
			params: Type.Object({ password: Type.Optional(Type.String()), note: Type.Optional(Type.String()), refreshToken: Type.Optional(Type.String()) }),
			result: Type.Object({}, { $id: "Broken" }),
			example: {},
		},
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		probe: typeof probe;
	}
}
`;

const service = `import { implement } from "../../../kernel/implement.ts";
import { probe } from "./probe.contract.ts";

export default implement(probe, {
	actions: {
		async break(ctx) {
			this.logger.debug("asked", ctx.params, ctx.headers);
			this.logger.info(\`asked with \${JSON.stringify(ctx.params)} and \${JSON.stringify(ctx.headers)}\`);
			const cause = new Error(\`password=\${ctx.params.password}\`);
			throw Object.assign(new Error(\`cannot keep \${JSON.stringify(ctx.params)}\`, { cause }), {
				ctx,
				data: { params: ctx.params, headers: ctx.headers },
				response: { body: [ctx.params.note], headers: { authorization: ctx.headers.bearer } },
			});
		},
	},
});
`;

/** The sources, with a service that logs and throws what it is given. */
function copyThatBreaks(): string {
	const copy = mkdtempSync(join(tmpdir(), "zeolite-canary-"));
	for (const name of readdirSync(root))
		if (!["node_modules", "data", ".git"].includes(name))
			cpSync(join(root, name), join(copy, name), { recursive: true });
	symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
	const folder = join(copy, "services/engagement/probe");
	mkdirSync(folder);
	writeFileSync(join(folder, "probe.contract.ts"), contract);
	writeFileSync(join(folder, "probe.service.ts"), service);
	return copy;
}

test("a secret that is put into every input is in no log, no metric and no span", async t => {
	const copy = copyThatBreaks();
	const data = mkdtempSync(join(tmpdir(), "zeolite-"));
	t.after(() => {
		rmSync(copy, { recursive: true });
		rmSync(data, { recursive: true });
	});
	const printed: string[] = [];
	const collector = await startCollector(t);
	const port = await freePort();
	const product = new MeshProcess(
		{ name: "canary", services: "", port },
		{
			NATS_URL: "",
			MONGO_URL: "",
			REDIS_URL: "",
			DATA_DIR: data,
			LOG_LEVEL: "debug",
			RATE_LIMIT: "off",
			SERVICE_SECRET_KEY: secret,
			PAYMENT_SERVICE_API_KEY: canaries.key,
			ADMIN_EMAIL: "admin@zeolite.example",
			ADMIN_PASSWORD: `${canaries.password}-admin`,
			OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
			OTEL_EXPORTER_OTLP_HEADERS: `authorization=${encodeURIComponent(`Bearer ${canaries.bearer}`)}`,
		},
		line => printed.push(line),
		copy,
	);
	t.after(() => product.end("SIGKILL"));
	await product.start();
	const base = product.url;

	const email = uniqueEmail();
	const account = { email, password: canaries.password };
	const made = await send(base, "POST", "/api/auth/register", {
		body: { ...account, role: "teacher", name: canaries.card },
	});
	assert.equal(made.status, 201);
	const { accessToken, refreshToken } = made.body;
	const secrets = { ...canaries, secret, accessToken, refreshToken };

	const everything = Object.values(secrets);
	/** Those that nothing but the name of their field tells from any other text. */
	const formless = new Set<string>([canaries.password, canaries.key, canaries.bearer, secret]);
	const service = {
		"x-service-name": "payment-service",
		"x-service-key": canaries.key,
		"x-service-signature": canaries.signature,
		"stripe-signature": canaries.signature,
		"x-sandbox-signature": canaries.signature,
	};
	const statuses: number[] = [];
	const ask = async (...args: Parameters<typeof send> extends [string, ...infer R] ? R : never) => {
		const { status, body } = await send(base, ...args);
		statuses.push(status);
		return { status, body };
	};
	const token = accessToken;
	await ask("POST", "/api/auth/login", { body: account });
	await ask("POST", "/api/auth/login", { body: { email, password: `${canaries.password}x` } });
	await ask("GET", "/api/courses", { token: canaries.bearer });
	await ask("GET", "/api/auth/me", { headers: { authorization: `Basic ${canaries.bearer}` } });
	await ask("POST", "/api/auth/verify", { body: { token: accessToken } });
	await ask("GET", "/api/courses/internal/crs_x", { headers: service });
	await ask("POST", "/webhooks/sandbox", { headers: service, body: { id: canaries.webhook } });
	for (const value of everything) {
		await ask("POST", "/api/courses", { token, body: { title: value, description: value } });
		await ask("POST", "/api/courses", { token, body: { title: { [value]: 1 }, price: value } });
		await ask("PATCH", "/api/courses/crs_x", { token, body: { description: value } });
		await ask(
			"GET",
			`/api/courses?q=${encodeURIComponent(value)}&token=${encodeURIComponent(value)}`,
		);
		await ask("GET", `/api/courses/${encodeURIComponent(value)}`);
		await ask("GET", `/nothing/${encodeURIComponent(value)}`);
		await ask("POST", "/api/auth/refresh", { body: { refreshToken: value } });
		await ask("POST", "/api/payments/pay_x/refund", { token, body: { reason: value } });
		await ask("POST", "/api/payments", { token, body: { courseId: value, paymentMethod: value } });
		await fetch(`${base}/api/probe`, {
			method: "POST",
			headers: {
				"content-type": "application/json",
				authorization: `Bearer ${canaries.bearer}`,
				"user-agent": formless.has(value) ? "none" : value,
				traceparent: value,
				tracestate: `canary=${value}`,
			},
			body: JSON.stringify({
				password: canaries.password,
				note: formless.has(value) ? "" : value,
				refreshToken: value,
			}),
		}).then(async answer => {
			assert.equal(answer.status, 500);
			for (const canary of everything) assert.ok(!(await answer.clone().text()).includes(canary));
		});
		// Its own request id is answered as it came.
		if (!formless.has(value))
			await fetch(`${base}/api/probe`, {
				method: "POST",
				headers: { "content-type": "application/json", "x-request-id": value },
				body: "{}",
			}).then(answer => assert.equal(answer.status, 500));
		await fetch(`${base}/api/courses`, {
			method: "POST",
			headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
			body: `{"title": "${value}`,
		}).then(answer => assert.equal(answer.status, 400));
	}
	assert.equal(
		(await send(base, "POST", "/api/auth/refresh", { body: { refreshToken } })).status,
		200,
	);
	const { body: metrics } = await send(base, "GET", "/metrics");
	await product.end("SIGTERM");

	const log = printed.join("\n");
	assert.ok(log.includes("asked with") && log.includes("api/probe failed"), "it did log");
	assert.ok(
		printed.some(line => line.includes('"level":20')),
		"at debug",
	);
	for (const status of [200, 201, 400, 401, 404, 422])
		assert.ok(statuses.includes(status), String(status));
	const names = new Set(collector.spans.map(span => span.name));
	for (const name of ["POST /api/probe", "probe.break", "auth.register", "payments.create"])
		assert.ok(names.has(name), `${name} is a span`);
	assert.deepEqual(collector.faults, []);
	assert.ok(collector.headers.every(headers => headers.authorization?.includes(canaries.bearer)));
	for (const [name, value] of Object.entries({ ...secrets, signature: hex })) {
		const found = printed.find(line => line.includes(value));
		assert.equal(found, undefined, `${name} is in the log`);
		assert.ok(!metrics.includes(value), `${name} is in the metrics`);
		for (const body of collector.bodies) assert.ok(!body.includes(value), `${name} is in a span`);
	}
});
