import { setTimeout as pause } from "node:timers/promises";
import { type Person, register, send } from "../../support/http.ts";
import type { Run } from "../drill.ts";
import { type Answered, type Asked, Client } from "./client.ts";
import type { Journal } from "./journal.ts";
import type { Stage } from "./stage.ts";

export const price = 99.99;
const atOnce = 4;
const firstLookMs = 50;
const longestLookMs = 400;

export interface BuyersOptions {
	/** Who buy; each is registered, which takes a moment. */
	people: number;
	/** What is bought: each person buys each course once at most, people × courses in all. */
	courses: number;
	/** How long a buyer goes on after it began, ms; 120 s. */
	patienceMs?: number;
}

/** One purchase; all times ms since 1970, there once it came so far. */
export interface Purchase {
	person: Person;
	courseId: string;
	begunAt: number;
	paymentId?: string;
	/** The provider's id of the payment. */
	gatewayId?: string;
	/** When the provider had the money. */
	paidAt?: number;
	/** When its buyer first saw the seat. */
	enrolledAt?: number;
	/** Why its buyer ended without a seat. */
	gaveUp?: string;
}

/**
 * People who buy courses as real clients would: the same `Idempotency-Key` until there is an answer, then they pay at
 * the provider, then they look until they are enrolled. Every other one asks to verify the payment; the rest rely on the
 * provider's webhook alone.
 */
export class Buyers {
	readonly client: Client;
	readonly people: readonly Person[];
	readonly courses: readonly string[];
	/** Whose courses these are. */
	readonly teacher: Person;
	/** Told of each purchase that came to a seat. */
	onEnrolled: (purchase: Purchase) => void = () => {};
	/** Every purchase that was begun. */
	readonly purchases: Purchase[] = [];
	readonly #stage: Stage;
	readonly #journal: Journal;
	readonly #seed: number;
	readonly #patienceMs: number;

	private constructor(
		run: Run,
		stage: Stage,
		journal: Journal,
		prepared: { teacher: Person; people: Person[]; courses: string[] },
		{ patienceMs = 120_000 }: BuyersOptions,
	) {
		this.client = new Client(stage.gateways, journal);
		this.teacher = prepared.teacher;
		this.people = prepared.people;
		this.courses = prepared.courses;
		this.#stage = stage;
		this.#journal = journal;
		this.#seed = run.seed;
		this.#patienceMs = patienceMs;
	}

	/** Registers the people and makes the courses, through the gateways. */
	static async open(
		run: Run,
		stage: Stage,
		journal: Journal,
		options: BuyersOptions,
	): Promise<Buyers> {
		const teacher = await register(stage.gateways.next(), "teacher");
		const people = await times(options.people, () => register(stage.gateways.next()));
		const courses = await times(options.courses, i =>
			make(stage, teacher, "/api/courses", { title: `Course ${i}`, price }),
		);
		return new Buyers(run, stage, journal, { teacher, people, courses }, options);
	}

	/** How many purchases have ended, with a seat or without. */
	get ended(): number {
		return this.purchases.filter(p => p.enrolledAt || p.gaveUp).length;
	}

	/** How long each took from the provider's capture until its buyer saw the seat, ms. */
	get timesToEnrolled(): number[] {
		return this.purchases.flatMap(({ paidAt, enrolledAt }) =>
			paidAt && enrolledAt ? [enrolledAt - paidAt] : [],
		);
	}

	/** Closed loop: `count` purchases, at most `parallel` under way; until all ended, or none is begun any more. */
	async drive(count: number, parallel: number, stop?: AbortSignal): Promise<void> {
		let left = count;
		const work = async () => {
			while (left-- > 0 && !stop?.aborted) await this.buy();
		};
		await Promise.all(Array.from({ length: parallel }, work));
	}

	/** Open loop: so many new purchases per second, however the old ones fare; resolves when all have ended. */
	async rate(perSecond: number, seconds: number, stop?: AbortSignal): Promise<void> {
		const from = performance.now();
		const running: Promise<unknown>[] = [];
		for (let i = 0; i < perSecond * seconds && !stop?.aborted; i++) {
			await pause(Math.max(0, from + (i * 1_000) / perSecond - performance.now()));
			running.push(this.buy());
		}
		await Promise.all(running);
	}

	/** The next purchase, from order to seat. @throws Error where everybody has everything. */
	async buy(): Promise<Purchase> {
		const i = this.purchases.length;
		const person = this.people[i % this.people.length] as Person;
		const courseId = this.courses[Math.floor(i / this.people.length)];
		if (!courseId) throw new Error(`There are only ${i} purchases to make`);
		const purchase: Purchase = { person, courseId, begunAt: Date.now() };
		this.purchases.push(purchase);
		const why = await this.#play(purchase, i);
		if (why) {
			purchase.gaveUp = why;
			this.#note(purchase, "gave up", "failed", why);
		} else this.onEnrolled(purchase);
		return purchase;
	}

