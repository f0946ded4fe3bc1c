import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that the system gives to outgoing connections (32,768 and above on Linux), of which one could take a
 * port between the look and the listening, or while what listens there is killed and starts anew.
 */
const first = 10_000;
const blocks = 220;
const perBlock = 100;

const block = first + (process.pid % blocks) * perBlock;
let taken = 0;

const isFree = async (port: number): Promise<boolean> => {
	const server = createServer().listen(port, "127.0.0.1");
	try {
		await once(server, "listening");
	} catch {
		return false;
	}
	server.close();
	await once(server, "close");
	return true;
};

/**
 * A loopback TCP port nobody listens on at this moment. It is not reserved, but processes that run side by side are each
 * given others.
 */
export async function freePort(): Promise<number> {
	for (let tries = 0; tries < perBlock; tries++) {
		const port = block + (taken++ % perBlock);
		if (await isFree(port)) return port;
	}
	throw new Error(`no port from ${block} to ${block + perBlock - 1} is free`);
}
