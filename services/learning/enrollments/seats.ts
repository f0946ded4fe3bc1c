import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor } from "../../../kernel/ids.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import { enrollments } from "./enrollments.contract.ts";

type Cause = Pick<Ctx, "headers" | "locals">;

/** Guard: in the course, active or completed. */
export const seated = { $in: ["active", "completed"] } as const;

/** What makes an enrollment the only one of its user and course. */
export const pairOf = (userId: string, courseId: string): string => `${userId}:${courseId}`;

/** Whether a payment for it was captured and not given back. */
export const isPaid = ({ payments }: Pick<EnrollmentDoc, "payments">): boolean =>
	Object.values(payments).includes("captured");

export const factData = ({ id, userId, courseId }: EnrollmentDoc) => ({
	enrollmentId: id,
	userId,
	courseId,
});

/** Takes seats: each change is one guarded update with its fact, whatever came before it and however often. */
export class Seats {
	readonly #enrollments: Collection<EnrollmentDoc>;
	readonly #clock: Clock;

	constructor(collection: Collection<EnrollmentDoc>, clock: Clock) {
		this.#enrollments = collection;
		this.#clock = clock;
	}

	/** The one seat of a user in a course, new; null when there was one already, in any state. */
	async open(
		cause: Cause,
		userId: string,
		courseId: string,
		paymentId?: string,
	): Promise<EnrollmentDoc | null> {
		const seat: EnrollmentDoc = {
			id: idFor(cause as never, "enr"),
			userId,
			courseId,
			userCourse: pairOf(userId, courseId),
			status: "active",
			progress: 0,
			totalWatchTime: 0,
			payments: paymentId ? { [paymentId]: "captured" } : {},
			enrolledAt: iso(this.#clock.now()),
		};
		try {
			return await this.#enrollments.insert(seat, [this.#activated(cause, seat, paymentId)]);
		} catch (error) {
			if (isDuplicate(error)) return null;
			throw error;
		}
	}

	/** A dropped seat taken up again with its progress; null when it was not dropped or had this payment before. */
	async reopen(
		cause: Cause,
		seat: EnrollmentDoc,
		paymentId?: string,
	): Promise<EnrollmentDoc | null> {
		const payment = `payments.${paymentId}`;
		return this.#enrollments.advance(
			{ id: seat.id, status: "dropped", ...(paymentId && { [payment]: { $exists: false } }) },
			{
				$set: {
					status: seat.completedAt ? "completed" : "active",
					...(paymentId && { [payment]: "captured" }),
				},
				$unset: { droppedAt: true },
			},
			[this.#activated(cause, seat, paymentId)],
		);
	}

	/** The seat that a captured payment buys; one whose payment was refunded meanwhile stays as it is. */
	async forPayment(
		cause: Cause,
		userId: string,
		courseId: string,
		paymentId: string,
	): Promise<EnrollmentDoc> {
		const opened = await this.open(cause, userId, courseId, paymentId);
		if (opened) return opened;
		for (;;) {
			const seat = (await this.#enrollments.findOne({
				userCourse: pairOf(userId, courseId),
			})) as EnrollmentDoc;
			if (seat.payments[paymentId]) return seat;
			const changed =
				(await this.reopen(cause, seat, paymentId)) ??
				(await this.#enrollments.advance(
					{ id: seat.id, status: seated, [`payments.${paymentId}`]: { $exists: false } },
					{ $set: { [`payments.${paymentId}`]: "captured" } },
				));
			if (changed) return changed;
		}
	}

	#activated(cause: Cause, seat: EnrollmentDoc, paymentId: string | undefined) {
		return fact(cause, this.#clock, enrollments, "enrollment.activated", {
			...factData(seat),
			...(paymentId && { paymentId }),
		});
	}
}
