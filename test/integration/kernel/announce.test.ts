import assert from "node:assert/strict";
import { test } from "node:test";
import { findServices } from "../../../kernel/load.ts";
import type { Node } from "../../../kernel/node.ts";
import { missingServices } from "../../../kernel/ops.ts";
import { meshEnv } from "../../support/mesh.ts";
import { root, startNode } from "../../support/node.ts";
import { needs } from "../../support/servers.ts";

interface Transit {
	tx: { client: { flush(): Promise<void> } };
}

const servers = await needs("nats", "mongo");
if (servers)
	test("a node is ready once the others know what it runs", async t => {
		const urls = { NATS_URL: servers.nats.url, MONGO_URL: servers.mongo.url };
		const env = { ...meshEnv(), ...urls, MESH: "platform", LOG_LEVEL: "fatal" };
		const folders = await findServices(root);
		const nodeOf = (SERVICES: string): Promise<Node> =>
			startNode(t, { folders, env: { ...env, SERVICES } });
		const observer = await nodeOf("none");
		await nodeOf("platform");
		// Whatever was on its way to the observer has come once NATS answers it.
		await (observer.broker.transit as unknown as Transit).tx.client.flush();
		assert.deepEqual(missingServices(observer.broker), []);
	});
