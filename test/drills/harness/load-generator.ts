import type { LoadCounts, LoadPlan, LoadReport, LoadRequest, LoadTally, Spread } from "./load.ts";
import { type RawAnswer, RawClient } from "./raw-client.ts";

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
	/** Gives the request up. */
	abandon(): void;
}

/** Median, p99 and maximum, null of nothing. */
export function spread(values: readonly number[]): Spread | null {
	const sorted = Float64Array.from(values).sort();
	const at = (q: number) => sorted[Math.ceil(q * sorted.length) - 1] ?? 0;
	return sorted.length === 0
		? null
		: { median: at(0.5), p99: at(0.99), max: at(1), n: sorted.length };
}

/** A request as it is sent but for its host and length. */
function withHead({ method = "GET", path, headers = {}, body }: LoadRequest) {
	const isText = typeof body === "string";
	const text = isText ? body : (JSON.stringify(body) as string | undefined);
	const all = { ...(text && !isText && { "content-type": "application/json" }), ...headers };
	const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
	return { head: `${method} ${path} HTTP/1.1\r\n${lines.join("")}`, body: text };
}

/** How soon the end and a stop are seen. */
const TICK_MS = 20;

/** One run of a plan. */
class Generator {
	readonly #plan: LoadPlan;
	readonly #bases: { host: string; client: RawClient }[];
	readonly #requests: { head: string; body: string | undefined }[];
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
		this.#bases = plan.bases.map(base => {
			const { host, hostname, port } = new URL(base);
			return { host, client: new RawClient(hostname, Number(port)) };
		});
		this.#requests = plan.requests.map(withHead);
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
				flight.abandon();
			}
			if (next === Number.POSITIVE_INFINITY) over.resolve();
			else setTimeout(tick, Math.min(next - now, TICK_MS));
		};
		tick();
		await over.promise;
		for (const { client } of this.#bases) client.close();
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
		const { head, body } = at(this.#requests, i);
		const { host, client } = at(this.#bases, Math.floor(i / this.#requests.length));
		const filled = body?.replaceAll("{i}", number) ?? "";
		const length = body === undefined ? "" : `content-length: ${Buffer.byteLength(filled)}\r\n`;
		const text = `${head.replaceAll("{i}", number)}host: ${host}\r\n${length}\r\n${filled}`;
		const flight: Flight = { due, sent, step, abandon: () => {} };
		this.#flights.add(flight);
		flight.abandon = client.send(text, {
			answered: answer => this.#answered(flight, answer),
			cut: (code, reused) => {
				if (this.#settle(flight, "cut")) add(this.#cuts, reused ? `${code} reused` : code);
			},
		});
	}

	#answered(flight: Flight, { status, head, body }: RawAnswer): void {
		const isShed = status === 429 || status === 503;
		if (!this.#settle(flight, status < 400 ? "ok" : isShed ? "shed" : "failed")) return;
		if (isShed && !/\r\nretry-after:/i.test(head))
			this.#count("shedBare", flight.step, performance.now() - this.#start);
		const code = status < 400 ? undefined : /"code":\s*"(\w+)"/.exec(body)?.[1];
		add(this.#statuses, code ? `${status} ${code}` : String(status));
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
