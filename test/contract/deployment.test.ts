import assert from "node:assert/strict";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { nodeFlags } from "../../deploy/node-flags.ts";
import { split } from "../../deploy/split.ts";
import { readEnv, variables } from "../../kernel/env.ts";
import { chooseServices, findServices } from "../../kernel/load.ts";
import { root } from "../support/node.ts";
import { startEmbedded } from "../support/process.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");

interface Container {
	image: string;
	env: { name: string; value?: string; valueFrom?: { secretKeyRef: Ref } }[];
	envFrom?: { configMapRef?: Ref; secretRef?: Ref }[];
	ports: { name: string; containerPort: number }[];
	startupProbe: object;
	readinessProbe: { httpGet: { path: string } };
	livenessProbe: { httpGet: { path: string } };
	lifecycle?: { preStop: { sleep: { seconds: number } } };
}
interface Ref {
	name: string;
	key?: string;
}
interface Resource {
	kind: string;
	metadata: { name: string; namespace?: string };
	data?: Record<string, string>;
	spec: {
		replicas?: number;
		selector: { matchLabels: Record<string, string> };
		strategy: object;
		minReplicas?: number;
		template: {
			metadata: { labels: Record<string, string>; annotations: Record<string, string> };
			spec: { terminationGracePeriodSeconds: number; containers: [Container] };
		};
	};
}
const manifest = parseAllDocuments(read("deploy/kubernetes.yaml"), { version: "1.1" }).map(
	document => document.toJS() as Resource,
);
const ofKind = (kind: string): Resource[] => manifest.filter(resource => resource.kind === kind);
const deployments = ofKind("Deployment");
const containerOf = (resource: Resource): Container => resource.spec.template.spec.containers[0];

interface Service {
	environment?: Record<string, string | number>;
	depends_on?: Record<string, { condition: string }>;
	deploy: { resources: { limits: Record<string, string | number> } };
	healthcheck: { test: string[] };
	logging: { options: Record<string, string> };
	stop_grace_period: string;
	[key: string]: unknown;
}
const compose = parse(read("docker-compose.yml"), { merge: true }) as {
	services: Record<string, Service>;
	networks: Record<string, { internal?: boolean }>;
};
const services = Object.entries(compose.services);
const nodes = services.filter(([, { environment }]) => environment?.SERVICES);

/** Variables as the person who deploys gives them, every one that must be. */
const given: Record<string, string> = {
	SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
	NATS_PASSWORD: "0123456789abcdef",
	NATS_SYSTEM_PASSWORD: "fedcba9876543210",
};

/** What Compose makes of `${NAME:-fallback}` and `${NAME:?reason}`. */
const interpolate = (text: string): string =>
	text.replace(/\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind, rest: string) => {
		assert.ok(kind !== "?" || name in given, `${name} must be given`);
		return given[name] ?? (kind === "-" ? rest : "");
	});

const environmentOf = ({ environment = {} }: Service): Record<string, string> =>
	Object.fromEntries(
		Object.entries(environment).map(([name, value]) => [name, interpolate(String(value))]),
	);

/** Secrets that a person has made as docs/operations.md says, and what is not made is not there. */
const secrets: Record<string, Record<string, string>> = {
	zeolite: {
		SERVICE_SECRET_KEY: given.SERVICE_SECRET_KEY as string,
		MONGO_URL: "mongodb://mongo.example/?replicaSet=rs0",
		REDIS_URL: "rediss://redis.example:6380",
		METRICS_TOKEN: "a-token",
	},
	"zeolite-nats": {
		NATS_PASSWORD: given.NATS_PASSWORD as string,
		NATS_SYSTEM_PASSWORD: given.NATS_SYSTEM_PASSWORD as string,
	},
};

