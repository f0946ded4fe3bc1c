import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

const drainMs = 8_000;

/** The gateway's own server: time-outs for slow clients, and no more header bytes than Node's 16 KiB. */
export const makeServer = (
	handle: (request: IncomingMessage, response: ServerResponse) => void,
): Server => {
	const server = createServer(
		{ requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
		handle,
	);
	server.maxRequestsPerSocket = 0;
	return server;
};

/** Takes no new connection, gives the answers that are under way, and lets go after 8 s of whoever does not end. */
export async function drain(server: Server): Promise<void> {
	if (!server.listening) return;
	const closed = new Promise<void>(resolve => server.close(() => resolve()));
	const idle = setInterval(() => server.closeIdleConnections(), 50);
	const force = setTimeout(() => server.closeAllConnections(), drainMs);
	await closed;
	clearInterval(idle);
	clearTimeout(force);
}
