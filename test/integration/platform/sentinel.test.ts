import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { MeshProcess } from "../../../deploy/process.ts";
import { findServices } from "../../../kernel/load.ts";
import type { Node } from "../../../kernel/node.ts";
import { eventually } from "../../support/http.ts";
import { meshEnv } from "../../support/mesh.ts";
import { root, startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { natsUrls, securedNats } from "../../support/secured-nats.ts";
import { needs } from "../../support/servers.ts";

/** A node in this process. */
async function nodeOf(
	t: TestContext,
	env: Record<string, string>,
	services: string,
): Promise<Node> {
	const folders = await findServices(root);
	return startNode(t, {
		folders,
		env: { ...env, SERVICES: services, MESH: "platform", LOG_LEVEL: "fatal" },
	});
}

/** A node that can be killed. */
async function processOf(t: TestContext, env: Record<string, string>): Promise<MeshProcess> {
	const part = { name: "victim", services: "platform", port: await freePort() };
	const victim = new MeshProcess(part, { ...env, MESH: "platform", NATS_SYSTEM_URL: "" });
	t.after(() => victim.end("SIGKILL"));
	await victim.start();
	return victim;
}

const watch = ({ broker }: Node): Promise<{ state: string; dead: Record<string, unknown>[] }> =>
	broker.call("sentinel.watch", {}, { nodeID: broker.nodeID });

const isWatching = (node: Node) =>
	eventually(
		() => watch(node),
		({ state }) => state === "watching",
	);

const sees = ({ broker }: Node, id: string): boolean =>
	broker.registry.nodes.get(id)?.available === true;

/** What the observer's registry says when it lets go of a node; `unexpected` is its own conclusion from heartbeats. */
const goodbyes = ({ broker }: Node) => {
	const heard: { id: string; unexpected: boolean }[] = [];
	broker.localBus.on(
		"$node.disconnected",
		({ node, unexpected }: { node: { id: string }; unexpected: boolean }) =>
			heard.push({ id: node.id, unexpected }),
	);
	return heard;
};

const servers = await needs("nats", "mongo");
const nats = servers && (await securedNats());
if (servers && nats) {
	after(() => nats.server.stop());
	/** The variables of a deployment of a test's own. */
	const deploy = () => ({
		...meshEnv(),
		...natsUrls(new URL(nats.server.url).host),
		MONGO_URL: servers.mongo.url,
	});

	test("a node that is killed is let go of by the goodbye of either of two sentinels", async t => {
		const env = deploy();
		const observer = await nodeOf(t, env, "none");
		const sentinels = await Promise.all([nodeOf(t, env, "platform"), nodeOf(t, env, "platform")]);
		await Promise.all(sentinels.map(isWatching));
		const victim = await processOf(t, env);
		const id = victim.nodeId as string;
		await eventually(
			async () => sees(observer, id),
			isThere => isThere,
		);
		const heard = goodbyes(observer);
		await victim.end("SIGKILL");
		await eventually(
			async () => sees(observer, id),
			isThere => !isThere,
		);
		assert.deepEqual(heard, [{ id, unexpected: false }]);
		const seen = await Promise.all(sentinels.map(watch));
		const dead = seen.flatMap(({ dead }) => dead.map(({ nodeId, isBack }) => ({ nodeId, isBack })));
		assert.ok(dead.length >= 1);
		for (const one of dead) assert.deepEqual(one, { nodeId: id, isBack: false });
		const text = await sentinels[0].platform.metrics.text();
		assert.match(text, /zeolite_nodes_lost_total \d/);
	});

	test("a node that only lost its link is taken back, and its calls go on", async t => {
		const env = deploy();
		const sentinel = await nodeOf(t, env, "platform");
		const blinking = await nodeOf(t, env, "none");
		await isWatching(sentinel);
		const { transit, nodeID } = blinking.broker as unknown as {
			transit: { tx: { client: { protocol: { transport: { close(): void } } } } };
			nodeID: string;
		};
		await eventually(
			async () => sees(sentinel, nodeID),
			isThere => isThere,
		);
		transit.tx.client.protocol.transport.close();
		const { dead } = await eventually(
			() => watch(sentinel),
			({ dead }) => dead.length > 0 && dead[0]?.isBack === true,
		);
		assert.deepEqual(
			dead.map(({ nodeId }) => nodeId),
			[nodeID],
		);
		assert.deepEqual(await blinking.broker.call("sentinel.watch"), await watch(sentinel));
	});

	test("a node that leaves by itself is not declared dead", async t => {
		const env = deploy();
		const sentinel = await nodeOf(t, env, "platform");
		await isWatching(sentinel);
		const victim = await processOf(t, env);
		assert.equal(await victim.end("SIGTERM"), 0);
		await eventually(
			async () => sees(sentinel, victim.nodeId as string),
			isThere => !isThere,
		);
		assert.deepEqual((await watch(sentinel)).dead, []);
	});

	test("it watches on after NATS was killed", async t => {
		const env = deploy();
		const sentinel = await nodeOf(t, env, "platform");
		await isWatching(sentinel);
		const victim = await processOf(t, env);
		const id = victim.nodeId as string;
		await nats.server.kill("SIGKILL");
		await eventually(
			() => watch(sentinel),
			({ state }) => state === "lost",
		);
		await nats.server.restart();
		await isWatching(sentinel);
		await eventually(
			async () => sees(sentinel, id),
			isThere => isThere,
		);
		await victim.end("SIGKILL");
		const { dead } = await eventually(
			() => watch(sentinel),
			({ dead }) => dead.length > 0,
		);
		assert.equal(dead[0]?.nodeId, id);
	});

	test("without a system account it is off, and all else runs", async t => {
		const env = deploy();
		const node = await nodeOf(t, { ...env, NATS_SYSTEM_URL: "" }, "platform");
		assert.deepEqual(await watch(node), { state: "off", dead: [] });
	});

	test("with a password that does not hold it says so, and all else runs", async t => {
		const env = deploy();
		const wrong = (env.NATS_SYSTEM_URL as string).replace("sentinel-password", "wrong");
		const node = await nodeOf(t, { ...env, NATS_SYSTEM_URL: wrong }, "platform");
		assert.deepEqual(await watch(node), { state: "lost", dead: [] });
	});
}