/** The environment of a pod, as the kubelet makes it. */
function podEnvironment(resource: Resource): Record<string, string> {
	const env: Record<string, string> = {};
	for (const { configMapRef, secretRef } of containerOf(resource).envFrom ?? []) {
		const map = ofKind("ConfigMap").find(({ metadata }) => metadata.name === configMapRef?.name);
		if (configMapRef) assert.ok(map, configMapRef.name);
		Object.assign(env, map?.data, secrets[secretRef?.name ?? ""]);
	}
	for (const { name, value, valueFrom } of containerOf(resource).env) {
		const { name: secret = "", key = "" } = valueFrom?.secretKeyRef ?? {};
		env[name] = value ?? (secrets[secret]?.[key] as string);
		env[name] = env[name].replace(/\$\(([A-Z_]+)\)/g, (_, other: string) => env[other] ?? "");
	}
	return env;
}

/** In the manifest gateways are replicas of one Deployment. */
const asDeployed = (name: string): string => name.replace(/^gateway-\d$/, "gateway");
const parts = new Map(
	split
		.toReversed()
		.map(({ name, services, port }) => [asDeployed(name), { services, port }] as const),
);

test("docker-compose.yml and the local mesh are split alike", () => {
	assert.deepEqual(
		nodes.map(([name, { environment }]) => ({
			name,
			services: environment?.SERVICES,
			port: environment?.PORT,
		})),
		split,
	);
});

test("deploy/kubernetes.yaml and the local mesh are split alike", () => {
	assert.deepEqual(
		new Map(
			deployments.map(deployment => {
				const { SERVICES, PORT } = podEnvironment(deployment);
				return [deployment.metadata.name, { services: SERVICES, port: Number(PORT) }];
			}),
		),
		new Map([...parts].toReversed()),
	);
	for (const deployment of deployments) {
		const { PORT } = podEnvironment(deployment);
		assert.equal(containerOf(deployment).ports[0]?.containerPort, Number(PORT));
		const { annotations } = deployment.spec.template.metadata;
		assert.equal(annotations["prometheus.io/port"], PORT);
	}
});

test("the split runs every service once, and no process holds two domains", async () => {
	const folders = await findServices(root);
	const running = split
		.filter(part => part.name !== "gateway-2")
		.flatMap(part => {
			const chosen = chooseServices(folders, part.services.split(","), "SERVICES");
			assert.equal(new Set(chosen.map(folder => folder.domain)).size, 1, part.name);
			return chosen.map(folder => folder.name);
		});
	assert.deepEqual(running.sort(), folders.map(folder => folder.name).sort());
});

test("every $ of docker-compose.yml is a variable as Compose knows them", () => {
	const rest = read("docker-compose.yml").replaceAll(/\$\{[A-Z0-9_]+(?::[-?][^{}$]*)?\}/g, "");
	assert.doesNotMatch(rest, /\$/);
});

test("every process gets an environment that the product takes, in production too", () => {
	for (const [name, service] of nodes) {
		const env = readEnv({ ...environmentOf(service), PRODUCTION: "on" });
		assert.equal(env.mode, "mesh", name);
		assert.equal(env.NATS_SYSTEM_URL !== undefined, name === "platform", name);
	}
	for (const deployment of deployments) {
		const { name } = deployment.metadata;
		const env = readEnv(podEnvironment(deployment));
		assert.ok(env.mode === "mesh" && env.PRODUCTION && env.MONGO_URL && env.REDIS_URL, name);
		assert.equal(env.NATS_SYSTEM_URL !== undefined, name === "platform", name);
		assert.equal(env.HOST, "0.0.0.0", name);
	}
});

test("the variables of docker-compose.yml and deploy/kubernetes.yaml are ones the product reads", () => {
	for (const [name, { environment }] of nodes)
		for (const variable of Object.keys(environment ?? {}))
			assert.ok(variable in variables, `${name}: ${variable}`);
	for (const deployment of deployments)
		for (const variable of Object.keys(podEnvironment(deployment)))
			assert.ok(
				variable in variables || variable in (secrets["zeolite-nats"] as object),
				`${deployment.metadata.name}: ${variable}`,
			);
});

