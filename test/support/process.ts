import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { MeshProcess } from "../../deploy/process.ts";
import { freePort } from "./ports.ts";

/**
 * The whole product as one embedded process, as `npm start` runs it; ended after the test. `sources`: those of another
 * copy. `onLine` gets each line it prints.
 */
export async function startEmbedded(
	t: TestContext,
	variables: Record<string, string> = {},
	sources?: string,
	onLine?: (line: string) => void,
): Promise<MeshProcess> {
	const env = {
		NATS_URL: "",
		MONGO_URL: "",
		REDIS_URL: "",
		DATA_DIR: mkdtempSync(join(tmpdir(), "zeolite-")),
		ADMIN_EMAIL: "admin@zeolite.example",
		ADMIN_PASSWORD: "admin-password",
		RATE_LIMIT: "off",
		LOG_LEVEL: "warn",
		...variables,
	};
	const port = await freePort();
	const product = new MeshProcess({ name: "embedded", services: "", port }, env, onLine, sources);
	t.after(() => product.end("SIGKILL"));
	await product.start();
	return product;
}
