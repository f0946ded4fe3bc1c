// A node of the bench: the product's own gateway or the bench's services, by SERVICES, made as start.ts makes one.
// It has no database: the gateway keeps its nonces in memory here, and nothing that is measured touches them.
import { join } from "node:path";
import { readEnv } from "../../kernel/env.ts";
import { findServices } from "../../kernel/load.ts";
import { createNode } from "../../kernel/node.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { isReady } from "../harness/measured.ts";

const { NATS_URL = "", ...variables } = process.env;
const env = Object.freeze({ ...readEnv(variables), NATS_URL, mode: "mesh" as const });
const product = await findServices(join(import.meta.dirname, "..", ".."));
const own = await findServices(import.meta.dirname);
const node = await createNode({
	env,
	// All of the product's routes are there, as on any gateway; nobody runs what is behind them.
	folders: [...product, ...own],
	configure: brokerOptions,
	identity: { keys: "issuer.keys", revoked: "issuer.revoked", hint: "issuer.revoked" },
	onLinkClosed: reason => {
		console.error(reason);
		process.exit(1);
	},
});
await node.start();
isReady();
