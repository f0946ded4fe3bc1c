import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor } from "../../../kernel/ids.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import { enrollments } from "./enrollments.contract.ts";

/** The request or fact that causes a change; its seed, if any, decides the ids. */
type Cause = Pick<Ctx, "headers" | "locals">;

/** Whose seat in which course. */
export interface Pair {
	userId: string;
	courseId: string;
}

/** Guard: in the course, active or completed. */
export const seated = { $in: ["active", "completed"] } as const;

export const isSeated = ({ status }: Pick<EnrollmentDoc, "status">): boolean =>
	status !== "dropped";

/** What makes an enrollment the only one of its user and course. */
export const pairOf = ({ userId, courseId }: Pair): string => `${userId}:${courseId}`;

/** A payment for it that was captured and not given back. */
export const paidBy = ({ payments }: Pick<EnrollmentDoc, "payments">): string | undefined =>
	Object.keys(payments).find(id => payments[id] === "captured");

/** Whether this very request took the seat, in a run that was cut off. */
export const tookSeat = ({ headers }: Cause, { takenBy }: EnrollmentDoc): boolean =>
	takenBy !== undefined && takenBy === headers.seed;

export const factData = ({ id, userId, courseId }: EnrollmentDoc) => ({
	enrollmentId: id,
	userId,
	courseId,
});

/** Gives and takes seats: each change is one guarded update with its fact, whatever came before it and however often. */
export class Seats {
	readonly #enrollments: Collection<EnrollmentDoc>;
	readonly #clock: Clock;

	constructor(collection: Collection<EnrollmentDoc>, clock: Clock) {
		this.#enrollments = collection;
		this.#clock = clock;
	}

	/** The one seat of a user in a course, in any state. */
	async find(pair: Pair): Promise<EnrollmentDoc | null> {
		return this.#enrollments.findOne({ userCourse: pairOf(pair) });
	}

	/** A seat for who never had one; null when there was one already, in any state. */
	async open(cause: Cause, pair: Pair, paymentId?: string): Promise<EnrollmentDoc | null> {
		const seat = this.#newSeat(cause, pair, {
			status: "active",
			payments: paymentId ? { [paymentId]: "captured" } : {},
		});
		return this.#insert(seat, [this.#activated(cause, seat, paymentId)]);
	}

	/**
	 * A dropped seat taken up again with its progress; null when it is not dropped any more.
	 * @param paidBy a payment that must still be captured; none where the course is free.
	 */
	async reopen(cause: Cause, seat: EnrollmentDoc, paidBy?: string): Promise<EnrollmentDoc | null> {
		return this.#reopen(cause, seat, paidBy, paidBy ? { [`payments.${paidBy}`]: "captured" } : {});
	}

	/** The seat that a captured payment buys; one whose payment was heard of before stays as it is. */
	async buy(cause: Cause, pair: Pair, paymentId: string): Promise<EnrollmentDoc> {
		const payment = `payments.${paymentId}`;
		const unheardOf: Guard = { [payment]: { $exists: false } };
		for (;;) {
			const seat = await this.find(pair);
			if (seat?.payments[paymentId]) return seat;
			const bought = !seat
				? await this.open(cause, pair, paymentId)
				: isSeated(seat)
					? await this.#enrollments.advance(
							{ id: seat.id, status: seated, ...unheardOf },
							{ $set: { [payment]: "captured" } },
						)
					: await this.#reopen(cause, seat, paymentId, unheardOf);
			if (bought) return bought;
		}
	}

	/**
	 * Takes a seat away; a second time changes nothing.
	 * @param refunded the payment that is given back for it: it never opens the seat again, in whatever order its
	 *   capture and this are heard of.
	 */
	async drop(cause: Cause, seat: EnrollmentDoc, refunded?: string): Promise<void> {
		const { id } = seat;
		const payment = refunded ? { [`payments.${refunded}`]: "refunded" } : {};
		for (;;) {
			const dropped = await this.#enrollments.advance(
				{ id, status: seated },
				{ $set: { status: "dropped", droppedAt: this.#now(), ...payment } },
				[fact(cause, this.#clock, enrollments, "enrollment.dropped", factData(seat))],
			);
			if (dropped) return;
			const alreadyDropped = { id, status: "dropped" };
			if (await this.#enrollments.advance(alreadyDropped, { $set: payment })) return;
		}
	}

	/** A dropped seat that says a payment was given back before its capture was heard of; null when there was a seat. */
	async openDropped(cause: Cause, pair: Pair, refunded: string): Promise<EnrollmentDoc | null> {
		const seat = this.#newSeat(cause, pair, {
			status: "dropped",
			droppedAt: this.#now(),
			payments: { [refunded]: "refunded" },
		});
		return this.#insert(seat, []);
	}

	async #reopen(
		cause: Cause,
		seat: EnrollmentDoc,
		paymentId: string | undefined,
		guard: Guard,
	): Promise<EnrollmentDoc | null> {
		return this.#enrollments.advance(
			{ id: seat.id, status: "dropped", ...guard },
			{
				$set: {
					status: seat.completedAt ? "completed" : "active",
					takenBy: cause.headers.seed,
					...(paymentId && { [`payments.${paymentId}`]: "captured" }),
				},
				$unset: { droppedAt: true },
			},
			[this.#activated(cause, seat, paymentId)],
		);
	}

	#newSeat(
		cause: Cause,
		pair: Pair,
		state: Pick<EnrollmentDoc, "status" | "payments" | "droppedAt">,
	): EnrollmentDoc {
		const seed: unknown = cause.headers.seed;
		return {
			id: idFor(cause as never, "enr"),
			...pair,
			userCourse: pairOf(pair),
			progress: 0,
			totalWatchTime: 0,
			...(typeof seed === "string" && { takenBy: seed }),
			...state,
			enrolledAt: this.#now(),
		};
	}

	async #insert(
		seat: EnrollmentDoc,
		facts: readonly OutgoingFact[],
	): Promise<EnrollmentDoc | null> {
		try {
			return await this.#enrollments.insert(seat, facts);
		} catch (error) {
			if (isDuplicate(error)) return null;
			throw error;
		}
	}

	#activated(cause: Cause, seat: EnrollmentDoc, paymentId: string | undefined): OutgoingFact {
		return fact(cause, this.#clock, enrollments, "enrollment.activated", {
			...factData(seat),
			...(paymentId && { paymentId }),
		});
	}

	#now(): string {
		return iso(this.#clock.now());
	}
}
