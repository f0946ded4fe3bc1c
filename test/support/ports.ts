import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A loopback TCP port nobody listens on at this moment, picked by the system. It is not reserved:
 * listen on it at once.
 */
export async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	server.close();
	await once(server, "close");
	if (address === null || typeof address === "string") throw new Error("no TCP address");
	return address.port;
}
