import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import type { LoadCounts, LoadPlan, LoadReport, LoadRequest, LoadTally, Spread } from "./load.ts";

type Outcome = Exclude<keyof LoadCounts, "arrivals" | "shedBare">;

/** Counts and the times of the ok ones. */
class Tally {
	readonly counts: LoadCounts = {
		arrivals: 0,
		notSent: 0,
		ok: 0,
		shed: 0,
		shedBare: 0,
		failed: 0,
		cut: 0,
		timedOut: 0,
	};
	readonly times: number[] = [];

	report(): LoadTally {
		return { ...this.counts, latency: spread(this.times) };
	}
}

interface Flight {
	/** When it was due and when it left, ms. */
	due: number;
	sent: number;
	step: number;
	request: ClientRequest;
}

/** Error bodies beyond this are not kept, characters. */
const BODY_LENGTH = 2_000;

/** Median, p99 and maximum, null of nothing. */
export function spread(values: readonly number[]): Spread | null {
	const sorted = Float64Array.from(values).sort();
	const at = (q: number) => sorted[Math.ceil(q * sorted.length) - 1] ?? 0;
	return sorted.length === 0
		? null
		: { median: at(0.5), p99: at(0.99), max: at(1), n: sorted.length };
}

/** How soon the end and a stop are seen. */
const TICK_MS = 20;

/** One run of a plan. */
class Generator {
	readonly #plan: LoadPlan;
	readonly #agent: Agent;
	readonly #bases: { host: string; port: string }[];
	readonly #requests: (LoadRequest & { text: string | undefined })[];
	readonly #whole = new Tally();
	readonly #steps: Tally[];
	readonly #seconds: Tally[] = [];
	readonly #lateness: number[] = [];
	readonly #statuses: Record<string, number> = {};
	readonly #cuts: Record<string, number> = {};
	/** In the order of sending. */
	readonly #flights = new Set<Flight>();
	#start = 0;
	#step = 0;
	/** When the step began, and how many of it were due, ms since the start. */
	#stepAt = 0;
	#inStep = 0;

