import type { Clock } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Completion } from "../courses/courses.contract.ts";
import { enrollments } from "./enrollments.contract.ts";
import { needsCourse, type ProgressReport, progressed } from "./progress.ts";
import { isSeated } from "./seat-steps.ts";
import type { Pair, Seats } from "./seats.ts";

const isSame = (a: Completion, b: Completion): boolean =>
	a.version === b.version && a.completionRule === b.completionRule;

export interface ProgressionNeeds {
	seats: Pick<Seats, "find" | "change" | "settle" | "settleAll">;
	clock: Clock;
	/** The request or fact. */
	ctx: Pick<Ctx, "call" | "headers" | "locals">;
}

/** How far seats have come, and that they complete with what their course asks for. */
export class Progression {
	readonly #needs: ProgressionNeeds;

	constructor(needs: ProgressionNeeds) {
		this.#needs = needs;
	}

	/**
	 * Takes a report in; one that says nothing new changes nothing.
	 * @throws ENROLLMENT_NOT_FOUND @throws LECTURE_NOT_FOUND @throws REFUND_PENDING while a refund freezes the seat
	 */
	async report(pair: Pair, report: ProgressReport): Promise<EnrollmentDoc> {
		const { seats, clock, ctx } = this.#needs;
		const seat = await seats.find(pair);
		if (!seat || !isSeated(seat)) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
		const completion = needsCourse(seat, report) ? await this.#asked(pair.courseId) : undefined;
		const { watch } = report;
		if (watch && completion && !Object.hasOwn(completion.lessons, watch.lectureId))
			throw problem(enrollments, "LECTURE_NOT_FOUND");
		const { seat: after } = await seats.change(ctx, seat, now => {
			if (!isSeated(now)) throw problem(enrollments, "ENROLLMENT_NOT_FOUND");
			if (now.heldBy !== undefined) throw problem(enrollments, "REFUND_PENDING");
			return progressed(now, report, completion, clock.now());
		});
		return completion ? this.settle(after, completion) : after;
	}

	/**
	 * Completes a seat that has what its course asks for. Whoever changes the course tells so after the change; here it
	 * is asked for after the seat was written: whichever of the two comes last sees both.
	 * @param known what the course asked for when the seat was written
	 */
	async settle(seat: EnrollmentDoc, known?: Completion): Promise<EnrollmentDoc> {
		for (let current = seat, judgedBy = known; ; ) {
			if (current.status !== "active") return current;
			const completion = await this.#asked(seat.courseId);
			if (judgedBy && isSame(judgedBy, completion)) return current;
			current = (await this.#needs.seats.settle(current, completion)).seat;
			judgedBy = completion;
		}
	}

	/** Completes all active seats of a course that have what it asks for now. */
	async settleAll(courseId: string): Promise<void> {
		await this.#needs.seats.settleAll(courseId, await this.#asked(courseId));
	}

	async #asked(id: string): Promise<Completion> {
		return this.#needs.ctx.call("courses.completion", { id });
	}
}
