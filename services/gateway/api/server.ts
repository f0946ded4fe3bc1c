import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { socketPath } from "../socket-path.ts";
import { SecureResponse } from "./secure-response.ts";

const drainMs = 5_000;
const idleCheckMs = 50;

/** What a client may take its time for, ms, and how many may be there at once. */
export interface ServerLimits {
	/** From the first byte to the last header. */
	headersMs: number;
	/** From the first byte to the end of the body. */
	requestMs: number;
	/** Between two requests. */
	keepAliveMs: number;
	/** Without a byte in either direction, while an answer is made or taken. */
	idleMs: number;
	/** How often the first two are looked at. */
	checkMs: number;
	connections: number;
}

export const serverLimits: ServerLimits = {
	headersMs: 10_000,
	requestMs: 30_000,
	keepAliveMs: 65_000,
	idleMs: 60_000,
	checkMs: 1_000,
	connections: 4_096,
};

export interface Handlers {
	handle(request: IncomingMessage, response: ServerResponse): void;
	/** Bytes that are no request, or came too slowly; `code` says which problem that is. */
	refuse(code: ClientFault, socket: Socket): void;
}

export type ClientFault =
	| "BAD_REQUEST"
	| "HEADERS_TOO_LARGE"
	| "PAYLOAD_TOO_LARGE"
	| "REQUEST_TOO_SLOW";

/** Codes of Node's parser → ours; whatever else is BAD_REQUEST. */
const faults: Record<string, ClientFault> = {
	HPE_HEADER_OVERFLOW: "HEADERS_TOO_LARGE",
	HPE_CHUNK_EXTENSIONS_OVERFLOW: "PAYLOAD_TOO_LARGE",
	ERR_HTTP_REQUEST_TIMEOUT: "REQUEST_TOO_SLOW",
};

/**
 * The gateway's own server: time-outs for slow clients, a cap on connections, and no more header bytes than Node's
 * 16 KiB. What Node would answer by itself (no host, an unknown `Expect`, bytes it cannot parse) is answered here.
 */
export function makeServer(
	{ handle, refuse }: Handlers,
	limits: ServerLimits = serverLimits,
): Server {
	const server: Server = createServer(
		{
			headersTimeout: limits.headersMs,
			requestTimeout: limits.requestMs,
			keepAliveTimeout: limits.keepAliveMs,
			connectionsCheckingInterval: limits.checkMs,
			requireHostHeader: false,
			// Whoever else offers another protocol, as curl does, is answered in this one.
			shouldUpgradeCallback: ({ url }) =>
				server.listenerCount("upgrade") > 0 && (url ?? "").startsWith(socketPath),
			optimizeEmptyRequests: true,
			ServerResponse: SecureResponse,
		},
		handle,
	);
	server.maxConnections = limits.connections;
	server.maxRequestsPerSocket = 0;
	server.maxHeadersCount = 0;
	server.setTimeout(limits.idleMs);
	server.on("checkExpectation", handle);
	server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
		// Browsers open connections ahead: an answer to none would be taken for that to the first request.
		const isUnused = socket.bytesRead === 0;
		if (error.code === "ECONNRESET" || !socket.writable || isUnused) socket.destroy();
		else refuse(faults[error.code ?? ""] ?? "BAD_REQUEST", socket);
	});
	return server;
}

/**
 * Serves on until whoever sends clients here has seen that this gateway is not ready, each answer being the last on its
 * connection. Then takes no new connection, gives the answers that are under way, and lets go after 5 s of whoever does
 * not end.
 * @param noticeMs how long it serves on.
 */
export async function drain(server: Server, noticeMs: number): Promise<void> {
	if (!server.listening) return;
	await pause(noticeMs);
	const closed = new Promise<void>(resolve => server.close(() => resolve()));
	const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs);
	const force = setTimeout(() => server.closeAllConnections(), drainMs);
	await closed;
	clearInterval(idle);
	clearTimeout(force);
}
