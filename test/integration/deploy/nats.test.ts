import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, type NatsConnection } from "nats";
import { root } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { areHere, nats, type TestServer } from "../../support/servers.ts";

const disconnects = "$SYS.ACCOUNT.*.DISCONNECT";

/** NATS with `deploy/nats.conf`, on ports and in a directory of its own. */
const startNats = async (t: TestContext, monitor?: number): Promise<TestServer> =>
	(await nats(t, {
		own: true,
		args: ["-c", join(root, "deploy/nats.conf"), "-m", String(monitor ?? (await freePort()))],
		env: { NATS_PASSWORD: "of-the-nodes", NATS_SYSTEM_PASSWORD: "of-the-sentinel" },
	})) as TestServer;

async function open(
	t: TestContext,
	server: TestServer,
	user: "node" | "sentinel",
	name: string,
): Promise<NatsConnection> {
	const pass = user === "node" ? "of-the-nodes" : "of-the-sentinel";
	const options = { servers: server.url, user, pass, name, reconnect: false };
	const connection = await connect(options);
	t.after(() => connection.close());
	return connection;
}

/** What a connection hears of a subject; rejects with what NATS says where it may not listen. */
const next = (connection: NatsConnection, subject: string): Promise<unknown> =>
	new Promise((resolve, reject) => {
		connection.subscribe(subject, {
			max: 1,
			callback: (error, message) => (error ? reject(error) : resolve(message.json())),
		});
	});

/** The subjects of the next so many messages that NATS does not take. */
async function refusals(connection: NatsConnection, count: number): Promise<string[]> {
	const refused: string[] = [];
	for await (const { permissionContext } of connection.status()) {
		if (permissionContext) refused.push(permissionContext.subject);
		if (refused.length === count) break;
	}
	return refused;
}

/** Ends a connection as a killed process does: without a word. */
const cut = (connection: NatsConnection): void => {
	const { transport } = (connection as unknown as { protocol: { transport: { socket: Socket } } })
		.protocol;
	transport.socket.destroy();
};

if (await areHere("nats")) {
	test("nodes have JetStream, which syncs each write and outlives a kill", async t => {
		const port = await freePort();
		const server = await startNats(t, port);
		const jetstream = await fetch(`http://127.0.0.1:${port}/jsz`);
		const { config } = (await jetstream.json()) as { config: { sync_always?: boolean } };
		assert.equal(config.sync_always, true);
		const node = await open(t, server, "node", "mesh.node-1");
		const manager = await node.jetstreamManager();
		await manager.streams.add({ name: "FACTS", subjects: ["FACTS.>"] });
		await node.jetstream().publish("FACTS.a", "kept");
		await server.kill("SIGKILL");
		await server.restart();
		const again = await open(t, server, "node", "mesh.node-1");
		const { state } = await (await again.jetstreamManager()).streams.info("FACTS");
		assert.equal(state.messages, 1);
	});

	test("nobody gets in without a user, and no user with another's password", async t => {
		const { url: servers } = await startNats(t);
		for (const wrong of [
			{},
			{ user: "node" },
			{ user: "node", pass: "of-the-sentinel" },
			{ user: "sentinel", pass: "of-the-nodes" },
		])
			await assert.rejects(
				connect({ servers, reconnect: false, ...wrong }),
				/Authorization Violation/,
			);
	});

	test("a password that is no text in nats.conf's syntax is one in quotes", async t => {
		const { url: servers } = (await nats(t, {
			own: true,
			args: ["-c", join(root, "deploy/nats.conf"), "-m", String(await freePort())],
			env: { NATS_PASSWORD: '"12e5"', NATS_SYSTEM_PASSWORD: '"7"' },
		})) as TestServer;
		for (const [user, pass] of [
			["node", "12e5"],
			["sentinel", "7"],
		] as const)
			await (await connect({ servers, user, pass, reconnect: false })).close();
	});

	test("the sentinel hears by name that a node's connection is gone", async t => {
		const server = await startNats(t);
		const sentinel = await open(t, server, "sentinel", "sentinel");
		const told = next(sentinel, disconnects);
		await sentinel.flush();
		const node = await open(t, server, "node", "mesh.node-1");
		const at = performance.now();
		cut(node);
		const { client } = (await told) as { client: { name: string; acc: string } };
		assert.equal(client.name, "mesh.node-1");
		assert.equal(client.acc, "MESH");
		t.diagnostic(`told after ${(performance.now() - at).toFixed(1)} ms`);
	});

	test("the sentinel hears nothing else and says nothing", async t => {
		const server = await startNats(t);
		const node = await open(t, server, "node", "mesh.node-1");
		const heard: string[] = [];
		node.subscribe(">", { callback: (_, { subject }) => heard.push(subject) });
		await node.flush();
		for (const subject of [">", "MOL.>", "FACTS.>", "$SYS.>", "$SYS.ACCOUNT.*.CONNS", "$JS.>"]) {
			const sentinel = await open(t, server, "sentinel", "sentinel");
			await assert.rejects(next(sentinel, subject), /Permissions Violation/, subject);
		}
		const sentinel = await open(t, server, "sentinel", "sentinel");
		const subjects = ["MOL.DISCONNECT", "FACTS.a", "$JS.API.STREAM.LIST", "$SYS.REQ.SERVER.PING"];
		for (const subject of subjects) sentinel.publish(subject, "{}");
		assert.deepEqual(await refusals(sentinel, subjects.length), subjects);
		await node.flush();
		assert.deepEqual(heard, []);
	});

	test("nodes hear nothing of the system account", async t => {
		const server = await startNats(t);
		const node = await open(t, server, "node", "mesh.node-1");
		const heard: string[] = [];
		node.subscribe("$SYS.>", { callback: (_, { subject }) => heard.push(subject) });
		const sentinel = await open(t, server, "sentinel", "sentinel");
		const told = next(sentinel, disconnects);
		await Promise.all([node.flush(), sentinel.flush()]);
		cut(await open(t, server, "node", "mesh.node-2"));
		await told;
		await node.flush();
		assert.deepEqual(heard, []);
	});
}
