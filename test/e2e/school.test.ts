import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { split } from "../../deploy/split.ts";
import { findServices } from "../../kernel/load.ts";
import { eventually, send } from "../support/http.ts";
import { startMesh, type TestMesh } from "../support/mesh.ts";
import { root, startNode } from "../support/node.ts";
import { freePort } from "../support/ports.ts";
import { schoolJourney } from "../support/school.ts";
import { needs } from "../support/servers.ts";

test("the school's journey by its own paths, embedded", async t => {
	const port = await freePort();
	await startNode(t, {
		env: {
			PORT: String(port),
			DATA_DIR: mkdtempSync(join(tmpdir(), "zeolite-")),
			ADMIN_EMAIL: "admin@zeolite.example",
			ADMIN_PASSWORD: "admin-password",
		},
	});
	await schoolJourney(`http://127.0.0.1:${port}`);
});

/**
 * From the registry, as a node of the mesh sees it: each service runs on nodes of its own domain and on no gateway, so
 * that every call of the journey from one to another crossed NATS.
 */
async function assertSplit(t: TestContext, mesh: TestMesh): Promise<void> {
	const folders = await findServices(root);
	const domainOf = new Map(folders.map(folder => [folder.name, folder.domain]));
	const { broker } = await startNode(t, { env: { ...mesh.env, SERVICES: "none" } });
	const nodesOf = async () =>
		broker.registry.getServiceList({ onlyAvailable: true, skipInternal: true }) as {
			name: string;
			nodeID: string;
		}[];
	const listed = await eventually(
		nodesOf,
		seen => new Set(seen.map(({ nodeID }) => nodeID)).size === split.length,
	);
	const domains = new Map<string, Set<string>>();
	for (const { name, nodeID } of listed) {
		const domain = domainOf.get(name);
		assert.ok(domain, `${name} is in the registry and no folder has it`);
		domains.set(nodeID, (domains.get(nodeID) ?? new Set()).add(domain));
	}
	for (const [nodeID, held] of domains) assert.equal(held.size, 1, `${nodeID} holds ${[...held]}`);
	const held = [...domains.values()].flatMap(set => [...set]);
	assert.equal(held.filter(domain => domain === "gateway").length, 2);
	assert.deepEqual(new Set(held), new Set(domainOf.values()));
}

const servers = await needs("nats", "mongo");
if (servers)
	test("the school's journey by its own paths, on a mesh of a process per domain", async t => {
		const mesh = await startMesh(t, servers, {}, split);
		const [first, second] = mesh.gateways as [string, string];
		await schoolJourney(first);
		await schoolJourney(second);
		await assertSplit(t, mesh);
		await eventually(
			() => send(second, "GET", "/api/health"),
			({ status, body }) =>
				status === 200 && Object.values(body.services).every(state => state === "healthy"),
		);
	});
