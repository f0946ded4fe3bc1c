import { type Person, send } from "../../support/http.ts";
import { admin } from "../../support/journey.ts";
import type { Buyers } from "./buyers.ts";
import { isSo } from "./hurry.ts";
import type { Stage } from "./stage.ts";

const withinMs = 120_000;
const pageSize = 100;

/** An order made by hand. */
interface Order {
	person: Person;
	courseId: string;
	paymentId?: string;
	gatewayId?: string;
}

/** Everybody's orders of the courses that are set apart, and what is done with them. */
export class Hands<State extends string> {
	readonly orders: Order[] = [];
	readonly #stage: Stage;
	readonly #buyers: Buyers;
	readonly #seed: number;
	readonly #courses: ReadonlyMap<State, string>;

	/** @param states each has one of the buyers' last courses to itself. */
	constructor(stage: Stage, buyers: Buyers, seed: number, states: readonly State[]) {
		const apart = buyers.courses.slice(-states.length);
		this.#stage = stage;
		this.#buyers = buyers;
		this.#seed = seed;
		this.#courses = new Map(states.map((state, i) => [state, apart[i] as string]));
	}

	async order(state: State): Promise<void> {
		const courseId = this.#courses.get(state) as string;
		await Promise.all(this.#buyers.people.map(person => this.#order(person, courseId, "first")));
	}

	pay(state: State): void {
		for (const { gatewayId } of this.#of(state)) this.#stage.fake.pay(gatewayId as string);
	}

	/** Pays, and waits until all are captured. */
	async capture(state: State): Promise<void> {
		this.pay(state);
		const _id = { $in: this.#of(state).map(({ paymentId }) => paymentId) };
		const payments = this.#stage.database.collection("payments");
		await isSo(
			async () =>
				(await payments.countDocuments({ _id, capturedAt: { $exists: true } } as never)) ===
				_id.$in.length,
		);
	}

	/** Orders, pays, and waits until all are enrolled. */
	async enroll(state: State): Promise<void> {
		await this.order(state);
		await this.capture(state);
		const ids = this.#of(state).map(({ paymentId }) => paymentId as string);
		await isSo(async () => (await unseated(this.#stage, ids)).length === 0);
	}

	async refund(state: State): Promise<void> {
		await Promise.all(
			this.#of(state).map(async ({ person, courseId, paymentId }) => {
				const path = `/api/payments/${paymentId}/refund`;
				const asked = { step: "refund", person, courseId, method: "POST", path, body: {} };
				const key = `refund-${this.#seed}-${paymentId}`;
				const { status } = await this.#buyers.client.insist(
					{ ...asked, key },
					Date.now() + withinMs,
				);
				if (status >= 300) throw new Error(`${paymentId} could not be refunded: ${status}`);
			}),
		);
	}

	/** The provider has given back what it still had under way. */
	settleRefunds(state: State): void {
		const { books } = this.#stage.fake;
		const of = new Set(this.#of(state).map(({ gatewayId }) => gatewayId));
		for (const { id, payment_intent, status } of [...books.refunds.values()])
			if (of.has(payment_intent) && status === "pending")
				this.#stage.fake.settleRefund(id, "succeeded");
	}

	/**
	 * Those who paid for what nobody knows of any more try to buy it again, under a new key, and pay where they may.
	 * @returns how many had a seat after all, how many paid twice, and which of these without being listed first.
	 */
	async again(
		before: readonly Order[],
		unknown: ReadonlySet<string>,
	): Promise<{ seated: number; charged: number; broken: string[] }> {
		const broken: string[] = [];
		let charged = 0;
		const listed = await waiting(this.#stage);
		const lost = before.filter(({ paymentId = "" }) => unknown.has(paymentId));
		await Promise.all(
			lost.map(async ({ person, courseId, paymentId = "" }) => {
				const { gatewayId } = await this.#order(person, courseId, "again");
				if (!gatewayId) return;
				charged++;
				this.#stage.fake.pay(gatewayId);
				if (!listed.has(paymentId))
					broken.push(`${paymentId} was paid, its buyer paid again, and it is not listed`);
			}),
		);
		return { seated: lost.length - charged, charged, broken };
	}

	#of(state: State): Order[] {
		return this.orders.filter(({ courseId }) => courseId === this.#courses.get(state));
	}

	/** Without ids where the course is the buyer's already. */
	async #order(person: Person, courseId: string, time: "first" | "again"): Promise<Order> {
		const { status, body } = await this.#buyers.client.insist(
			{
				step: time === "first" ? "order" : "order again",
				person,
				courseId,
				method: "POST",
				path: "/api/payments",
				body: { courseId, paymentMethod: "stripe" },
				key: `${time}-${this.#seed}-${person.id}-${courseId}`,
				...(time === "again" && { fine: 409 }),
			},
			Date.now() + withinMs,
		);
		const isSeated = time === "again" && body?.code === "ALREADY_ENROLLED";
		if (status >= 300 && !isSeated)
			throw new Error(`${courseId} could not be ordered: ${status} ${body?.code}`);
		const { id: paymentId, paymentGatewayId: gatewayId } = body;
		const order = isSeated ? { person, courseId } : { person, courseId, paymentId, gatewayId };
		this.orders.push(order);
		return order;
	}
}

/** Payments, of these, that have bought no seat. */
export async function unseated(stage: Stage, ids: Iterable<string>): Promise<string[]> {
	const seats = await stage.records("enrollments");
	const bought = new Set(seats.flatMap(({ payments }) => Object.keys(payments)));
	return [...ids].filter(id => !bought.has(id));
}

/** Payments of which a webhook is kept that could not be applied, as an admin sees them. */
export async function waiting({ gateways }: Stage): Promise<Set<string>> {
	const token = await admin(gateways.next());
	const ids = new Set<string>();
	for (const state of ["received", "parked"])
		for (let page = 1, isMore = true; isMore; page++) {
			const path = `/api/payment-events?state=${state}&pageSize=${pageSize}&page=${page}`;
			const { body } = await send(gateways.next(), "GET", path, { token });
			for (const { paymentId } of body.items) ids.add(paymentId);
			isMore = body.items.length === pageSize;
		}
	return ids;
}
