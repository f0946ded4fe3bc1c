import { resolve } from "node:path";
import type { TestContext } from "node:test";
import type { Clock } from "../../kernel/clock.ts";
import type { Contract } from "../../kernel/contract.ts";
import { type Env, readEnv } from "../../kernel/env.ts";
import { findServices, type ServiceFolder } from "../../kernel/load.ts";
import { createNode, type Node } from "../../kernel/node.ts";
import { brokerOptions } from "../../moleculer.config.ts";

export const root = resolve(import.meta.dirname, "../..");

export interface TestNodeOptions {
	/** Variables, over a quiet embedded node in memory without a port. */
	env?: Record<string, string>;
	/** Services of the mesh; those of the repository where not given. */
	folders?: readonly ServiceFolder[];
	clock?: Clock;
}

/**
 * A started node with every result held against its contract; stopped after the test. Without variables it is embedded,
 * in memory and has no port.
 */
export async function startNode(
	t: Pick<TestContext, "after">,
	options: TestNodeOptions = {},
): Promise<Node> {
	const env: Env = readEnv({
		DATA_DIR: ":memory:",
		PORT: "0",
		LOG_LEVEL: "fatal",
		RATE_LIMIT: "off",
		SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
		...options.env,
	});
	const node = await createNode({
		env,
		folders: options.folders ?? (await findServices(root)),
		configure: (platform, nodeID) => brokerOptions(platform, nodeID, { checkResults: true }),
		identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
		...(options.clock && { clock: options.clock }),
	});
	t.after(() => node.stop());
	await node.start();
	return node;
}

/** Waits until each of these nodes can call what all of them run: a busy machine takes longer for it than a start waits. */
export async function acquainted(
	nodes: readonly Pick<Node, "broker" | "services">[],
): Promise<void> {
	const all = nodes.flatMap(({ services }) => services);
	await Promise.all(nodes.map(({ broker }) => broker.waitForServices(all, 30_000)));
}

/** A folder as `findServices` would find it, for services that a test makes itself. */
export const folderOf = (contract: Contract, file: string, domain = "test"): ServiceFolder => ({
	domain,
	name: contract.name,
	file,
	contract,
});
