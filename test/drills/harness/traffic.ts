import type { Outcome, Run } from "../drill.ts";
import { Buyers } from "./buyers.ts";
import type { Exchange } from "./exchange.ts";
import type { Marks } from "./faults.ts";
import type { Entry, Journal } from "./journal.ts";
import { keepReading } from "./kept.ts";
import { readSteadily } from "./reads.ts";
import { spread } from "./results.ts";
import { School } from "./school.ts";
import type { Stage } from "./stage.ts";

export interface TrafficSize {
	people: number;
	courses: number;
	/** Purchases per second, as long as there is something to buy. */
	purchases: number;
	/** Reads per second. */
	reads: number;
	/** Clients that keep one connection each. */
	kept: number;
	/** How long a buyer goes on, ms; 120 s where not given. */
	patienceMs?: number;
	/** The version is older than lessons and uploads. */
	isSchoolless?: boolean;
}

/** How long the provider takes to open a payment: as long as it may on a bad day, so that some are under way always. */
const providerMs = 2_500;

const uploadRestMs = 500;
/** What all but the buyers do. */
const readSteps = new Set(["courses", "course", "seats", "seat", "kept"]);

/**
 * What an exchange of processes may not disturb: purchases, lessons, uploads, reads by clients that follow the gateways' readiness as a
 * load balancer does, and reads by clients that leave a gateway only when their connection ends.
 */
export class Traffic {
	readonly buyers: Buyers;
	readonly #school: School | undefined;
	readonly #stage: Stage;
	readonly #journal: Journal;
	readonly #size: TrafficSize;
	readonly #stop = new AbortController();
	#running: Promise<unknown> = Promise.resolve();
	#from = 0;

	private constructor(
		buyers: Buyers,
		school: School | undefined,
		stage: Stage,
		journal: Journal,
		size: TrafficSize,
	) {
		this.buyers = buyers;
		this.#school = school;
		this.#stage = stage;
		this.#journal = journal;
		this.#size = size;
	}

	/** Registers people, makes courses, and has each person buy the first. */
	static async open(run: Run, stage: Stage, journal: Journal, size: TrafficSize): Promise<Traffic> {
		const buyers = await Buyers.open(run, stage, journal, size);
		await buyers.drive(size.people, size.people);
		const school = size.isSchoolless ? undefined : await School.open(run, stage, journal, buyers);
		const traffic = new Traffic(buyers, school, stage, journal, size);
		run.after(() => traffic.#stop.abort());
		return traffic;
	}

	start(): void {
		const { purchases, reads, kept, people, courses } = this.#size;
		const { signal } = this.#stop;
		const asked = this.buyers.people.flatMap(person => {
			const courseId = this.buyers.courses[0] as string;
			const read = (step: string, path: string) => ({
				step,
				person,
				courseId,
				method: "GET",
				path,
			});
			return [
				read("courses", "/api/courses"),
				read("course", `/api/courses/${courseId}`),
				read("seats", "/api/enrollments"),
				read("seat", `/api/enrollments/course/${courseId}`),
			];
		});
		for (let left = courses * people; left > 0; left--)
			this.#stage.fake.next({ on: "POST /v1/payment_intents", applied: true, hangMs: providerMs });
		this.#from = Date.now();
		const perPerson = Array.from({ length: kept }, (_, i) => asked[i % asked.length]);
		this.#running = Promise.all([
			readSteadily(this.buyers.client, asked, reads, signal),
			this.buyers.rate(purchases, ((courses - 1) * people) / purchases, signal),
			this.#school?.teach(uploadRestMs, signal),
			...perPerson.flatMap(
				one => one && keepReading(this.#stage.gateways, this.#journal, one, signal),
			),
		]);
	}

	/** Begins nothing more; resolves when all that was begun has ended. */
	async stop(): Promise<void> {
		this.#stop.abort();
		await this.#running;
		await this.#school?.ended();
	}

	/** Every attempt since the start. */
	get attempts(): Entry[] {
		return this.#journal.entries.filter(({ at }) => at >= this.#from);
	}

	/** A sentence for each request that was not answered well, and for webhooks that were refused. */
	get broken(): string[] {
		const { refused } = this.#stage.webhooks;
		return [
			...this.attempts
				.filter(({ outcome, step }) => outcome !== "ok" && step !== "gave up")
				.map(
					({ at, step, status, code, ms }) =>
						`${step} failed ${this.#seconds(at)} s after the start, ${ms} ms: ${status} ${code ?? ""}`,
				),
			...(refused > 0 ? [`${refused} webhooks were refused`] : []),
		].slice(0, 20);
	}

	get counts(): Record<string, number> {
		const { attempts } = this;
		const failed = attempts.filter(({ outcome }) => outcome !== "ok").length;
		return { requests: attempts.length, failed, purchases: this.buyers.ended };
	}

	/** Of reads, while processes were exchanged and otherwise. */
	figures(exchange: Exchange): Outcome["figures"] {
		const reads = this.attempts.filter(({ step }) => readSteps.has(step));
		const of = (isDuring: boolean) =>
			spread(
				reads.filter(({ at }) => exchange.isDuring(at) === isDuring).map(({ ms }) => ms),
				"ms",
			);
		return {
			"read during an exchange": of(true),
			"read otherwise": of(false),
			"time to enrolled": spread(this.buyers.timesToEnrolled, "ms"),
		};
	}

	/** The slowest read of each second. */
	series({ start }: Marks): Outcome["series"] {
		const bySecond = Map.groupBy(
			this.attempts.filter(({ step }) => readSteps.has(step)),
			({ at }) => Math.floor((at - start) / 1_000),
		);
		const points = [...bySecond]
			.map(([second, all]): [number, number] => [second, Math.max(...all.map(({ ms }) => ms))])
			.sort(([a], [b]) => a - b);
		return [{ name: "slowest read", unit: "ms", points }];
	}

	#seconds(at: number): number {
		return Math.round((at - this.#from) / 100) / 10;
	}
}
