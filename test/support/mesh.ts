import type { TestContext } from "node:test";
import { MeshProcess } from "../../deploy/process.ts";
import { type Part, packed } from "../../deploy/split.ts";
import { freePort } from "./ports.ts";
import type { TestServer } from "./servers.ts";

export interface TestMesh {
	/** By name, as in `deploy/split.ts`. */
	parts: ReadonlyMap<string, MeshProcess>;
	gateways: readonly string[];
	/** What the nodes printed, for when a test fails. */
	log: readonly string[];
	env: Record<string, string>;
}

/** Variables of a mesh of a test's own, without its servers. */
export const meshEnv = (): Record<string, string> => ({
	NAMESPACE: `t${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`,
	SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
	ADMIN_EMAIL: "admin@zeolite.example",
	ADMIN_PASSWORD: "admin-password",
	SANDBOX: "on",
	RATE_LIMIT: "off",
	LOG_LEVEL: "warn",
});

/**
 * The mesh of `deploy/split.ts`, packed where nothing else is said, as processes on free ports; its admin is
 * `admin@zeolite.example`, `admin-password`.
 */
export async function startMesh(
	t: TestContext,
	servers: { nats: TestServer; mongo: TestServer },
	variables: Record<string, string> = {},
	split: readonly Part[] = packed,
): Promise<TestMesh> {
	const ports = await Promise.all(split.map(() => freePort()));
	const env: Record<string, string> = {
		...meshEnv(),
		NATS_URL: servers.nats.url,
		MONGO_URL: servers.mongo.url,
		PUBLIC_URL: `http://127.0.0.1:${ports[0]}`,
		...variables,
	};
	const log: string[] = [];
	const parts = new Map(
		split.map((part, i) => [
			part.name,
			new MeshProcess({ ...part, port: ports[i] as number }, env, line =>
				log.push(`${part.name} ${line}`),
			),
		]),
	);
	t.after(async () => {
		await Promise.all([...parts.values()].map(part => part.end("SIGKILL")));
	});
	await Promise.all([...parts.values()].map(part => part.start()));
	return {
		parts,
		gateways: [...parts.values()].filter(p => p.part.services === "gateway").map(p => p.url),
		log,
		env,
	};
}
