import type { TestContext } from "node:test";
import type { Broker } from "../../../kernel/contract.ts";
import type { Node } from "../../../kernel/node.ts";
import { startNode, type TestNodeOptions } from "../../support/node.ts";

export interface IdentityNode {
	node: Node;
	call: Broker["call"];
}

/** A node of the identity domain alone, and its actions by name. */
export async function identityNode(
	t: TestContext,
	{ env, ...options }: TestNodeOptions = {},
): Promise<IdentityNode> {
	const node = await startNode(t, {
		...options,
		env: { SERVICES: "identity", MESH: "identity", ...env },
	});
	const broker = node.broker as unknown as Broker;
	return { node, call: broker.call.bind(broker) as Broker["call"] };
}

/** A clock that a test moves; it stands still by itself. */
export const movableClock = (at = Date.now()) => {
	const clock = { at, now: () => clock.at };
	return clock;
};

/** Calling options of who holds this access token. */
export const as = (token: string) => ({ headers: { token } });
