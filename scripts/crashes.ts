// npm run crashes [list]: ends each journey at every write, embedded and on the mesh; or lists these writes.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { byService, EmbeddedDrill } from "../test/support/crash.ts";
import { journeyNames } from "../test/support/crash-journeys.ts";

const root = join(import.meta.dirname, "..");
const test = "test/e2e/crash.test.ts";
const list = "test/e2e/crash-points.ts";

async function writeList(): Promise<void> {
	const points: Record<string, Record<string, string[]>> = {};
	for (const name of journeyNames) {
		const drill = await EmbeddedDrill.open(name);
		points[name] = byService(await drill.count());
		await drill.close();
		for (const [service, labels] of Object.entries(points[name]))
			console.log(`${name} ${service}: ${labels.length}`);
	}
	writeFileSync(
		join(root, list),
		"// Every write and provider call of each journey, by service. `npm run crashes list` writes this file.\n" +
			'import type { JourneyName } from "../support/crash-journeys.ts";\n\n' +
			"export const crashPoints: Readonly<\n\tRecord<JourneyName, Readonly<Record<string, readonly string[]>>>\n> = " +
			`${JSON.stringify(points, null, "\t")};\n`,
	);
}

if (process.argv[2] === "list") await writeList();
else
	process.exitCode =
		spawnSync(process.execPath, ["--test", "--test-reporter=spec", test], {
			cwd: root,
			env: { CRASHES: "Infinity", ...process.env },
			stdio: "inherit",
		}).status ?? 1;
