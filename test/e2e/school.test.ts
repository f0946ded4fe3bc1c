import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { send } from "../support/http.ts";
import { startMesh } from "../support/mesh.ts";
import { startNode } from "../support/node.ts";
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

const servers = await needs("nats", "mongo");
if (servers)
	test("the school's journey by its own paths, on a mesh of six processes", async t => {
		const mesh = await startMesh(t, servers);
		const [first, second] = mesh.gateways as [string, string];
		await schoolJourney(first);
		await schoolJourney(second);
		const health = await send(second, "GET", "/api/health");
		assert.equal(health.status, 200);
		assert.ok(Object.values(health.body.services).every(state => state === "healthy"));
	});
