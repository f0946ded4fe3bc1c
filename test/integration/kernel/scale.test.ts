import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { ServiceBroker } from "moleculer";
import { type Contract, isContract } from "../../../kernel/contract.ts";
import { findServices } from "../../../kernel/load.ts";
import { needs } from "../../support/servers.ts";
import { TestMesh } from "./mesh.ts";

const serviceCount = 60;
const actionCount = 15;

const kernel = pathToFileURL(join(import.meta.dirname, "../../../kernel")).href;
const typebox = import.meta.resolve("typebox");

/** A contract as large as ours are, and a service that answers by it. */
const contractOf = (name: string) => `
import { Type } from ${JSON.stringify(typebox)};
import { defineContract } from "${kernel}/contract.ts";
const fields = Object.fromEntries(
	Array.from({ length: 10 }, (_, i) => [\`field\${i}\`, Type.Optional(Type.String({ maxLength: 200, description: "One of ten fields of a thing, each with a sentence that says what it is" }))]),
);
const actions = Object.fromEntries(
	Array.from({ length: ${actionCount} }, (_, i) => [\`do\${i}\`, {
		description: "Does one of fifteen things, and says in a sentence what that is",
		kind: i % 2 ? "write" : "read",
		access: "public",
		rest: \`POST /api/${name}/do\${i}/:id\`,
		params: Type.Object({ id: Type.String(), ...fields }),
		result: Type.Object({ id: Type.String(), ...fields }, { $id: \`${name}Result\${i}\` }),
	}]),
);
export const contract = defineContract("${name}", { description: "One of many", actions });
`;
const serviceOf = (name: string) => `
import { implement } from "${kernel}/implement.ts";
import { contract } from "./${name}.contract.ts";
const actions = Object.fromEntries(
	Object.keys(contract.actions).map(action => [action, async ctx => ({ id: \`\${ctx.params.id} \${action}\` })]),
);
export default implement(contract, { actions });
`;

const servers = await needs("nats", "mongo");
if (servers)
	test("60 services of 15 actions start on the mesh, and another node can call all 900", async t => {
		const root = await mkdtemp(join(tmpdir(), "zeolite-scale-"));
		t.after(() => rm(root, { recursive: true, force: true }));
		for (let i = 0; i < serviceCount; i++) {
			const folder = join(root, "services", `domain${i % 9}`, `many${i}`);
			await mkdir(folder, { recursive: true });
			await writeFile(join(folder, `many${i}.contract.ts`), contractOf(`many${i}`));
			await writeFile(join(folder, `many${i}.service.ts`), serviceOf(`many${i}`));
		}
		const folders = await findServices(root);
		assert.equal(folders.length, serviceCount);
		assert.ok(folders.every(({ contract }) => isContract(contract)));
		const schemas = JSON.stringify(folders.map(({ contract }: { contract: Contract }) => contract));
		assert.ok(schemas.length > 2 ** 20, "as schemas they would not fit into one message of NATS");

		const mesh = new TestMesh(t, folders, {
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
		});
		const [runner, caller] = await mesh.startAll(["", "none"]);
		const { registry } = runner.broker as unknown as ServiceBroker;
		const announced = JSON.stringify(registry.getLocalNodeInfo());
		assert.ok(announced.length < 2 ** 19, `announced in ${announced.length} bytes`);
		const broker = caller.broker as unknown as ServiceBroker;
		const seen = broker.registry
			.getActionList({ onlyAvailable: true })
			.map(({ name }) => name)
			.filter(name => !name.startsWith("$"));
		assert.equal(seen.length, serviceCount * actionCount);
		// Not all at once: each compiles its check on first use, and both nodes share this process with their heartbeats.
		for (let i = 0; i < seen.length; i += actionCount) {
			const names = seen.slice(i, i + actionCount);
			assert.deepEqual(
				await Promise.all(names.map(name => broker.call(name, { id: name }))),
				names.map(name => ({ id: `${name} ${name.split(".")[1]}` })),
			);
		}
	});
