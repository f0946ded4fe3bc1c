import { once } from "node:events";
import { createServer, type Server } from "node:net";

/**
 * Below the ports that the system gives to outgoing connections (32,768 and above on Linux), of which one could take a
 * port between the look and the listening, or while what listens there is killed and starts anew.
 */
const first = 10_000;
const blocks = 220;
const perBlock = 100;

/** Listens on a port; undefined where somebody does already. */
async function held(port: number): Promise<Server | undefined> {
	const server = createServer().listen(port, "127.0.0.1");
	try {
		await once(server, "listening");
	} catch {
		return undefined;
	}
	return server;
}

/** A block that no other process has: its first port is held for as long as this one runs. */
async function claimed(): Promise<number> {
	for (let i = 0; i < blocks; i++) {
		const block = first + ((process.pid + i) % blocks) * perBlock;
		const server = await held(block);
		if (server) {
			server.unref();
			return block;
		}
	}
	throw new Error("every block of ports is taken");
}

let mine: Promise<number> | undefined;
let taken = 0;

/**
 * A loopback TCP port nobody listens on at this moment. It is not reserved, but processes that run side by side are each
 * given others.
 */
export async function freePort(): Promise<number> {
	mine ??= claimed();
	const block = await mine;
	for (let tries = 1; tries < perBlock; tries++) {
		const port = block + 1 + (taken++ % (perBlock - 1));
		const server = await held(port);
		if (!server) continue;
		server.close();
		await once(server, "close");
		return port;
	}
	throw new Error(`no port from ${block} to ${block + perBlock - 1} is free`);
}
