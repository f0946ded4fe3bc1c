import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { random } from "../../support/random.ts";
import { HOST, Link, type Shared, type Stream, type Toxics } from "./tcp-link.ts";

export type { Stream, Toxics } from "./tcp-link.ts";

/** A TCP proxy on loopback for faults on one link. The order of bytes is kept, and a slow side slows the other. */
export class TcpProxy implements Shared {
	readonly port: number;
	readonly targetPort: number;
	readonly counts = { accepted: 0, reset: 0, swallowed: 0 };
	readonly draw: () => number;
	readonly #links = new Set<Link>();
	#listener: Server | null;
	#toxics: Toxics = {};

	private constructor(listener: Server, targetPort: number, seed: number) {
		this.port = (listener.address() as AddressInfo).port;
		this.targetPort = targetPort;
		this.draw = random(seed);
		this.#listener = listener;
		listener.on("connection", client => this.#accept(client));
	}

	/** A proxy on a free port that hands on to `targetPort`, with nothing wrong. */
	static async open(targetPort: number, seed = 1): Promise<TcpProxy> {
		return new TcpProxy(await listen(0), targetPort, seed);
	}

	get toxics(): Readonly<Toxics> {
		return this.#toxics;
	}

	/** Connections alive on either side. */
	get connections(): number {
		return this.#links.size;
	}

	/** From now on exactly these toxics, on live connections too. Await it where `down` comes or goes. */
	async set(toxics: Toxics): Promise<void> {
		this.#toxics = { ...toxics };
		for (const link of [...this.#links]) link.update();
		if (toxics.down) {
			this.#listener?.close();
			this.#listener = null;
			this.cut();
		} else if (!this.#listener) {
			const listener = await listen(this.port);
			if (this.#toxics.down || this.#listener) listener.close();
			else this.#listener = listener.on("connection", client => this.#accept(client));
		}
	}

	/** Nothing is wrong any more. */
	clear(): Promise<void> {
		return this.set({});
	}

	/** Ends all connections by a RST to both sides. */
	cut(): void {
		for (const link of [...this.#links]) link.cut();
	}

	/** Ends one direction of all connections by a FIN, as a side that has said all it had to. */
	halfClose(stream: Stream): void {
		for (const link of this.#links) link.halfClose(stream);
	}

	/** Cuts what is open and listens no more. */
	close(): Promise<void> {
		return this.set({ down: true });
	}

	forget(link: Link): void {
		this.#links.delete(link);
	}

	#accept(client: Socket): void {
		this.counts.accepted++;
		this.#links.add(new Link(this, client));
	}
}

async function listen(port: number): Promise<Server> {
	const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(port, HOST);
	await once(listener, "listening");
	return listener;
}
