import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { chooseServices, findServices, importService } from "../../../kernel/load.ts";

const kernel = join(import.meta.dirname, "../../../kernel");
const root = await mkdtemp(join(tmpdir(), "zeolite-load-"));
after(() => rm(root, { recursive: true, force: true }));

async function write(domain: string, service: string, contract = service) {
	const folder = join(root, "services", domain, service);
	await mkdir(folder, { recursive: true });
	await writeFile(
		join(folder, `${service}.contract.ts`),
		`import { defineContract } from ${JSON.stringify(join(kernel, "contract.ts"))};
		export const other = { name: "${service}" };
		export const contract = defineContract("${contract}", { description: "d", actions: {} });`,
	);
	await writeFile(join(folder, `${service}.service.ts`), `export default { name: "${service}" };`);
}

describe("services", () => {
	test("are found by their folders, and imported when they run", async () => {
		await write("money", "payments");
		await write("money", "ledger");
		await write("identity", "users");
		const found = await findServices(root);
		assert.deepEqual(
			found.map(({ domain, name, contract }) => [domain, name, contract.name]),
			[
				["money", "ledger", "ledger"],
				["money", "payments", "payments"],
				["identity", "users", "users"],
			],
		);
		const [ledger] = found;
		assert.ok(ledger);
		assert.deepEqual(await importService(ledger), { name: "ledger" });
	});

	test("whose contract has another name are refused", async () => {
		await write("money", "wallets", "purses");
		await assert.rejects(
			findServices(root),
			/wallets\.contract\.ts exports no contract named wallets/,
		);
	});
});

describe("the services a node runs", () => {
	const folder = (domain: string, name: string) => ({
		domain,
		name,
		file: "",
		contract: defineContract(name, {
			description: "d",
			actions: {
				get: {
					description: "g",
					kind: "read",
					access: "public",
					result: Type.Null({ $id: "Nothing" }),
				},
			},
		}),
	});
	const folders = [
		folder("money", "payments"),
		folder("money", "ledger"),
		folder("identity", "auth"),
	];
	const chosen = (...wanted: string[]) =>
		chooseServices(folders, wanted, "SERVICES").map(({ name }) => name);

	test("are all, or those of a domain, or those named", () => {
		assert.deepEqual(chosen(), ["payments", "ledger", "auth"]);
		assert.deepEqual(chosen("money"), ["payments", "ledger"]);
		assert.deepEqual(chosen("auth", "ledger"), ["ledger", "auth"]);
		assert.deepEqual(chosen("money", "payments"), ["payments", "ledger"]);
	});

	test("must be there", () => {
		assert.throws(() => chosen("money", "moneys", "auht"), {
			message: "SERVICES names moneys, auht, which is neither a domain nor a service",
		});
		assert.throws(() => chooseServices(folders, ["x"], "MESH"), /^Error: MESH names x/);
	});
});
