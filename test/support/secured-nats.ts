import { resolve } from "node:path";
import type { TestContext } from "node:test";
import { root } from "./node.ts";
import { freePort } from "./ports.ts";
import { nats, type TestServer } from "./servers.ts";

const passwords = { NATS_PASSWORD: "node-password", NATS_SYSTEM_PASSWORD: "sentinel-password" };

/** NATS as it is deployed: by `deploy/nats.conf`, with an account for nodes and one for the sentinel. */
export interface SecuredNats {
	server: TestServer;
	/** Base URL of its monitoring (`/connz`, `/jsz`, …). */
	monitor: string;
}

/** Starts one of the caller's own; null where there is no nats-server. With `t` it is stopped after that test. */
export async function securedNats(t?: TestContext): Promise<SecuredNats | null> {
	const port = await freePort();
	const server = await nats(t, {
		own: true,
		args: ["-c", resolve(root, "deploy/nats.conf"), "-m", String(port)],
		env: passwords,
	});
	return server && { server, monitor: `http://127.0.0.1:${port}` };
}

/** The variables by which a node of the mesh, and its sentinel, reach it. @param host and port: the server's, or a proxy's before it. */
export const natsUrls = (host: string) => ({
	NATS_URL: `nats://node:${passwords.NATS_PASSWORD}@${host}`,
	NATS_SYSTEM_URL: `nats://sentinel:${passwords.NATS_SYSTEM_PASSWORD}@${host}`,
});
