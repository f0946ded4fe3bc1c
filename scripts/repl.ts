// npm run repl: a prompt on a running mesh, as a node of its own without services.
import { existsSync } from "node:fs";
import { hostname } from "node:os";

if (existsSync(".env")) process.loadEnvFile();
const { env } = process;
if (env.NATS_URL) {
	Object.assign(env, {
		SERVICES: "none",
		PORT: "0",
		// Never the name of a node that runs: a second one of its name would end both.
		NODE_ID: `repl-${hostname()}-${process.pid}-${Date.now().toString(36)}`,
		LOG_LEVEL: env.LOG_LEVEL || "warn",
	});
	process.argv.push("--repl");
	await import("../start.ts");
} else {
	process.stderr.write(
		"NATS_URL is not set, so there is no mesh to join; `npm run dev` starts one process with a prompt\n",
	);
	process.exitCode = 1;
}
