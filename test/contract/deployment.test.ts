import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { split } from "../../deploy/split.ts";
import { variables } from "../../kernel/env.ts";
import { chooseServices, findServices } from "../../kernel/load.ts";
import { root } from "../support/node.ts";

const read = (file: string) => readFileSync(join(root, file), "utf8");

interface Compose {
	services: Record<string, { environment?: Record<string, string | number>; ports?: string[] }>;
}
const compose = parse(read("docker-compose.yml"), { merge: true }) as Compose;
const nodes = Object.entries(compose.services).filter(([, service]) => service.environment);

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

test("the variables of docker-compose.yml are ones the product reads", () => {
	for (const [name, { environment }] of nodes)
		for (const variable of Object.keys(environment ?? {}))
			assert.ok(variable in variables, `${name}: ${variable}`);
});

test("the README lists every variable, and no other", () => {
	const section = read("README.md").split("## Variables")[1]?.split("\n## ")[0] ?? "";
	const listed = [...section.matchAll(/^\| `([A-Z_]+)`/gm)].map(match => match[1]);
	assert.deepEqual(listed.sort(), Object.keys(variables).sort());
});

test("the README's ports are the split's", () => {
	for (const part of split.filter(p => p.services === "gateway"))
		assert.ok(read("README.md").includes(String(part.port)), part.name);
});
