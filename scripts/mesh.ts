// npm run mesh: the mesh on this machine, with the split of docker-compose.yml.
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { createConnection } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../deploy/process.ts";
import { split } from "../deploy/split.ts";
import { keptSecret } from "../kernel/secrets.ts";

const data = resolve(process.env.DATA_DIR ?? "./data", "mesh");
const natsConf = resolve(import.meta.dirname, "../deploy/nats.conf");
const infrastructure: ChildProcess[] = [];

/** A server the mesh needs: taken from its variable, else started from a program on the path. */
interface Server {
	variable: "NATS_URL" | "MONGO_URL" | "REDIS_URL";
	program: string;
	port: number;
	url: string;
	args(dir: string): string[];
	env?: Record<string, string>;
	optional?: boolean;
}

const natsPassword = () => keptSecret(data, "nats-password");
const natsSystemPassword = () => keptSecret(data, "nats-system-password");

const servers: readonly Server[] = [
	{
		variable: "NATS_URL",
		program: "nats-server",
		port: 4222,
		get url() {
			return `nats://node:${natsPassword()}@127.0.0.1:4222`;
		},
		args: dir => ["-c", natsConf, "-sd", dir, "-a", "127.0.0.1"],
		// In quotes: nats.conf reads what a variable holds as its own syntax, where 12e5 is no text.
		get env() {
			return {
				NATS_PASSWORD: `"${natsPassword()}"`,
				NATS_SYSTEM_PASSWORD: `"${natsSystemPassword()}"`,
			};
		},
	},
	{
		variable: "MONGO_URL",
		program: "mongod",
		port: 27_017,
		url: "mongodb://127.0.0.1:27017",
		args: dir => ["--dbpath", dir, "--bind_ip", "127.0.0.1", "--port", "27017", "--quiet"],
	},
	{
		variable: "REDIS_URL",
		program: "redis-server",
		port: 6379,
		url: "redis://127.0.0.1:6379",
		args: dir => ["--dir", dir, "--bind", "127.0.0.1", "--port", "6379", "--save", ""],
		optional: true,
	},
];

const isOnPath = (program: string): boolean =>
	(process.env.PATH ?? "").split(delimiter).some(dir => {
		try {
			accessSync(join(dir, program), constants.X_OK);
			return true;
		} catch {
			return false;
		}
	});

const answers = (port: number): Promise<boolean> =>
	new Promise(done => {
		const socket = createConnection({ port, host: "127.0.0.1" });
		socket.once("connect", () => done(true)).once("error", () => done(false));
		socket.once("connect", () => socket.destroy());
	});

async function serverUrl(server: Server): Promise<string | undefined> {
	const given = process.env[server.variable];
	if (given) return given;
	if (!isOnPath(server.program)) {
		if (server.optional) {
			console.log(`${server.program} is not on the path: rate limits are each gateway's own`);
			return undefined;
		}
		throw new Error(`The mesh needs ${server.variable}, or ${server.program} on the path`);
	}
	const dir = join(data, server.program);
	mkdirSync(dir, { recursive: true });
	const env = { ...process.env, ...server.env };
	infrastructure.push(spawn(server.program, server.args(dir), { stdio: "ignore", env }));
	for (let tries = 0; tries < 100; tries++) {
		if (await answers(server.port)) return server.url;
		await pause(100);
	}
	throw new Error(`${server.program} does not answer at ${server.url}`);
}

async function main(): Promise<void> {
	const env: Record<string, string> = {
		SANDBOX: "on",
		SERVICE_SECRET_KEY: process.env.SERVICE_SECRET_KEY ?? keptSecret(data, "service-secret"),
		ADMIN_EMAIL: process.env.ADMIN_EMAIL ?? "admin@zeolite.example",
		ADMIN_PASSWORD: process.env.ADMIN_PASSWORD ?? keptSecret(data, "admin-password").slice(0, 24),
		PUBLIC_URL: process.env.PUBLIC_URL ?? "http://127.0.0.1:3000",
	};
	for (const server of servers) {
		const url = await serverUrl(server);
		if (url) env[server.variable] = url;
	}
	const system: Record<string, string> = process.env.NATS_URL
		? {}
		: { NATS_SYSTEM_URL: `nats://sentinel:${natsSystemPassword()}@127.0.0.1:4222` };
	let stopping = false;
	const parts = split.map(part => {
		const own = part.services === "platform" ? { ...env, ...system } : env;
		return new MeshProcess(part, own, line => console.log(`${part.name.padEnd(10)} ${line}`));
	});
	const keepUp = async (part: MeshProcess) => {
		for (;;) {
			await part.ended();
			if (stopping) return;
			console.log(`${part.part.name} ended and is started again`);
			await pause(1_000);
			await part.start().catch(error => console.error(String(error)));
		}
	};
	const stop = async () => {
		if (stopping) process.exit(1);
		stopping = true;
		await Promise.all(parts.map(part => part.end("SIGTERM")));
		for (const child of infrastructure) child.kill("SIGTERM");
		process.exit(0);
	};
	process.on("SIGINT", () => void stop());
	process.on("SIGTERM", () => void stop());
	await Promise.all(parts.map(part => part.start()));
	for (const part of parts) void keepUp(part);
	console.log(`\nThe mesh is up:`);
	for (const { part, url, pid } of parts)
		console.log(`  ${part.name.padEnd(10)} ${part.services.padEnd(10)} ${url}  pid ${pid}`);
	console.log(
		`  admin      ${env.ADMIN_EMAIL}  ${process.env.ADMIN_PASSWORD ? "" : env.ADMIN_PASSWORD}`,
	);
}

main().catch(error => {
	console.error((error as Error).message);
	for (const child of infrastructure) child.kill("SIGTERM");
	process.exit(1);
});
