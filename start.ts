import { existsSync } from "node:fs";
import { ContractError } from "./kernel/contracts.ts";
import { lockDataDir } from "./kernel/data-dir.ts";
import { type Env, EnvError, readEnv } from "./kernel/env.ts";
import { findServices } from "./kernel/load.ts";
import { createNode } from "./kernel/node.ts";
import { startOpsServer } from "./kernel/ops.ts";
import { openRepl } from "./kernel/repl/open.ts";
import { keptSecret } from "./kernel/secrets.ts";
import { version } from "./kernel/version.ts";
import { brokerOptions } from "./moleculer.config.ts";

const longestStopMs = 10_000;

/** Prints why this process cannot go on, and ends it. */
function give(up: string): never {
	process.stderr.write(`${up}\n`);
	process.exit(1);
}

/** The environment; embedded mode makes its own service secret once and keeps it. */
function environment(): Env {
	if (existsSync(".env")) process.loadEnvFile();
	const env = readEnv(process.env);
	if (env.mode === "mesh" || env.SERVICE_SECRET_KEY.length > 0 || env.DATA_DIR === ":memory:")
		return env;
	return { ...env, SERVICE_SECRET_KEY: [keptSecret(env.DATA_DIR, "service-secret")] };
}

/** Starts this node and answers signals: the first drains, the second ends at once. */
async function main(): Promise<void> {
	const env = environment();
	const folders = await findServices(import.meta.dirname);
	const node = await createNode({
		env,
		folders,
		configure: brokerOptions,
		identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
		onLinkClosed: give,
	});

	const log = node.broker.getLogger("start");
	let stopping = false;
	const stop = async (reason: string, code: number) => {
		if (stopping) process.exit(1);
		stopping = true;
		log.info(`${reason}: draining`);
		setTimeout(() => process.exit(1), longestStopMs).unref();
		await node.stop();
		process.exit(code);
	};
	process.on("SIGTERM", () => void stop("SIGTERM", 0));
	process.on("SIGINT", () => void stop("SIGINT", 0));

	if (!env.MONGO_URL && node.services.length > 0 && env.DATA_DIR !== ":memory:")
		lockDataDir(env.DATA_DIR);
	await node.start();
	if (!node.services.includes("api") && env.PORT !== 0) await startOpsServer(node.broker);
	log.info(
		`${env.mode} node ready: ${node.services.join(", ") || "no services"}${env.PORT === 0 ? "" : ` at http://${env.HOST}:${env.PORT}`}`,
	);
	if (process.argv.includes("--repl"))
		openRepl(node.broker, { signIn: "auth.signInAs", leave: () => void stop("the REPL", 0) });
}

/** What a person can mend from its message alone: the environment, a contract, a port that is taken. */
const isExpected = (error: unknown): error is Error =>
	error instanceof EnvError || error instanceof ContractError || error?.constructor === Error;

process.title = `zeolite ${version}`;
main().catch((error: unknown) =>
	give(isExpected(error) ? error.message : String((error as Error)?.stack ?? error)),
);
