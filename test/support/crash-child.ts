// The whole product as one embedded process that plays a journey and, where CRASH_AT says so, ends on the way.
import { readEnv } from "../../kernel/env.ts";
import { findServices } from "../../kernel/load.ts";
import { createNode } from "../../kernel/node.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type Buyer, play } from "./crash-journey.ts";

const buyer = JSON.parse(process.argv[2] as string) as Buyer;
const node = await createNode({
	env: readEnv(process.env),
	folders: await findServices(process.cwd()),
	configure: brokerOptions,
	identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
});
await node.start();
await play(node, buyer);
process.exit(0);
