import { createConnection, type Socket } from "node:net";

export const HOST = "127.0.0.1";
/** Bytes held for one direction of one connection; above it its source is not read. */
const HELD_BYTES = 1_048_576;
/** With a bandwidth, bytes go out in portions of this time, ms. */
const PORTION_MS = 50;

/** upstream: from the client to the server. downstream: from the server to the client. */
export type Stream = "upstream" | "downstream";

/**
 * What is wrong with the link, by the names of toxiproxy (https://github.com/Shopify/toxiproxy).
 * A toxic without `stream` works on both.
 */
export interface Toxics {
	/** Each chunk comes `latency` ms later, give or take `jitter` ms, and never before the one in front of it. */
	latency?: { latency: number; jitter?: number; stream?: Stream };
	/** At most `rate` bytes per second. With 0 nothing passes and nothing is lost: a partition that TCP outlives. */
	bandwidth?: { rate: number; stream?: Stream };
	/**
	 * A black hole: bytes, closes and resets are swallowed and connections stay open; new ones are accepted and
	 * hang. When it is taken off, those that hang go on, and those that lost something are reset, because TCP
	 * never hands over a stream with a gap.
	 */
	timeout?: { stream?: Stream };
	/**
	 * Shares, 0 to 1, that end in a RST to both sides: of new connections, at the first byte from either side,
	 * and of chunks on any connection.
	 */
	resetPeer?: { connections?: number; chunks?: number };
	/** Live connections are reset and new ones refused, as by a process that is gone. */
	down?: boolean;
}

/** What the connections of a proxy share. */
export interface Shared {
	readonly targetPort: number;
	readonly toxics: Readonly<Toxics>;
	/** Connections accepted and cut by RST, bytes swallowed: what the link has really been through. */
	readonly counts: { accepted: number; reset: number; swallowed: number };
	/** The next number of the seed, 0 to 1. */
	draw(): number;
	/** The connection is over on both sides. */
	forget(link: Link): void;
}

type Item = { due: number; what: Buffer | "end" | "reset" };

/** One direction of one connection. */
class Pipe {
	readonly #stream: Stream;
	readonly #source: Socket;
	readonly #sink: Socket;
	readonly #link: Link;
	readonly #queue: Item[] = [];
	#held = 0;
	#freeAt = 0;
	#isFull = false;
	#timer: NodeJS.Timeout | undefined;
	/** Something was swallowed. */
	hasGap = false;

