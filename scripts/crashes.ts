// npm run crashes [list]: ends a purchase and its refund at every write, embedded and on the mesh; or lists these writes.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { byService, EmbeddedDrill } from "../test/support/crash.ts";

const root = join(import.meta.dirname, "..");
const test = "test/e2e/crash.test.ts";
const list = "test/e2e/crash-points.ts";

async function writeList(): Promise<void> {
	const drill = await EmbeddedDrill.open();
	const points = byService(await drill.count());
	await drill.close();
	const services = Object.entries(points).map(
		([name, labels]) => `\t${name}: [\n${labels.map(label => `\t\t"${label}",\n`).join("")}\t],\n`,
	);
	writeFileSync(
		join(root, list),
		"// Every write and provider call of a purchase and its refund, by service. `npm run crashes list` writes this file.\n" +
			`export const crashPoints: Readonly<Record<string, readonly string[]>> = {\n${services.join("")}};\n`,
	);
	for (const [name, labels] of Object.entries(points)) console.log(`${name}: ${labels.length}`);
}

if (process.argv[2] === "list") await writeList();
else
	process.exitCode =
		spawnSync(process.execPath, ["--test", "--test-reporter=spec", test], {
			cwd: root,
			env: { CRASHES: "Infinity", ...process.env },
			stdio: "inherit",
		}).status ?? 1;
