import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A request; `{i}` in the path, in header values and in the body becomes the number of the arrival. */
export interface LoadRequest {
	method?: string;
	path: string;
	headers?: Record<string, string>;
	/** A string goes as it is, anything else as JSON. */
	body?: unknown;
}

export interface LoadPlan {
	/** Where to: taken in turn, each with every request. */
	bases: string[];
	/** Taken in turn. */
	requests: LoadRequest[];
	/** Constant rates, one after the other. */
	steps: { perSecond: number; seconds: number }[];
	/** Requests without an answer at one time; an arrival above it is not sent, and counted as such. */
	inFlight: number;
	/** How long a request may go without its whole answer, ms. */
	timeoutMs: number;
	/** The number of the first arrival, 0 unless told. */
	from?: number;
}

export interface Spread {
	median: number;
	p99: number;
	max: number;
	n: number;
}

/** Every arrival is in exactly one of these, `arrivals` and `shedBare` apart. */
export interface LoadCounts {
	/** What the rate asked for. */
	arrivals: number;
	/** Above `inFlight`. */
	notSent: number;
	/** Answered below 400. */
	ok: number;
	/** Answered 429 or 503. */
	shed: number;
	/** Of `shed`, without a Retry-After. */
	shedBare: number;
	/** Answered with any other status. */
	failed: number;
	/** The connection was refused or ended before the whole answer had come. */
	cut: number;
	/** No whole answer within `timeoutMs`. */
	timedOut: number;
}

/** Counts, and the time of the ok ones from the moment they were due to the end of the answer, ms. */
export type LoadTally = LoadCounts & { latency: Spread | null };

export interface LoadReport extends LoadTally {
	/** From the first arrival to the last outcome. */
	seconds: number;
	/** Answers by status and, of 400 and above, code of the body: `200`, `503 OVERLOADED`. */
	statuses: Record<string, number>;
	/** Cuts by code; ` reused` marks a socket that was kept from an earlier request. */
	cuts: Record<string, number>;
	/** How late the generator itself was, ms: large figures mean that it, or its machine, was the bottleneck. */
	lateness: Spread | null;
	/** By the step in which a request was due. */
	steps: (LoadTally & { perSecond: number; seconds: number })[];
	/** By second since the start: arrivals and what was not sent when due, outcomes when they came. */
	perSecond: (LoadTally & { at: number })[];
}

/** Load that runs. */
export interface Load {
	/** The generator's process. */
	pid: number;
	/** What came of it, once every request has its outcome. @throws Error when the generator ended without one. */
	report: Promise<LoadReport>;
	/** No further arrivals. */
	stop(): void;
	/** Ends the generator without a report. */
	kill(): void;
}

const MOST_ARRIVALS = 2_000_000;

/**
 * Sends requests at a constant rate whatever the answers do (an open loop), from a process of its own, over
 * sockets kept alive. Latency counts from the moment a request was due, so a server that stalls is charged for all
 * who would have come meanwhile (Gil Tene, "How NOT to Measure Latency").
 * @throws RangeError where the plan has no base, no request or more than two million arrivals
 */
export function startLoad(plan: LoadPlan): Load {
	const arrivals = plan.steps.reduce((sum, s) => sum + s.perSecond * s.seconds, 0);
	if (!(arrivals <= MOST_ARRIVALS)) throw new RangeError(`${arrivals} arrivals are too many`);
	if (plan.bases.length === 0 || plan.requests.length === 0)
		throw new RangeError("a load needs a base and a request");
	const child = fork(join(import.meta.dirname, "load-generator.ts"), { execArgv: [] });
	const exited = once(child, "exit") as Promise<[number | null, string | null]>;
	const report = new Promise<LoadReport>((resolve, reject) => {
		child.once("message", answer => resolve(answer as LoadReport));
		exited.then(
			([code, signal]) => reject(new Error(`the load generator ended: ${signal ?? code}`)),
			reject,
		);
	});
	child.send(plan);
	return {
		pid: child.pid as number,
		report,
		stop: () => {
			if (child.connected) child.send("stop");
		},
		kill: () => {
			report.catch(() => {});
			child.kill("SIGKILL");
		},
	};
}