	constructor(stream: Stream, source: Socket, sink: Socket, link: Link) {
		this.#stream = stream;
		this.#source = source;
		this.#sink = sink;
		this.#link = link;
		source.on("data", chunk => this.#take(chunk));
		source.on("end", () => this.#add("end"));
		source.on("error", () => this.#add("reset"));
		sink.on("drain", () => {
			this.#isFull = false;
			this.pass();
		});
	}

	/** Hands on what is due, and comes back by itself for the rest. */
	pass(): void {
		clearTimeout(this.#timer);
		for (let head = this.#queue[0]; head && !this.#isFull; head = this.#queue[0]) {
			if (this.#link.swallows(this.#stream)) {
				this.#remove();
				this.hasGap = true;
				this.#link.counts.swallowed += typeof head.what === "string" ? 0 : head.what.length;
				continue;
			}
			const rate = this.#link.rate(this.#stream);
			if (rate === 0) break;
			const wait = Math.max(head.due, rate === undefined ? 0 : this.#freeAt) - performance.now();
			if (wait > 0) {
				this.#timer = setTimeout(() => this.pass(), Math.ceil(wait));
				break;
			}
			this.#hand(head, rate);
		}
		if (this.#held < HELD_BYTES && this.#source.isPaused()) this.#source.resume();
	}

	stop(): void {
		clearTimeout(this.#timer);
		this.#queue.length = 0;
	}

	#take(chunk: Buffer): void {
		if (this.#link.resetsChunk()) {
			this.#link.cut();
			return;
		}
		this.#add(chunk);
		if (this.#held >= HELD_BYTES) this.#source.pause();
	}

	#add(what: Item["what"]): void {
		this.#queue.push({ due: performance.now() + this.#link.delay(this.#stream), what });
		this.#held += typeof what === "string" ? 0 : what.length;
		this.pass();
	}

	#remove(): void {
		const head = this.#queue.shift();
		if (head && typeof head.what !== "string") this.#held -= head.what.length;
	}

	/** Gives the sink the head of the queue, or as much of it as the rate allows. */
	#hand(head: Item, rate: number | undefined): void {
		if (head.what === "reset") {
			this.#link.cut();
			return;
		}
		if (head.what === "end") {
			this.#remove();
			this.#sink.end();
			return;
		}
		let portion = head.what;
		if (rate !== undefined) {
			portion = head.what.subarray(0, Math.max(1, Math.floor((rate * PORTION_MS) / 1000)));
			this.#freeAt = performance.now() + (portion.length * 1000) / rate;
		}
		if (portion.length === head.what.length) this.#remove();
		else {
			head.what = head.what.subarray(portion.length);
			this.#held -= portion.length;
		}
		if (this.#sink.writable) this.#isFull = !this.#sink.write(portion);
	}
}

/** One connection through the proxy. It dials the server as soon as nothing swallows. */
export class Link {
	readonly #shared: Shared;
	readonly #client: Socket;
	readonly #isDoomed: boolean;
	#server: Socket | undefined;
	#pipes: { upstream: Pipe; downstream: Pipe } | undefined;

	constructor(shared: Shared, client: Socket) {
		this.#shared = shared;
		this.#client = client;
		this.#isDoomed = this.#chance(shared.toxics.resetPeer?.connections);
		client.on("error", () => {});
		client.on("close", () => this.#closed());
		this.update();
	}

	get counts(): Shared["counts"] {
		return this.#shared.counts;
	}

	swallows(stream: Stream): boolean {
		return on(this.#shared.toxics.timeout, stream) !== undefined;
	}

	rate(stream: Stream): number | undefined {
		return on(this.#shared.toxics.bandwidth, stream)?.rate;
	}

	delay(stream: Stream): number {
		const { latency = 0, jitter = 0 } = on(this.#shared.toxics.latency, stream) ?? {};
		return Math.max(0, latency + (jitter && (this.#shared.draw() * 2 - 1) * jitter));
	}

	/** Whether a chunk that has come ends the connection instead. */
	resetsChunk(): boolean {
		return this.#isDoomed || this.#chance(this.#shared.toxics.resetPeer?.chunks);
	}

	/** To be called when the toxics have changed. */
	update(): void {
		const pipes = this.#pipes;
		if (!pipes) {
			if (!this.#shared.toxics.timeout) this.#dial();
			return;
		}
		for (const stream of ["upstream", "downstream"] as const) {
			if (pipes[stream].hasGap && !this.swallows(stream)) this.cut();
			else pipes[stream].pass();
		}
	}

	/** RST to both sides. */
	cut(): void {
		if (!this.#client.destroyed || this.#server?.destroyed === false) this.counts.reset++;
		this.#pipes?.upstream.stop();
		this.#pipes?.downstream.stop();
		for (const socket of [this.#client, this.#server])
			if (socket?.destroyed === false) socket.resetAndDestroy();
		this.#closed();
	}

	/** FIN to the side that `stream` runs to. */
	halfClose(stream: Stream): void {
		(stream === "upstream" ? this.#server : this.#client)?.end();
	}

	#chance(share: number | undefined): boolean {
		return share !== undefined && this.#shared.draw() < share;
	}

	#dial(): void {
		const client = this.#client;
		const server = createConnection({
			host: HOST,
			port: this.#shared.targetPort,
			allowHalfOpen: true,
			noDelay: true,
		});
		this.#server = server;
		this.#pipes = {
			upstream: new Pipe("upstream", client, server, this),
			downstream: new Pipe("downstream", server, client, this),
		};
		server.on("close", () => this.#closed());
	}

	#closed(): void {
		if (this.#client.destroyed && this.#server?.destroyed !== false) this.#shared.forget(this);
	}
}

/** The toxic where it works on this stream. */
function on<T extends { stream?: Stream }>(toxic: T | undefined, stream: Stream): T | undefined {
	return toxic?.stream === undefined || toxic.stream === stream ? toxic : undefined;
}