	/** @returns why it came to nothing, where it did. */
	async #play(purchase: Purchase, i: number): Promise<string | undefined> {
		const until = purchase.begunAt + this.#patienceMs;
		const ordered = await this.client.insist(
			this.#asked(purchase, "order", "POST", "/api/payments", {
				body: { courseId: purchase.courseId, paymentMethod: "stripe" },
				key: `purchase-${this.#seed}-${i}`,
			}),
			until,
		);
		if (ordered.status >= 300 || ordered.status === 0) return `order: ${said(ordered)}`;
		purchase.paymentId = ordered.body.id;
		const gatewayId = ordered.body.paymentGatewayId ?? (await this.#opened(purchase, until));
		if (!gatewayId) return "it was not opened at the provider";
		purchase.gatewayId = gatewayId;
		this.#stage.fake.pay(gatewayId);
		purchase.paidAt = Date.now();
		this.#note(purchase, "pay", "ok");
		return i % 2 === 0 ? this.#verify(purchase, until) : this.#look(purchase, until);
	}

	/** The provider's id, where the provider did not answer to the order: whoever verifies has it opened. */
	async #opened(purchase: Purchase, until: number): Promise<string | undefined> {
		const path = `/api/payments/${purchase.paymentId}`;
		while (Date.now() < until) {
			await this.client.insist(this.#asked(purchase, "open", "POST", `${path}/verify`), until);
			const { body } = await this.client.insist(this.#asked(purchase, "get", "GET", path), until);
			if (body?.paymentGatewayId) return body.paymentGatewayId;
			await pause(longestLookMs);
		}
		return undefined;
	}

	/** Verifies until it is captured, then looks for the seat. */
	async #verify(purchase: Purchase, until: number): Promise<string | undefined> {
		const path = `/api/payments/${purchase.paymentId}/verify`;
		const verified = await this.client.insist(
			this.#asked(purchase, "verify", "POST", path, { body: {} }),
			until,
		);
		if (verified.status >= 400) return `verify: ${said(verified)}`;
		if (verified.body?.enrollment) {
			purchase.enrolledAt = Date.now();
			this.#note(purchase, "enrolled", "ok");
			return undefined;
		}
		return this.#look(purchase, until);
	}

	async #look(purchase: Purchase, until: number): Promise<string | undefined> {
		const path = `/api/enrollments/course/${purchase.courseId}`;
		const looking = { ...this.#asked(purchase, "look", "GET", path), fine: 404 };
		for (let ms = firstLookMs; Date.now() < until; ms = Math.min(longestLookMs, ms * 2)) {
			const { status, body, retryMs } = await this.client.ask(looking);
			if (status === 200 && body.status !== "dropped") {
				purchase.enrolledAt = Date.now();
				this.#note(purchase, "enrolled", "ok");
				return undefined;
			}
			await pause(retryMs ?? ms);
		}
		return `not enrolled ${Math.round((until - (purchase.paidAt ?? 0)) / 1_000)} s after it was paid`;
	}

	#asked(
		purchase: Purchase,
		step: string,
		method: string,
		path: string,
		more: Pick<Asked, "body" | "key"> = {},
	): Asked {
		const { person, courseId, paymentId, gatewayId } = purchase;
		const ids = { ...(paymentId && { paymentId }), ...(gatewayId && { gatewayId }) };
		return { step, person, courseId, method, path, ...ids, ...more };
	}

	#note(purchase: Purchase, step: string, outcome: "ok" | "failed", code?: string): void {
		const { person, courseId, paidAt, begunAt, paymentId, gatewayId } = purchase;
		this.#journal.write({
			at: Date.now(),
			buyer: person.id,
			courseId,
			step,
			outcome,
			status: 0,
			...(code && { code }),
			ms: Date.now() - (step === "enrolled" ? (paidAt ?? begunAt) : begunAt),
			...(paymentId && { paymentId }),
			...(gatewayId && { gatewayId }),
		});
	}
}

const said = ({ status, entry: { code } }: Answered): string => `${status} ${code ?? ""}`.trim();

/** Makes what a teacher may, before any fault. @returns its id. */
export async function make(
	{ gateways }: Stage,
	{ token }: Person,
	path: string,
	body: object,
): Promise<string> {
	const answer = await send(gateways.next(), "POST", path, { token, body });
	if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
	return answer.body.id;
}

/** As many results, made a few at a time. */
export async function times<T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> {
	const made: T[] = [];
	let next = 0;
	const work = async () => {
		for (let i = next++; i < count; i = next++) made[i] = await make(i);
	};
	await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work));
	return made;
}