	constructor(plan: LoadPlan) {
		this.#plan = plan;
		this.#agent = new Agent({ keepAlive: true, maxFreeSockets: plan.inFlight });
		this.#bases = plan.bases.map(base => {
			const { hostname, port } = new URL(base);
			return { host: hostname, port };
		});
		this.#requests = plan.requests.map(r => {
			const isText = typeof r.body === "string";
			const text = isText ? (r.body as string) : JSON.stringify(r.body);
			const type = text !== undefined && !isText && { "content-type": "application/json" };
			return { ...r, headers: { ...type, ...r.headers }, text };
		});
		this.#steps = plan.steps.map(() => new Tally());
	}

	stop(): void {
		this.#step = this.#plan.steps.length;
	}

	async run(): Promise<LoadReport> {
		this.#start = performance.now();
		const over = Promise.withResolvers<void>();
		const tick = (): void => {
			const now = performance.now() - this.#start;
			let next = this.#sendDue(now);
			for (const flight of this.#flights) {
				const out = flight.sent + this.#plan.timeoutMs;
				if (out > now) {
					next = Math.min(next, out);
					break;
				}
				this.#settle(flight, "timedOut");
				flight.request.destroy();
			}
			if (next === Number.POSITIVE_INFINITY) over.resolve();
			else setTimeout(tick, Math.min(next - now, TICK_MS));
		};
		tick();
		await over.promise;
		this.#agent.destroy();
		return this.#report();
	}

	/** Sends what is due. @returns when the next one is, ms since the start; infinity after the last */
	#sendDue(now: number): number {
		for (;;) {
			const step = this.#plan.steps[this.#step];
			if (!step) return Number.POSITIVE_INFINITY;
			if (this.#inStep >= Math.round(step.perSecond * step.seconds)) {
				this.#stepAt += step.seconds * 1000;
				this.#step++;
				this.#inStep = 0;
				continue;
			}
			const due = this.#stepAt + (this.#inStep * 1000) / step.perSecond;
			if (due > now) return due;
			this.#inStep++;
			this.#arrive(due);
		}
	}

	#arrive(due: number): void {
		const step = this.#step;
		const sent = performance.now() - this.#start;
		const i = this.#whole.counts.arrivals;
		this.#count("arrivals", step, due);
		this.#lateness.push(sent - due);
		if (this.#flights.size >= this.#plan.inFlight) {
			this.#count("notSent", step, due);
			return;
		}
		const number = String(i + (this.#plan.from ?? 0));
		const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
		const { method = "GET", path, headers = {}, text } = at(this.#requests, i);
		const filled: Record<string, string> = {};
		for (const name in headers) filled[name] = (headers[name] as string).replaceAll("{i}", number);
		const body = text?.replaceAll("{i}", number);
		if (body !== undefined) filled["content-length"] = String(Buffer.byteLength(body));
		const outgoing = request({
			...at(this.#bases, Math.floor(i / this.#requests.length)),
			agent: this.#agent,
			method,
			path: path.replaceAll("{i}", number),
			headers: filled,
		});
		const flight: Flight = { due, sent, step, request: outgoing };
		this.#flights.add(flight);
		outgoing.on("response", answer => this.#answered(flight, answer));
		outgoing.on("error", error => this.#cut(flight, error));
		outgoing.end(body);
	}

	#answered(flight: Flight, answer: IncomingMessage): void {
		const status = answer.statusCode as number;
		let body = "";
		if (status < 400) answer.resume();
		else
			answer.setEncoding("utf8").on("data", (text: string) => {
				if (body.length < BODY_LENGTH) body += text;
			});
		answer.on("error", error => this.#cut(flight, error));
		answer.on("end", () => {
			const isShed = status === 429 || status === 503;
			if (!this.#settle(flight, status < 400 ? "ok" : isShed ? "shed" : "failed")) return;
			if (isShed && answer.headers["retry-after"] === undefined)
				this.#count("shedBare", flight.step, performance.now() - this.#start);
			const code = status < 400 ? undefined : /"code":\s*"(\w+)"/.exec(body)?.[1];
			add(this.#statuses, code ? `${status} ${code}` : String(status));
		});
	}

	#cut(flight: Flight, error: NodeJS.ErrnoException): void {
		if (this.#settle(flight, "cut"))
			add(this.#cuts, `${error.code ?? error.name}${flight.request.reusedSocket ? " reused" : ""}`);
	}

	/** Notes the outcome. @returns false where it had one */
	#settle(flight: Flight, outcome: Outcome): boolean {
		if (!this.#flights.delete(flight)) return false;
		const now = performance.now() - this.#start;
		for (const tally of this.#count(outcome, flight.step, now))
			if (outcome === "ok") tally.times.push(now - flight.due);
		return true;
	}

	/** @param at ms since the start */
	#count(what: keyof LoadCounts, step: number, at: number): Tally[] {
		const second = Math.floor(at / 1000);
		while (this.#seconds.length <= second) this.#seconds.push(new Tally());
		const tallies = [this.#whole, this.#steps[step] as Tally, this.#seconds[second] as Tally];
		for (const tally of tallies) tally.counts[what]++;
		return tallies;
	}

	#report(): LoadReport {
		return {
			...this.#whole.report(),
			seconds: (performance.now() - this.#start) / 1000,
			statuses: this.#statuses,
			cuts: this.#cuts,
			lateness: spread(this.#lateness),
			steps: this.#plan.steps.map((s, i) => ({ ...(this.#steps[i] as Tally).report(), ...s })),
			perSecond: this.#seconds.map((tally, at) => ({ ...tally.report(), at })),
		};
	}
}

const add = (to: Record<string, number>, key: string): void => {
	to[key] = (to[key] ?? 0) + 1;
};

if (process.argv[1] === import.meta.filename) {
	let generator: Generator | undefined;
	process.on("disconnect", () => process.exit());
	process.on("message", message => {
		if (message === "stop") generator?.stop();
		else {
			generator = new Generator(message as LoadPlan);
			generator.run().then(report => process.send?.(report, () => process.disconnect()));
		}
	});
}
