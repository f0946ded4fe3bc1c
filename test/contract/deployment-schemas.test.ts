import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../support/node.ts";
import { reportMissing } from "../support/servers.ts";
import {
	type Check,
	composeCheck,
	kubernetesCheck,
	SCHEMAS_COMMAND,
} from "./deployment-schemas.ts";

type Tree = { [key: string]: Tree };

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const compose = (): Tree => parse(read("docker-compose.yml"), { merge: true }) as Tree;
// As kubectl reads it: in YAML 1.1 an `on` without quotes is no text.
const manifest = (): Tree[] =>
	parseAllDocuments(read("deploy/kubernetes.yaml"), { version: "1.1" }).map(
		document => document.toJS() as Tree,
	);

const checkCompose = composeCheck();
const checkKubernetes = kubernetesCheck();

/** Changes a copy, and expects the check to name the place. */
function assertCaught(check: Check, document: Tree, change: (copy: Tree) => void, place: RegExp) {
	const copy = structuredClone(document);
	change(copy);
	assert.match(check(copy).join("\n"), place);
}

if (!checkCompose || !checkKubernetes) reportMissing("the schemas", SCHEMAS_COMMAND);
else {
	test("docker-compose.yml is what the Compose specification allows", () => {
		assert.deepEqual(checkCompose(compose()), []);
	});

	test("deploy/kubernetes.yaml is what Kubernetes' types allow", () => {
		for (const document of manifest())
			assert.deepEqual(
				checkKubernetes(document),
				[],
				`${document.kind} ${document.metadata?.name}`,
			);
	});

	test(".ci/run brings the same schemas", () => {
		for (const module of SCHEMAS_COMMAND.split(" ").slice(3))
			assert.ok(read(".ci/run").includes(module), module);
	});

	test("a mistake in docker-compose.yml is caught", () => {
		const mistakes: [(copy: Tree) => void, RegExp][] = [
			[({ services }) => Object.assign(services?.money as Tree, { readonly: true }), /readonly/],
			[({ services }) => Object.assign(services?.nats as Tree, { cap_drop: "ALL" }), /cap_drop/],
			[copy => Object.assign(copy, { service: {} }), /service/],
			[
				({ services }) => Object.assign(services?.redis?.healthcheck as Tree, { retry: 3 }),
				/healthcheck\/retry/,
			],
		];
		for (const [change, place] of mistakes) assertCaught(checkCompose, compose(), change, place);
	});

	test("a mistake in deploy/kubernetes.yaml is caught", () => {
		const find = (kind: string) => manifest().find(d => String(d.kind) === kind) as Tree;
		const pod = ({ spec }: Tree) => spec?.template?.spec as Tree;
		const container = (copy: Tree) => (pod(copy).containers as unknown as Tree[])[0] as Tree;
		const mistakes: [string, (copy: Tree) => void, RegExp][] = [
			["Deployment", c => Object.assign(pod(c), { terminationGracePeriod: 30 }), /GracePeriod /],
			["Deployment", c => Object.assign(c.spec as Tree, { replicas: "2" }), /replicas must be num/],
			["Deployment", c => Object.assign(container(c), { readinesProbe: {} }), /readinesProbe/],
			["StatefulSet", c => Reflect.deleteProperty(c.spec as Tree, "selector"), /'selector'/],
			["Deployment", c => Reflect.deleteProperty(container(c), "name"), /'name'/],
			["ConfigMap", c => Object.assign(c.data as Tree, { PRODUCTION: true }), /PRODUCTION must/],
			["NetworkPolicy", c => Object.assign(c.spec as Tree, { policyType: [] }), /policyType/],
			["HorizontalPodAutoscaler", c => Object.assign(c, { apiVersion: "v2" }), /there is no/],
			["PodDisruptionBudget", c => Object.assign(c.spec as Tree, { maxUnavail: 1 }), /maxUnavail/],
		];
		for (const [kind, change, place] of mistakes)
			assertCaught(checkKubernetes, find(kind), change, place);
	});
}
