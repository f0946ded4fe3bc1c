import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import type { Server } from "socket.io";

const pingEveryMs = 2_000;
const pingWithinMs = 1_000;

/** What a user's open pages are told. */
export interface Push {
	userId: string;
	event: string;
	payload: object;
}

export const roomOf = (userId: string): string => `user:${userId}`;

/** A client whose failures are nobody's: the adapter leaves its promises alone, and what it sends are hints. */
class QuietRedis extends Redis {
	override sendCommand(...args: Parameters<Redis["sendCommand"]>): unknown {
		const sent = super.sendCommand(...args) as Promise<unknown>;
		Promise.resolve(sent).catch(() => {});
		return sent;
	}
}

/** Carries events from the gateway that hears of them to the one that has the socket. */
export interface FanOut {
	/** Tells a user at every gateway; false where it cannot, and another way has to be taken. */
	push(push: Push): boolean;
	close(): void;
}

/** No Redis: every gateway is told by the broker. */
export const noFanOut: FanOut = { push: () => false, close: () => {} };

/** Socket.IO's Redis adapter, which is left aside while Redis is away or does not answer within 1 s. */
export function redisFanOut(io: Server, url: string, namespace: string): FanOut {
	const publisher = new QuietRedis(url, {
		commandTimeout: pingWithinMs,
		enableOfflineQueue: false,
		maxRetriesPerRequest: 0,
	});
	// Subscriptions wait until it is there.
	const subscriber = new QuietRedis(url, { maxRetriesPerRequest: null });
	for (const client of [publisher, subscriber]) client.on("error", () => {});
	io.adapter(createAdapter(publisher, subscriber, { key: `${namespace}:socket.io` }));
	let isUp = false;
	const look = () =>
		publisher.ping().then(
			() => {
				isUp = subscriber.status === "ready";
			},
			() => {
				isUp = false;
			},
		);
	publisher.on("ready", () => void look());
	publisher.on("close", () => {
		isUp = false;
	});
	const timer = setInterval(look, pingEveryMs).unref();
	return {
		push({ userId, event, payload }) {
			if (isUp) io.to(roomOf(userId)).emit(event, payload);
			return isUp;
		},
		close() {
			clearInterval(timer);
			publisher.disconnect();
			subscriber.disconnect();
		},
	};
}
