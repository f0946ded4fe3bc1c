// npm run fuzz [cases] [seed]: inputs made from the schema of every action, 20,000 of them where not said otherwise.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const [cases = "20000", seed] = process.argv.slice(2);
const args = ["--test", "--test-reporter=spec", "test/e2e/schemas.test.ts"];
process.exitCode =
	spawnSync(process.execPath, args, {
		cwd: join(import.meta.dirname, ".."),
		env: { ...process.env, FUZZ_CASES: cases, ...(seed && { FUZZ_SEED: seed }) },
		stdio: "inherit",
	}).status ?? 1;
