import { connect, type Socket } from "node:net";

export interface RawAnswer {
	status: number;
	/** Status line and headers. */
	head: string;
	body: string;
}

/** Told once, of one of the two. */
export interface RawHandlers {
	answered(answer: RawAnswer): void;
	/** @param reused whether the connection had carried a request before */
	cut(code: string, reused: boolean): void;
}

const endOfHead = Buffer.from("\r\n\r\n");
const endOfLine = Buffer.from("\r\n");

/** A chunked body (RFC 9112 §7.1) from `start`; undefined while it is not whole. */
function dechunked(data: Buffer, start: number): { body: Buffer; end: number } | undefined {
	const parts: Buffer[] = [];
	for (let at = start; ; ) {
		const line = data.indexOf(endOfLine, at);
		if (line === -1) return undefined;
		const size = Number.parseInt(data.toString("latin1", at, line), 16);
		const from = line + endOfLine.length;
		const end = from + size + endOfLine.length;
		if (data.length < end) return undefined;
		if (size === 0) return { body: Buffer.concat(parts), end };
		parts.push(data.subarray(from, from + size));
		at = end;
	}
}

/** The answer that these bytes are; undefined while it is not whole. @throws Error where its end cannot be told */
export function parseAnswer(data: Buffer): RawAnswer | undefined {
	const headEnd = data.indexOf(endOfHead);
	if (headEnd === -1) return undefined;
	const head = data.toString("latin1", 0, headEnd);
	const status = Number(head.slice(9, 12));
	const start = headEnd + endOfHead.length;
	if (status < 200) return parseAnswer(data.subarray(start));
	if (status === 204 || status === 304) return { status, head, body: "" };
	const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
	if (length !== undefined) {
		const end = start + Number(length);
		if (data.length < end) return undefined;
		return { status, head, body: data.toString("utf8", start, end) };
	}
	if (!/\r\ntransfer-encoding: *chunked/i.test(head))
		throw new Error(`an answer whose end cannot be told: ${head}`);
	const chunked = dechunked(data, start);
	return chunked && { status, head, body: chunked.body.toString("utf8") };
}

/** One connection. */
interface Line {
	socket: Socket;
	received: Buffer | undefined;
	handlers: RawHandlers | undefined;
	isUsed: boolean;
}

/**
 * Connections to one server, kept, each for one request at a time. Costs a quarter of node:http's client: a generator
 * that shares its machine with what it loads takes from what it measures.
 */
export class RawClient {
	readonly #host: string;
	readonly #port: number;
	readonly #all = new Set<Socket>();
	readonly #free: Line[] = [];

	constructor(host: string, port: number) {
		this.#host = host;
		this.#port = port;
	}

	/** @param text the whole request. @returns what gives it up, without a word to its handlers */
	send(text: string, handlers: RawHandlers): () => void {
		const line = this.#free.pop() ?? this.#open();
		line.handlers = handlers;
		line.socket.write(text);
		return () => {
			line.handlers = undefined;
			line.socket.destroy();
		};
	}

	close(): void {
		for (const socket of this.#all) socket.destroy();
	}

	#open(): Line {
		const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
		const line: Line = { socket, received: undefined, handlers: undefined, isUsed: false };
		this.#all.add(socket);
		let code = "ECONNRESET";
		socket
			.on("data", data => this.#take(line, data))
			.on("error", (error: NodeJS.ErrnoException) => {
				code = error.code ?? error.name;
			})
			.on("end", () => socket.destroy())
			.on("close", () => {
				this.#all.delete(socket);
				const at = this.#free.indexOf(line);
				if (at !== -1) this.#free.splice(at, 1);
				const { handlers } = line;
				line.handlers = undefined;
				handlers?.cut(code, line.isUsed);
			});
		return line;
	}

	#take(line: Line, data: Buffer): void {
		const { handlers, received } = line;
		if (!handlers) return;
		const all = received ? Buffer.concat([received, data]) : data;
		const answer = parseAnswer(all);
		line.received = answer ? undefined : all;
		if (!answer) return;
		line.handlers = undefined;
		line.isUsed = true;
		if (/\r\nconnection: *close/i.test(answer.head)) line.socket.destroy();
		else this.#free.push(line);
		handlers.answered(answer);
	}
}
