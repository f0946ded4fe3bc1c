import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor } from "../../../kernel/ids.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Usage } from "../../money/payments/payments.contract.ts";
import type { Completion } from "../courses/courses.contract.ts";
import { enrollments } from "./enrollments.contract.ts";
import {
	bought,
	chargedBack,
	dropped,
	held,
	isHeldForAnother,
	isSeated,
	refunded,
	refundFailed,
	released,
	reopened,
	type SeatRefund,
	type SeatStep,
	usageOf,
} from "./seat-steps.ts";
import { settled } from "./watching.ts";

/** The request or fact that causes a change; its seed, if any, decides the ids. */
type Cause = Pick<Ctx, "headers" | "locals">;

const unseeded = { headers: {}, locals: {} } as Cause;
const settleBatch = 200;

/** Whose seat in which course. */
export interface Pair {
	userId: string;
	courseId: string;
}

/** Guard: in the course, active or completed. */
export const seated = { $in: ["active", "completed"] } as const;

/** What makes an enrollment the only one of its user and course. */
export const pairOf = ({ userId, courseId }: Pair): string => `${userId}:${courseId}`;

/** Whether this very request took the seat, in a run that was cut off. */
export const tookSeat = ({ headers }: Cause, { takenBy }: EnrollmentDoc): boolean =>
	takenBy !== undefined && takenBy === headers.seed;

export const factData = ({ id, userId, courseId }: EnrollmentDoc) => ({
	enrollmentId: id,
	userId,
	courseId,
});

