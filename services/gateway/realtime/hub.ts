import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { Server, type Socket } from "socket.io";
import type { Clock } from "../../../kernel/clock.ts";
import type { Identity } from "../../../kernel/contract.ts";
import type { Env } from "../../../kernel/env.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { TokenVerifier } from "../../../kernel/tokens.ts";
import { socketPath } from "../socket-path.ts";
import { type FanOut, noFanOut, type Push, redisFanOut, roomOf } from "./fan-out.ts";
import { isAllowedOrigin } from "./origins.ts";

const mostSockets = 2_048;
const mostOfOneUser = 20;
/** A client has nothing to say; its token is the longest. */
const longestMessage = 8_192;
const mostMessages = 50;
/** From the first byte until who it is has been shown, ms. */
const handshakeMs = 5_000;
/** How long a client may take to say goodbye, ms. */
const goodbyeMs = 500;

export interface HubNeeds {
	server: HttpServer;
	env: Pick<Env, "CORS_ORIGINS" | "REDIS_URL" | "NAMESPACE" | "publicUrl">;
	tokens: Pick<TokenVerifier, "verify" | "watch">;
	clock: Clock;
	/** Whether this gateway takes no new client. */
	isDraining(): boolean;
	/** Hands an event to every gateway, this one included. */
	announce(push: Push): void;
}

interface Held {
	identity: Identity;
	token: string;
}

/** An error as the client's `connect_error` shows it. */
const refusal = (code: string): Error => Object.assign(new Error(code), { data: { code } });

/** Whether a token that was verified before has expired, as it says itself. */
function isExpired(token: string, now: number): boolean {
	const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
	return (JSON.parse(claims) as { exp: number }).exp * 1_000 <= now;
}

/** Open sockets of one gateway, each in the room of its user. */
export class Hub {
	readonly #needs: HubNeeds;
	readonly #io: Server;
	readonly #fanOut: FanOut;
	readonly #held = new Map<Socket, Held>();
	readonly #raw = new Set<Duplex>();
	readonly #unwatch: () => void;

	constructor(needs: HubNeeds) {
		const { server, env, tokens } = needs;
		this.#needs = needs;
		const io = new Server({
			path: socketPath,
			serveClient: false,
			cors: { origin: [...env.CORS_ORIGINS] },
			maxHttpBufferSize: longestMessage,
			connectTimeout: handshakeMs,
			destroyUpgrade: false,
			allowRequest: (request, answer) => {
				const refused = this.#refusalOf(request);
				answer(refused, refused === undefined);
			},
		});
		this.#io = io;
		this.#fanOut = env.REDIS_URL ? redisFanOut(io, env.REDIS_URL, env.NAMESPACE) : noFanOut;
		io.use((socket, next) => {
			this.#admit(socket).then(
				() => next(),
				error => next(refusal(codeOf(error) ?? "INTERNAL_ERROR")),
			);
		});
		io.on("connection", socket => this.#hold(socket));
		server.on("upgrade", (_request, socket: Duplex) => {
			this.#raw.add(socket);
			socket.once("close", () => this.#raw.delete(socket));
		});
		io.attach(server);
		this.#unwatch = tokens.watch(() => void this.#sweep());
	}

	/** How many sockets are open, and of how many users. */
	get connections(): { sockets: number; users: number } {
		const users = new Set([...this.#held.values()].map(({ identity }) => identity.id));
		return { sockets: this.#held.size, users: users.size };
	}

	/** Tells a user's pages, wherever they are connected. */
	push(push: Push): void {
		if (!this.#fanOut.push(push)) this.#needs.announce(push);
	}

	/** Tells those of a user's pages that are connected here. */
	deliver({ userId, event, payload }: Push): void {
		this.#io.local.to(roomOf(userId)).emit(event, payload);
	}

	/** Lets every client go, to connect elsewhere by itself. */
	async close(): Promise<void> {
		this.#unwatch();
		this.#io.engine.close();
		if (this.#raw.size > 0) await pause(goodbyeMs);
		for (const socket of this.#raw) socket.destroy();
		this.#fanOut.close();
	}

	/** Why a handshake is refused before anything of it is read. */
	#refusalOf({ headers: { origin, host } }: IncomingMessage): string | undefined {
		const { env, isDraining } = this.#needs;
		if (isDraining() || this.#io.engine.clientsCount >= mostSockets) return "SERVICE_UNAVAILABLE";
		return isAllowedOrigin({ origin, host }, env.CORS_ORIGINS, env.publicUrl)
			? undefined
			: "FORBIDDEN";
	}

	/** @throws UNAUTHENTICATED, SERVICE_UNAVAILABLE, or for who has too many open */
	async #admit(socket: Socket): Promise<void> {
		const { token } = socket.handshake.auth as { token?: unknown };
		if (typeof token !== "string") throw Object.assign(new Error(), { type: "UNAUTHENTICATED" });
		const identity = await this.#needs.tokens.verify(token, 0);
		const open = this.#io.of("/").adapter.rooms.get(roomOf(identity.id))?.size ?? 0;
		if (open >= mostOfOneUser) throw Object.assign(new Error(), { type: "TOO_MANY_CONNECTIONS" });
		socket.data = { identity, token } satisfies Held;
	}

	#hold(socket: Socket): void {
		const held = socket.data as Held;
		this.#held.set(socket, held);
		void socket.join(roomOf(held.identity.id));
		socket.once("disconnect", () => this.#held.delete(socket));
		let messages = 0;
		socket.onAny(() => {
			if (++messages > mostMessages) socket.disconnect(true);
		});
	}

	/** Ends the sockets whose token has expired or whose session was revoked. */
	async #sweep(): Promise<void> {
		for (const [socket, { token }] of this.#held)
			try {
				await this.#needs.tokens.verify(token, 0);
			} catch (error) {
				if (codeOf(error) === "UNAUTHENTICATED") this.#end(socket, token);
			}
	}

	#end(socket: Socket, token: string): void {
		this.#held.delete(socket);
		if (!isExpired(token, this.#needs.clock.now())) {
			socket.emit("session", { code: "SESSION_REVOKED" });
			socket.disconnect(true);
			return;
		}
		// A client takes this for a lost line, and comes back by itself with a newer token.
		socket.emit("session", { code: "TOKEN_EXPIRED" });
		socket.conn.close();
	}
}
