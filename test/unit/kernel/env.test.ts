import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EnvError, readEnv, variables } from "../../../kernel/env.ts";

/** What is wrong with an environment, as the operator reads it. */
function problemsOf(source: Record<string, string | undefined>): readonly string[] {
	try {
		readEnv(source);
		return [];
	} catch (error) {
		assert.ok(error instanceof EnvError);
		return error.problems;
	}
}

const secret = "s".repeat(32);
const mesh = { NATS_URL: "nats://localhost:4222", MONGO_URL: "mongodb://localhost" };

describe("what is not set", () => {
	test("makes an embedded node on loopback with sandbox providers", () => {
		const env = readEnv({});
		assert.equal(env.mode, "embedded");
		assert.equal(env.sandbox, true);
		assert.equal(env.PORT, 3000);
		assert.equal(env.HOST, "127.0.0.1");
		assert.equal(env.DATA_DIR, "./data");
		assert.equal(env.NAMESPACE, "zeolite");
		assert.equal(env.REQUEST_TIMEOUT_MS, 10_000);
		assert.equal(env.RATE_LIMIT, 600);
		assert.deepEqual([env.RETENTION_DAYS, env.UPLOAD_QUOTA_GB], [90, 100]);
		assert.equal(env.PRODUCTION, false);
		assert.equal(env.publicUrl, "http://127.0.0.1:3000");
		assert.deepEqual(env.SERVICES, []);
		assert.deepEqual(env.SERVICE_SECRET_KEY, []);
		assert.equal(env.METRICS_TOKEN, undefined);
	});

	test("is also what is empty", () => {
		const empty = Object.fromEntries(Object.keys(variables).map(name => [name, ""]));
		assert.deepEqual(readEnv(empty), readEnv({}));
	});

	test("cannot be changed later", () => {
		assert.ok(Object.isFrozen(readEnv({})));
	});
});

describe("values", () => {
	test("are read by their kind", () => {
		const env = readEnv({
			...mesh,
			PORT: "0",
			PRODUCTION: "off",
			TEACHER_APPROVAL: "on",
			RATE_LIMIT: "off",
			RETENTION_DAYS: "off",
			UPLOAD_QUOTA_GB: "20",
			SERVICES: " money, identity,",
			SERVICE_SECRET_KEY: `${secret},other`,
			TRUSTED_PROXIES: "10.0.0.1, 10.1.0.0/16,::1,fd00::/8",
			PUBLIC_URL: "https://school.example/",
			LOG_LEVEL: "debug",
			OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20a, x-team=b",
			OTEL_TRACES_SAMPLER_ARG: "0.25",
		});
		assert.equal(env.mode, "mesh");
		assert.equal(env.PORT, 0);
		assert.equal(env.PRODUCTION, false);
		assert.equal(env.TEACHER_APPROVAL, true);
		assert.equal(env.RATE_LIMIT, "off");
		assert.deepEqual([env.RETENTION_DAYS, env.UPLOAD_QUOTA_GB], ["off", 20]);
		assert.deepEqual(env.SERVICES, ["money", "identity"]);
		assert.deepEqual(env.SERVICE_SECRET_KEY, [secret, "other"]);
		assert.deepEqual(env.TRUSTED_PROXIES, ["10.0.0.1", "10.1.0.0/16", "::1", "fd00::/8"]);
		assert.equal(env.publicUrl, "https://school.example");
		assert.equal(env.LOG_LEVEL, "debug");
		assert.deepEqual(env.OTEL_EXPORTER_OTLP_HEADERS, {
			authorization: "Bearer a",
			"x-team": "b",
		});
		assert.equal(env.OTEL_TRACES_SAMPLER_ARG, 0.25);
	});

	test("may name several servers", () => {
		const several = {
			NATS_URL: "nats://a:4222,nats://b:4222",
			MONGO_URL: "mongodb://user:p%40ss@a:27017,b:27017,c:27017/?replicaSet=rs0",
		};
		assert.deepEqual(problemsOf(several), []);
		assert.deepEqual(problemsOf({ ...mesh, MONGO_URL: "mongodb+srv://cluster.example/db" }), []);
	});

	for (const [name, value, expected] of [
		["PORT", "65536", /^PORT: expected a whole number from 0 to 65535$/],
		["PORT", "80.5", /^PORT/],
		["PORT", "-1", /^PORT/],
		["PORT", "1e3", /^PORT/],
		["REQUEST_TIMEOUT_MS", "0", /^REQUEST_TIMEOUT_MS: .* from 1 /],
		["RATE_LIMIT", "0", /^RATE_LIMIT/],
		["RETENTION_DAYS", "0", /^RETENTION_DAYS: .* from 1 to/],
		["UPLOAD_QUOTA_GB", "all", /^UPLOAD_QUOTA_GB: .* from 1 to/],
		["PRODUCTION", "yes", /^PRODUCTION: expected on or off$/],
		["SANDBOX", "true", /^SANDBOX: expected one of auto, on, off$/],
		["LOG_LEVEL", "verbose", /^LOG_LEVEL/],
		["REDIS_URL", "localhost:6379", /^REDIS_URL: expected redis:/],
		["MONGO_URL", "postgres://localhost", /^MONGO_URL: expected mongodb:/],
		["PUBLIC_URL", "school.example", /^PUBLIC_URL/],
		["TRUSTED_PROXIES", "10.0.0.1,proxy", /^TRUSTED_PROXIES: proxy is not/],
		["TRUSTED_PROXIES", "10.0.0.0/33", /^TRUSTED_PROXIES: 10\.0\.0\.0\/33 is not/],
		["TRUSTED_PROXIES", "10.0.0.0/8/8", /^TRUSTED_PROXIES/],
		["NAMESPACE", "my school", /^NAMESPACE/],
		[
			"OTEL_EXPORTER_OTLP_ENDPOINT",
			"collector:4318",
			/^OTEL_EXPORTER_OTLP_ENDPOINT: expected http:/,
		],
		[
			"OTEL_EXPORTER_OTLP_HEADERS",
			"authorization",
			/^OTEL_EXPORTER_OTLP_HEADERS: expected name=value/,
		],
		["OTEL_EXPORTER_OTLP_HEADERS", "a=%2", /^OTEL_EXPORTER_OTLP_HEADERS/],
		["OTEL_TRACES_SAMPLER_ARG", "1.5", /^OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1$/],
		["OTEL_TRACES_SAMPLER_ARG", "-0.1", /^OTEL_TRACES_SAMPLER_ARG/],
		["NAMESPACE", "a.b", /^NAMESPACE/],
	] as const)
		test(`${name}=${value} is refused by name`, () => {
			const [first, ...others] = problemsOf({ [name]: value, SERVICE_SECRET_KEY: secret }).filter(
				problem => problem.startsWith(name),
			);
			assert.match(first ?? "", expected);
			assert.deepEqual(others, []);
		});

	test("that is wrong is not repeated, it may be a secret", () => {
		const [problem] = problemsOf({ REDIS_URL: "user:hunter2@host" });
		assert.doesNotMatch(problem ?? "", /hunter2/);
	});
});

