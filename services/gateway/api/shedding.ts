import type { ServerResponse } from "node:http";
import { platformProblem } from "../../../kernel/errors.ts";
import type { LoopLag } from "../../../kernel/loop-lag.ts";
import type { Metrics } from "../../../kernel/middlewares/metrics.ts";

/** Requests that one gateway answers at once. More would not be answered sooner, and their clients give up waiting. */
const most = 512;
/** Of those, the ones that wait for one service: one that hangs must not take the places of all others. */
const mostOfOne = 256;

/** Refuses a request before it costs anything; nothing was done, so that it may be made again. */
export const tooBusy = () =>
	platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 }, "This gateway has too much to do");

/**
 * Lets in as much as can be answered in time. By Little's law what is in flight is what waits: a bound on it bounds the
 * wait, and the queue is gone as soon as the load is. A request counts once it is read, so that slow clients hold no place.
 */
export class Shedder {
	readonly #lag: Pick<LoopLag, "isOverloaded">;
	readonly #metrics: Pick<Metrics, "shed" | "httpInFlight">;
	readonly #byService = new Map<string, number>();
	#inFlight = 0;

	constructor(lag: Pick<LoopLag, "isOverloaded">, metrics: Pick<Metrics, "shed" | "httpInFlight">) {
		this.#lag = lag;
		this.#metrics = metrics;
	}

	/** Whether a new request, of this service where it is known, is to be refused; counts what is. */
	isFull(service = ""): boolean {
		const reason = this.#taken(service) ?? (this.#lag.isOverloaded ? "lag" : undefined);
		if (reason) this.#metrics.shed.inc({ reason });
		return reason !== undefined;
	}

	/**
	 * Takes a place until the answer is given.
	 * @throws SERVICE_UNAVAILABLE where all are taken.
	 */
	enter(service: string, response: ServerResponse): void {
		const reason = this.#taken(service);
		if (reason) {
			this.#metrics.shed.inc({ reason });
			throw tooBusy();
		}
		this.#count(service, 1);
		let isOver = false;
		const leave = () => {
			if (isOver) return;
			isOver = true;
			this.#count(service, -1);
		};
		response.on("finish", leave).on("close", leave);
	}

	/** Which places are all taken. */
	#taken(service: string): "service" | "in_flight" | undefined {
		if ((this.#byService.get(service) ?? 0) >= mostOfOne) return "service";
		return this.#inFlight >= most ? "in_flight" : undefined;
	}

	#count(service: string, by: 1 | -1): void {
		this.#inFlight += by;
		this.#byService.set(service, (this.#byService.get(service) ?? 0) + by);
		this.#metrics.httpInFlight.set(this.#inFlight);
	}
}