/**
 * Gives and takes seats: each change is decided on the seat as it was read, and made with its fact only if that is still
 * the one there; whatever came before it and however often.
 */
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
			...(paymentId && { boughtAt: { [paymentId]: 0 } }),
		});
		return this.#insert(seat, [this.#activated(cause, seat, paymentId)]);
	}

	/**
	 * A dropped seat taken up again with its progress; null when it is not dropped any more.
	 * @param paidBy a payment that must still be captured; none where the course is free.
	 */
	async reopen(cause: Cause, seat: EnrollmentDoc, paidBy?: string): Promise<EnrollmentDoc | null> {
		const { changed, seat: after } = await this.change(cause, seat, now =>
			paidBy && now.payments[paidBy] !== "captured" ? null : reopened(now, seedOf(cause), paidBy),
		);
		return changed ? after : null;
	}

	/**
	 * The seat that a captured payment buys; one whose payment was heard of before stays as it is. Of one that was taken
	 * already the payment is `surplus` and to be given back.
	 */
	async buy(cause: Cause, pair: Pair, paymentId: string): Promise<EnrollmentDoc> {
		const seat = (await this.find(pair)) ?? (await this.open(cause, pair, paymentId));
		if (!seat) return this.buy(cause, pair, paymentId);
		return (await this.change(cause, seat, now => bought(now, seedOf(cause), paymentId))).seat;
	}

	/**
	 * Takes a seat away; a second time changes nothing.
	 * @param givenBack the payment that is given back for it: it never opens the seat again, in whatever order its
	 *   capture and this are heard of.
	 */
	async drop(cause: Cause, seat: EnrollmentDoc, givenBack?: string): Promise<void> {
		await this.change(cause, seat, now => dropped(now, this.#now(), givenBack));
	}

	/** A dropped seat that says a payment was given back before its capture was heard of; null when there was a seat. */
	async openDropped(cause: Cause, pair: Pair, givenBack?: string): Promise<EnrollmentDoc | null> {
		const seat = this.#newSeat(cause, pair, {
			status: "dropped",
			droppedAt: this.#now(),
			payments: givenBack ? { [givenBack]: "refunded" } : {},
			...(givenBack && { ends: { [givenBack]: givenBack } }),
		});
		return this.#insert(seat, []);
	}

	/**
	 * Freezes the seat for a refund of the payment, bought with it first if that was not heard of yet.
	 * @returns how much of what was bought is unused @throws REFUND_PENDING while another refund freezes it
	 */
	async hold(cause: Cause, pair: Pair, refund: Omit<SeatRefund, "endsAccess">): Promise<Usage> {
		const seat = await this.buy(cause, pair, refund.paymentId);
		const { seat: after } = await this.change(cause, seat, now => {
			if (isHeldForAnother(now, refund.paymentId)) throw problem(enrollments, "REFUND_PENDING");
			return held(now, refund);
		});
		return usageOf(after, refund.paymentId);
	}

	/** Ends the freeze of a refund that was withdrawn. */
	async release(cause: Cause, pair: Pair, refund: Omit<SeatRefund, "endsAccess">): Promise<void> {
		const seat = await this.find(pair);
		if (seat) await this.change(cause, seat, now => released(now, refund));
	}

	async refunded(cause: Cause, pair: Pair, refund: SeatRefund): Promise<void> {
		await this.#changeAny(cause, pair, now => refunded(now, refund, this.#now()));
	}

	async refundFailed(cause: Cause, pair: Pair, refund: SeatRefund): Promise<void> {
		await this.#changeAny(cause, pair, now => refundFailed(now, refund, seedOf(cause)));
	}

	async chargedBack(
		cause: Cause,
		pair: Pair,
		dispute: { paymentId: string; disputeId: string },
	): Promise<void> {
		await this.#changeAny(cause, pair, now => chargedBack(now, dispute, this.#now()));
	}

	/** Completes a seat that has what its course asks for. The fact's id derives from nothing: one cause may lead to many. */
	async settle(
		seat: EnrollmentDoc,
		completion: Completion,
	): Promise<{ seat: EnrollmentDoc; changed: boolean }> {
		return this.change(unseeded, seat, now =>
			isSeated(now) ? settled(now, completion, this.#now()) : null,
		);
	}

	/** Completes all active seats of a course that have what it asks for. */
	async settleAll(courseId: string, completion: Completion): Promise<void> {
		for (let after = ""; ; ) {
			const batch = await this.#enrollments.find(
				{ courseId, status: "active", id: { $gt: after } },
				{ sort: { id: 1 }, limit: settleBatch },
			);
			for (const seat of batch) await this.settle(seat, completion);
			if (batch.length < settleBatch) return;
			after = batch.at(-1)?.id ?? after;
		}
	}

	/** Changes a seat as decided on what is there; where another was quicker it is decided again. Null: nothing to do. */
	async change(
		cause: Cause,
		seat: EnrollmentDoc,
		decide: (seat: EnrollmentDoc) => SeatStep | null,
	): Promise<{ seat: EnrollmentDoc; changed: boolean }> {
		for (let current = seat; ; ) {
			const step = decide(current);
			if (!step) return { seat: current, changed: false };
			const { change, tells } = step;
			const changed = await this.#enrollments.advance(
				{ id: current.id, version: current.version },
				{ ...change, $inc: { ...change.$inc, version: 1 } },
				tells ? [this.#told(cause, current, tells)] : [],
			);
			if (changed) return { seat: changed, changed: true };
			current = (await this.#enrollments.get(seat.id)) as EnrollmentDoc;
		}
	}

	/** Of a seat that may not be there yet, because what comes after its capture was heard of first. */
	async #changeAny(
		cause: Cause,
		pair: Pair,
		decide: (seat: EnrollmentDoc) => SeatStep | null,
	): Promise<void> {
		const seat =
			(await this.find(pair)) ?? (await this.openDropped(cause, pair)) ?? (await this.find(pair));
		if (seat) await this.change(cause, seat, decide);
	}

	#newSeat(
		cause: Cause,
		pair: Pair,
		state: Pick<EnrollmentDoc, "status" | "payments" | "ends" | "droppedAt" | "boughtAt">,
	): EnrollmentDoc {
		const seed = seedOf(cause);
		return {
			id: idFor(cause as never, "enr"),
			...pair,
			userCourse: pairOf(pair),
			progress: 0,
			totalWatchTime: 0,
			...(seed && { takenBy: seed }),
			...state,
			enrolledAt: this.#now(),
			version: 1,
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

	#told(cause: Cause, seat: EnrollmentDoc, tells: NonNullable<SeatStep["tells"]>): OutgoingFact {
		return tells.fact === "activated"
			? this.#activated(cause, seat, tells.paymentId)
			: fact(cause, this.#clock, enrollments, `enrollment.${tells.fact}`, factData(seat));
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

const seedOf = ({ headers }: Cause): string | undefined =>
	typeof headers.seed === "string" ? headers.seed : undefined;
