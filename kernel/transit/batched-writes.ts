import type { Middleware } from "moleculer";

/** A packet above this goes alone: NATS refuses what is too large at once, and the caller must hear it. */
const largest = 64 * 1_024;

type Send = (topic: string, data: Buffer, meta: object) => Promise<void>;

interface Waiting {
	topic: string;
	data: Buffer;
	meta: object;
	resolve(sent: Promise<void>): void;
	reject(error: unknown): void;
}

/**
 * Hands the packets of one turn of the event loop to NATS together. Its client writes to the socket in a microtask, and
 * Node runs those after every event of a socket, so 64 requests that came in together would be 64 writes.
 */
export const batchedWrites: Middleware = {
	name: "BatchedWrites",
	transporterSend(next: Send): Send {
		let queue: Waiting[] = [];
		const flush = () => {
			const packets = queue;
			queue = [];
			for (const { topic, data, meta, resolve, reject } of packets)
				try {
					resolve(next(topic, data, meta));
				} catch (error) {
					reject(error);
				}
		};
		return (topic, data, meta) => {
			if (data.length > largest) {
				flush();
				return next(topic, data, meta);
			}
			return new Promise((resolve, reject) => {
				if (queue.length === 0) setImmediate(flush);
				queue.push({ topic, data, meta, resolve, reject });
			});
		};
	},
} as unknown as Middleware;