/** What a deployment does not say: made by each node, of the embedded mode, or for tests. */
const unsaid = new Set([
	"NODE_ID",
	"DATA_DIR",
	"STRIPE_API_BASE",
	"RAZORPAY_API_BASE",
	"MUX_API_BASE",
	"CRASH_AT",
]);

/** Variables that sources name. */
const namedIn = (...patterns: string[]): string[] => {
	const files = globSync(patterns, { cwd: root, exclude: ["kernel/env.ts"] });
	assert.ok(files.length > 0, patterns.join());
	const text = files.map(file => read(file)).join("\n");
	return Object.keys(variables).filter(
		name => !unsaid.has(name) && new RegExp(`(?:env\\.|[{,]\\s*)${name}\\b`).test(text),
	);
};

test("docker-compose.yml hands every process what its services and the kernel read", () => {
	const kernel = namedIn("kernel/**/*.ts", "moleculer.config.ts", "start.ts");
	for (const [name, { environment = {} }] of nodes)
		for (const variable of [...kernel, ...namedIn(`services/${environment.SERVICES}/**/*.ts`)])
			assert.ok(variable in environment, `${name} reads ${variable}`);
	const handed = new Set(nodes.flatMap(([, { environment }]) => Object.keys(environment ?? {})));
	assert.deepEqual(
		Object.keys(variables).filter(name => !handed.has(name) && !unsaid.has(name)),
		[],
	);
});

test("a secret of one domain is in no other domain's processes", () => {
	const owners: Record<string, string> = {
		STRIPE_SECRET_KEY: "money",
		STRIPE_WEBHOOK_SECRET: "money",
		RAZORPAY_KEY_SECRET: "money",
		RAZORPAY_WEBHOOK_SECRET: "money",
		JWT_PRIVATE_KEY: "identity",
		ADMIN_PASSWORD: "identity",
		PAYMENT_SERVICE_API_KEY: "gateway",
		NATS_SYSTEM_URL: "platform",
		SMTP_URL: "engagement",
		MUX_TOKEN_SECRET: "content",
		MUX_WEBHOOK_SECRET: "content",
		MUX_SIGNING_PRIVATE_KEY: "content",
		AWS_SECRET_ACCESS_KEY: "content",
	};
	for (const [name, { environment = {} }] of nodes)
		for (const [variable, owner] of Object.entries(owners))
			assert.equal(variable in environment, environment.SERVICES === owner, `${name}: ${variable}`);
});

test("the README lists every variable, and no other", () => {
	const section = read("README.md").split("## Variables")[1]?.split("\n## ")[0] ?? "";
	const listed = [...section.matchAll(/^\| `([A-Z0-9_]+)`/gm)].map(match => match[1]);
	assert.deepEqual(listed.sort(), Object.keys(variables).sort());
});

