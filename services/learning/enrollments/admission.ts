import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Payment, Quote } from "../../money/payments/payments.contract.ts";
import { enrollments } from "./enrollments.contract.ts";
import { checkFree, checkOnSale } from "./sale.ts";
import { isPaid, isSeated, paidBy } from "./seat-steps.ts";
import { type Pair, type Seats, tookSeat } from "./seats.ts";

/** The seat that a payment is for; null where it is for anything but a course. */
export const seatOf = ({ payable, userId }: Pick<Payment, "payable" | "userId">): Pair | null =>
	payable.kind === "course" ? { userId, courseId: payable.id } : null;

export interface AdmissionNeeds {
	seats: Seats;
	/** The request or fact. */
	ctx: Pick<Ctx, "call" | "headers" | "locals">;
}

/** How a seat is taken and given up: for nothing, or for a payment, which its owner is asked about. */
export class Admission {
	readonly #seats: Seats;
	readonly #ctx: AdmissionNeeds["ctx"];

	constructor({ seats, ctx }: AdmissionNeeds) {
		this.#seats = seats;
		this.#ctx = ctx;
	}

	/**
	 * Takes a seat that costs nothing, or takes up again one that is still paid for.
	 * @throws ALREADY_ENROLLED, except to the request that took it @throws COURSE_NOT_FOUND @throws PAYMENT_REQUIRED
	 */
	async enroll(pair: Pair): Promise<EnrollmentDoc> {
		const ctx = this.#ctx;
		const course = await ctx.call("courses.describe", { id: pair.courseId });
		for (;;) {
			const seat = await this.#seats.find(pair);
			if (seat && isSeated(seat)) {
				if (tookSeat(ctx, seat)) return seat;
				throw problem(enrollments, "ALREADY_ENROLLED");
			}
			const payment = seat ? paidBy(seat) : undefined;
			if (!payment) checkFree(course);
			const taken = seat
				? await this.#seats.reopen(ctx, seat, payment)
				: await this.#seats.open(ctx, pair);
			if (taken) return taken;
		}
	}

	/** What the seat costs. @throws ALREADY_ENROLLED @throws COURSE_NOT_FOUND @throws COURSE_IS_FREE */
	async quote(pair: Pair): Promise<Quote> {
		const course = await this.#ctx.call("courses.describe", { id: pair.courseId });
		const seat = await this.#seats.find(pair);
		if (seat && (isSeated(seat) || isPaid(seat))) throw problem(enrollments, "ALREADY_ENROLLED");
		checkOnSale(course);
		const { priceMinor: amountMinor, currency, title } = course;
		if (amountMinor === 0) throw problem(enrollments, "COURSE_IS_FREE");
		return { amountMinor, currency, title };
	}

	/** Gives the seat a payment buys; one that bought nothing, because the seat was taken, goes back. */
	async buy(pair: Pair, paymentId: string): Promise<EnrollmentDoc> {
		const seat = await this.#seats.buy(this.#ctx, pair, paymentId);
		if (seat.payments[paymentId] === "surplus")
			await this.#ctx.call("payments.giveBack", {
				id: paymentId,
				reason: "The course was bought already",
			});
		return seat;
	}

	/** Gives the seat that a payment buys, once its owner says it is captured. @throws PAYMENT_NOT_CAPTURED */
	async complete(pair: Pair, paymentId: string): Promise<EnrollmentDoc> {
		const payment = await this.#paymentFor(pair, paymentId);
		if (payment?.status !== "captured") throw problem(enrollments, "PAYMENT_NOT_CAPTURED");
		return this.buy(pair, paymentId);
	}

	/**
	 * Gives the seat up.
	 * @param paymentId the payment given back for it; one that is not by this user for this course counts as none
	 * @throws ENROLLMENT_NOT_FOUND where there is no seat, and no capture that may yet be heard of
	 */
	async giveUp(pair: Pair, paymentId?: string): Promise<EnrollmentDoc> {
		const payment = paymentId ? await this.#paymentFor(pair, paymentId) : null;
		const refunded = payment?.capturedAt && payment.id;
		const seat =
			(await this.#seats.find(pair)) ??
			(refunded && (await this.#seats.openDropped(this.#ctx, pair, refunded))) ??
			(await this.#seats.find(pair));
		if (!seat) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
		await this.#seats.drop(this.#ctx, seat, refunded);
		return seat;
	}

	/** The payment, where it is by this user for this course. */
	async #paymentFor(pair: Pair, id: string): Promise<Payment | null> {
		try {
			const payment = await this.#ctx.call("payments.describe", { id });
			const bought = seatOf(payment);
			const isForIt = bought?.userId === pair.userId && bought.courseId === pair.courseId;
			return isForIt ? payment : null;
		} catch (error) {
			if (codeOf(error) === "PAYMENT_NOT_FOUND") return null;
			throw error;
		}
	}
}