describe("what must not be together", () => {
	test("is told all at once, with the values that cannot be read", () => {
		const found = problemsOf({
			PORT: "many",
			LOG_LEVEL: "loud",
			NATS_URL: "nats://localhost",
			ADMIN_EMAIL: "admin@zeolite.example",
			PRODUCTION: "1",
			SANDBOX: "on",
		});
		assert.deepEqual(
			found.map(problem => problem.split(/[: ]/)[0]),
			["PORT", "LOG_LEVEL", "NATS_URL", "ADMIN_EMAIL", "SERVICE_SECRET_KEY", "SANDBOX=on,"],
		);
		assert.throws(() => readEnv({ PORT: "x", LOG_LEVEL: "y" }), /PORT: .*\n.*LOG_LEVEL: /);
	});

	test("a variable that cannot be read does not count as missing", () => {
		assert.deepEqual(
			problemsOf({ NATS_URL: "nats://localhost", MONGO_URL: "localhost" }).length,
			1,
		);
	});

	test("NATS without a database", () => {
		const [problem] = problemsOf({ NATS_URL: "nats://localhost" });
		assert.match(problem ?? "", /^NATS_URL without MONGO_URL/);
		assert.deepEqual(problemsOf({ NATS_URL: "nats://localhost", SERVICES: "none" }), []);
		assert.deepEqual(problemsOf(mesh), []);
	});

	test("a secret of Razorpay's without its key; the key alone is public, and a gateway's", () => {
		assert.equal(problemsOf({ RAZORPAY_KEY_SECRET: "x" }).length, 1);
		assert.deepEqual(problemsOf({ RAZORPAY_KEY_ID: "rzp_test_1" }), []);
	});

	test("half of Mux's keys; the token's id alone is a gateway's, which only tells that Mux is there", () => {
		for (const half of [
			{ MUX_TOKEN_SECRET: "x" },
			{ MUX_TOKEN_ID: "x" },
			{ MUX_TOKEN_ID: "x", SERVICES: "gateway,content" },
			{ MUX_SIGNING_KEY: "x" },
			{ MUX_SIGNING_PRIVATE_KEY: "x" },
		])
			assert.equal(problemsOf(half).length, 1, JSON.stringify(half));
		assert.deepEqual(problemsOf({ MUX_TOKEN_ID: "x", SERVICES: "gateway" }), []);
		assert.deepEqual(problemsOf({ MUX_TOKEN_ID: "x", MUX_TOKEN_SECRET: "x" }), []);
	});

	test("half a key of a store, and a store without a bucket", () => {
		assert.equal(problemsOf({ AWS_ACCESS_KEY_ID: "x", AWS_S3_BUCKET: "b" }).length, 1);
		assert.equal(problemsOf({ S3_ENDPOINT: "http://127.0.0.1:7070" }).length, 1);
		const keys = { AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" };
		assert.equal(readEnv({ ...keys, AWS_S3_BUCKET: "b" }).files, "s3");
		assert.equal(readEnv({ ...mesh, AWS_S3_BUCKET: "b" }).files, "s3");
		assert.deepEqual([readEnv({}).files, readEnv(mesh).files], ["disk", "none"]);
	});

	test("half an admin", () => {
		assert.equal(problemsOf({ ADMIN_PASSWORD: "x" }).length, 1);
		assert.deepEqual(problemsOf({ ADMIN_EMAIL: "a@x.example", ADMIN_PASSWORD: "x" }), []);
	});
});

describe("PRODUCTION=1", () => {
	const production = { PRODUCTION: "1", SERVICE_SECRET_KEY: secret };

	test("takes what is right", () => {
		assert.deepEqual(problemsOf(production), []);
		const live = {
			...production,
			STRIPE_SECRET_KEY: "sk_live_1",
			STRIPE_WEBHOOK_SECRET: "whsec_1",
			RAZORPAY_KEY_ID: "rzp_live_1",
			RAZORPAY_WEBHOOK_SECRET: "w",
		};
		assert.deepEqual(problemsOf(live), []);
	});

	for (const [what, source, expected] of [
		["a missing secret", { SERVICE_SECRET_KEY: "" }, /^SERVICE_SECRET_KEY is missing/],
		["a short secret", { SERVICE_SECRET_KEY: "s".repeat(31) }, /^SERVICE_SECRET_KEY is shorter/],
		["a short one of two", { SERVICE_SECRET_KEY: `${secret},x` }, /^SERVICE_SECRET_KEY is short/],
		["sandbox providers", { SANDBOX: "on" }, /^SANDBOX=on/],
		["a live Stripe key alone", { STRIPE_SECRET_KEY: "sk_live_1" }, /^STRIPE_SECRET_KEY is live/],
		["a restricted one alone", { STRIPE_SECRET_KEY: "rk_live_1" }, /^STRIPE_SECRET_KEY is live/],
		[
			"a live Stripe key in clear text",
			{
				STRIPE_SECRET_KEY: "sk_live_1",
				STRIPE_WEBHOOK_SECRET: "whsec_1",
				STRIPE_API_BASE: "http://stripe.example",
			},
			/^STRIPE_SECRET_KEY is live and STRIPE_API_BASE/,
		],
		[
			"a live Razorpay key in clear text",
			{
				RAZORPAY_KEY_ID: "rzp_live_1",
				RAZORPAY_KEY_SECRET: "s",
				RAZORPAY_WEBHOOK_SECRET: "w",
				RAZORPAY_API_BASE: "http://razorpay.example",
			},
			/^RAZORPAY_KEY_ID is live and RAZORPAY_API_BASE/,
		],
		[
			"a live Razorpay key without its webhook secret",
			{ RAZORPAY_KEY_ID: "rzp_live_1", RAZORPAY_KEY_SECRET: "s" },
			/^RAZORPAY_KEY_ID is live/,
		],
		["a planted crash", { CRASH_AT: "payments:1:after" }, /^CRASH_AT is for tests only/],
	] as const)
		test(`refuses ${what}`, () => {
			const [first, ...others] = problemsOf({ ...production, ...source });
			assert.match(first ?? "", expected);
			assert.deepEqual(others, []);
			assert.deepEqual(problemsOf({ ...source, PRODUCTION: "0" }), []);
		});
});

describe("sandbox providers", () => {
	for (const [what, source, expected] of [
		["serve an embedded node on loopback", {}, true],
		["serve it on every address of loopback", { HOST: "127.0.0.2" }, true],
		["do not serve other hosts by themselves", { HOST: "0.0.0.0" }, false],
		["do not serve a mesh by themselves", mesh, false],
		["serve a mesh that says so", { ...mesh, SANDBOX: "on" }, true],
		["do not serve where they are off", { SANDBOX: "off" }, false],
		["do not serve production", { PRODUCTION: "1", SERVICE_SECRET_KEY: secret }, false],
	] as const)
		test(what, () => assert.equal(readEnv(source).sandbox, expected));
});