test("the README's ports are the split's, and its compose command gives what must be given", () => {
	const readme = read("README.md");
	for (const part of split.filter(p => p.services === "gateway"))
		assert.ok(readme.includes(String(part.port)), part.name);
	const command = readme.split("\ndocker compose up\n")[0]?.split("```bash").at(-1) ?? "";
	const demanded = [...read("docker-compose.yml").matchAll(/\$\{([A-Z_]+):\?/g)].map(m => m[1]);
	assert.deepEqual([...new Set(demanded)].sort(), Object.keys(given).sort());
	for (const variable of demanded)
		assert.ok(new RegExp(`\\b${variable}\\b`).test(command), variable);
});

/** A constant of the sources, ms. */
const constant = (file: string, name: string): number => {
	const text = new RegExp(`\\b${name}\\b(?: =|:) ([\\d_]+)`).exec(read(file))?.[1];
	assert.ok(text, `${name} in ${file}`);
	return Number(text.replaceAll("_", ""));
};

test("Node is started in one way, by npm and in a container", () => {
	const { start } = JSON.parse(read("package.json")).scripts;
	assert.equal(start, ["node", ...nodeFlags, "start.ts"].join(" "));
	const command = /^CMD (.+)$/m.exec(read("Dockerfile"))?.[1] ?? "";
	assert.deepEqual(JSON.parse(command), ["node", ...nodeFlags, "start.ts"]);
});

test("a process is given longer to stop than it takes", () => {
	const cap = constant("start.ts", "longestStopMs");
	const notice = constant("services/gateway/api/gateway.mixin.ts", "noticeMs");
	assert.ok(notice + constant("services/gateway/api/server.ts", "drainMs") < cap);
	assert.ok(constant("moleculer.config.ts", "shutdownTimeout") < cap);
	for (const [name, service] of nodes)
		assert.ok(Number.parseInt(service.stop_grace_period, 10) * 1_000 >= cap + 5_000, name);
	for (const deployment of deployments) {
		const { terminationGracePeriodSeconds: grace } = deployment.spec.template.spec;
		const before = containerOf(deployment).lifecycle?.preStop.sleep.seconds ?? 0;
		assert.ok((grace - before) * 1_000 >= cap + 5_000, deployment.metadata.name);
	}
});

test("every container of docker-compose.yml is watched, bounded and locked down", () => {
	for (const [name, service] of services) {
		const { limits } = service.deploy.resources;
		assert.deepEqual(Object.keys(limits).sort(), ["cpus", "memory", "pids"], name);
		assert.equal(service.read_only, true, name);
		assert.equal(service.init, true, name);
		assert.equal(service.restart, "unless-stopped", name);
		assert.deepEqual(service.cap_drop, ["ALL"], name);
		assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
		assert.ok(service.logging.options["max-size"], name);
		assert.equal(service.healthcheck.test[0], "CMD", name);
	}
	for (const name of ["nats", "mongo", "redis"]) {
		assert.deepEqual(compose.services[name]?.networks, ["data"], name);
		assert.equal(compose.services[name]?.ports, undefined, name);
	}
	assert.equal(compose.networks.data?.internal, true);
});

test("nothing waits for itself when docker-compose.yml starts", () => {
	const isCircular = (name: string, path: readonly string[]): boolean =>
		path.includes(name) ||
		Object.entries(compose.services[name]?.depends_on ?? {}).some(([other, { condition }]) => {
			assert.equal(condition, "service_healthy");
			assert.ok(compose.services[other], other);
			return isCircular(other, [...path, name]);
		});
	for (const [name] of services) assert.equal(isCircular(name, []), false, name);
});

test("Deployments differ in name, variables and size alone", () => {
	const [first, ...others] = deployments.map(deployment => {
		const { name } = deployment.metadata;
		const text = JSON.stringify(deployment).replaceAll(`"${name}"`, '"<name>"');
		const copy = JSON.parse(text) as Resource;
		const container = containerOf(copy) as unknown as Record<string, unknown>;
		for (const key of ["env", "envFrom", "resources", "ports", "lifecycle"])
			Reflect.deleteProperty(container, key);
		Reflect.deleteProperty(copy.spec, "replicas");
		Reflect.deleteProperty(copy.spec.template.spec, "terminationGracePeriodSeconds");
		Reflect.deleteProperty(copy.spec.template.metadata.annotations, "prometheus.io/port");
		return copy;
	});
	for (const other of others) assert.deepEqual(other, first);
	assert.ok(first && others.length === parts.size - 1);
	const { startupProbe, readinessProbe, livenessProbe } = containerOf(first);
	assert.ok(startupProbe);
	assert.equal(readinessProbe.httpGet.path, "/readyz");
	assert.equal(livenessProbe.httpGet.path, "/livez");
	assert.deepEqual(first.spec.strategy, { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
});

test("every Deployment has two pods, and a budget that keeps one", () => {
	for (const { metadata, spec } of deployments) {
		const scaler = ofKind("HorizontalPodAutoscaler").find(s => s.metadata.name === metadata.name);
		assert.equal(scaler ? scaler.spec.minReplicas : spec.replicas, 2, metadata.name);
		assert.ok(!scaler || spec.replicas === undefined, "an apply would undo what the scaler chose");
		const budget = ofKind("PodDisruptionBudget").find(b => b.metadata.name === metadata.name);
		assert.deepEqual(budget?.spec.selector.matchLabels, spec.selector.matchLabels);
	}
});

test("everything lies in one namespace, and no secret lies in the manifest", () => {
	for (const { kind, metadata } of manifest)
		assert.equal(metadata.namespace, kind === "Namespace" ? undefined : "zeolite", metadata.name);
	assert.deepEqual(ofKind("Secret"), []);
	const text = read("deploy/kubernetes.yaml");
	const named = new Set([...text.matchAll(/secret(?:Key)?Ref: \{ name: ([\w-]+)/g)].map(m => m[1]));
	const operations = read("docs/operations.md");
	for (const name of named)
		assert.ok(operations.includes(`create secret generic ${name} `), `${name} is not made`);
});

test("NATS runs with deploy/nats.conf and its directory, wherever it runs", () => {
	const map = ofKind("ConfigMap").find(({ metadata }) => metadata.name === "nats");
	assert.equal(map?.data?.["nats.conf"], read("deploy/nats.conf"));
	const args = ["-c", "/etc/nats/nats.conf", "-sd", "/data"];
	assert.deepEqual(compose.services.nats?.command, args);
	const [set] = ofKind("StatefulSet") as [Resource];
	assert.deepEqual((containerOf(set) as unknown as { args: string[] }).args, args);
	assert.equal(containerOf(set).image, compose.services.nats?.image);
});

test("NATS gets its passwords in quotes, and nodes the same without", () => {
	const password = given.NATS_PASSWORD as string;
	const system = given.NATS_SYSTEM_PASSWORD as string;
	const [set] = ofKind("StatefulSet") as [Resource];
	for (const env of [
		environmentOf(compose.services.nats as Service),
		podEnvironment(set),
	] as Record<string, string>[]) {
		assert.equal(env.NATS_PASSWORD, `"${password}"`);
		assert.equal(env.NATS_SYSTEM_PASSWORD, `"${system}"`);
	}
	const platform = deployments.find(({ metadata }) => metadata.name === "platform") as Resource;
	for (const env of [
		environmentOf(compose.services.platform as Service),
		podEnvironment(platform),
	]) {
		assert.equal(env.NATS_URL, `nats://node:${password}@nats:4222`);
		assert.equal(env.NATS_SYSTEM_URL, `nats://sentinel:${system}@nats:4222`);
	}
});

test("the image holds what the product needs to start, and runs as nobody special", async t => {
	const stage =
		read("Dockerfile")
			.split(/^FROM .*$/m)
			.at(-1) ?? "";
	assert.match(stage, /^USER node$/m);
	const image = mkdtempSync(join(tmpdir(), "zeolite-image-"));
	t.after(() => rmSync(image, { recursive: true, force: true }));
	const ignored = read(".dockerignore").split("\n").filter(Boolean);
	for (const [, list = ""] of stage.matchAll(/^COPY (?!--from)(.+)$/gm)) {
		const [target = "", ...sources] = list.split(" ").toReversed();
		for (const source of sources) {
			assert.ok(!ignored.includes(source), `${source} is ignored`);
			const to = target.endsWith("/") ? join(target, source) : target;
			cpSync(join(root, source), join(image, to), { recursive: true });
		}
	}
	symlinkSync(join(root, "node_modules"), join(image, "node_modules"));
	const product = await startEmbedded(t, {}, image);
	const courses = await fetch(`${product.url}/api/courses`);
	assert.equal(courses.status, 200);
	assert.equal(await product.end("SIGTERM"), 0);
});
