import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { Change } from "../../../kernel/store/guard.ts";
import type { Doc } from "../../../kernel/store/model.ts";
import type {
	FigureCourseDoc,
	FigureDayDoc,
	FigureMovementDoc,
	FigureSeatDoc,
} from "../../../models/learning/figure.model.ts";
import type { Movement } from "../../money/payments/payments.contract.ts";
import type { Enrollment } from "../enrollments/enrollments.contract.ts";
import { settle } from "./settle.ts";
import { moneyOf, totalOf } from "./sums.ts";

const countLimit = 1_000_000_000;

/** What is taken in of an enrollment. */
export type Seat = Pick<Enrollment, "id" | "courseId" | "status" | "enrolledAt" | "completedAt">;

export interface BooksNeeds {
	seats: Collection<FigureSeatDoc>;
	movements: Collection<FigureMovementDoc>;
	days: Collection<FigureDayDoc>;
	courses: Collection<FigureCourseDoc>;
	/** Enrollments as their owner has them now, in the order of ids. */
	enrollments(ids: readonly string[]): Promise<readonly Seat[]>;
	/** Null where there is no such course. */
	teacherOf(courseId: string): Promise<string | null>;
}

/** Money that moved, as its fact or its owner tells it. */
export type Moved = Pick<Movement, "kind" | "id" | "paymentId" | "amountMinor" | "currency" | "at">;

const placeOf = (courseId: string, at: string): string => `${courseId}/${at.slice(0, 10)}`;

/** The name a movement is kept under. */
export const movementKey = ({ kind, id }: Pick<Moved, "kind" | "id">): string => `${kind}:${id}`;

/**
 * What is known of seats and money, each once, and what it comes to by day and course. Days and courses are always
 * counted from what is below them, never added to, so that a fact may come twice, late, or before an earlier one.
 */
export class Books {
	readonly #needs: BooksNeeds;

	constructor(needs: BooksNeeds) {
		this.#needs = needs;
	}

	/** Takes in how enrollments stand at their owner. @returns the days they are on. */
	async seat(ids: readonly string[]): Promise<string[]> {
		const { enrollments, seats } = this.#needs;
		const found = await settle(
			() => enrollments(ids),
			async items => {
				for (const seat of items) await put(seats, seat.id, seatChange(seat));
			},
		);
		return found.flatMap(({ courseId, enrolledAt, completedAt }) => [
			placeOf(courseId, enrolledAt),
			...(completedAt ? [placeOf(courseId, completedAt)] : []),
		]);
	}

	/**
	 * Takes in money that moved. One that is there stays as it is, unless its owner says when it moved.
	 * @returns the days it is and was on.
	 */
	async move(courseId: string, moved: Moved, isOwners = false): Promise<string[]> {
		const { movements } = this.#needs;
		const { paymentId, kind, amountMinor, currency, at } = moved;
		const on = placeOf(courseId, at);
		const id = movementKey(moved);
		try {
			await movements.insert({ id, courseId, paymentId, kind, amountMinor, currency, on });
			return [on];
		} catch (error) {
			if (!isDuplicate(error)) throw error;
		}
		const there = (await movements.get(id))?.on ?? on;
		if (!isOwners) return [there];
		await movements.advance({ id }, { $set: { amountMinor, currency, on } });
		return [there, on];
	}

	/** Counts days again, then the courses they are of. @param places `<course>/<day>` @returns the courses */
	async recount(places: Iterable<string>): Promise<string[]> {
		const daysOf = new Map<string, Set<string>>();
		for (const place of places) {
			const [courseId, day] = [place.slice(0, -"/YYYY-MM-DD".length), place.slice(-10)];
			daysOf.set(courseId, (daysOf.get(courseId) ?? new Set()).add(day));
		}
		const counted: string[] = [];
		for (const [courseId, days] of daysOf) {
			const teacherId = await this.#teacherOf(courseId);
			if (teacherId === null) continue;
			for (const day of days) await this.#recountDay({ courseId, teacherId, day });
			await this.#recountCourse(courseId, teacherId);
			counted.push(courseId);
		}
		return counted;
	}

	async #recountDay(of: Pick<FigureDayDoc, "courseId" | "teacherId" | "day">): Promise<void> {
		const { seats, movements, days } = this.#needs;
		const place = `${of.courseId}/${of.day}`;
		await settle(
			async () => ({
				students: await seats.count({ enrolledOn: place }, countLimit),
				completed: await seats.count({ completedOn: place }, countLimit),
				money: moneyOf(await movements.find({ on: place })),
			}),
			totals => put(days, place, { $set: { ...of, ...totals } }),
		);
	}

	async #recountCourse(courseId: string, teacherId: string): Promise<void> {
		const { days, courses } = this.#needs;
		await settle(
			async () => totalOf(await days.find({ courseId })),
			totals => put(courses, courseId, { $set: { teacherId, ...totals } }),
		);
	}

	async #teacherOf(courseId: string): Promise<string | null> {
		const known = await this.#needs.courses.get(courseId);
		return known?.teacherId ?? this.#needs.teacherOf(courseId);
	}
}

function seatChange({ courseId, status, enrolledAt, completedAt }: Seat): Change {
	const enrolledOn = status === "dropped" ? undefined : placeOf(courseId, enrolledAt);
	const completedOn =
		status === "completed" && completedAt ? placeOf(courseId, completedAt) : undefined;
	return {
		$set: { courseId, ...(enrolledOn && { enrolledOn }), ...(completedOn && { completedOn }) },
		$unset: {
			...(!enrolledOn && { enrolledOn: true }),
			...(!completedOn && { completedOn: true }),
		},
	};
}

/** Changes a document, or makes it of what is set. */
async function put<T extends Doc>(
	collection: Collection<T>,
	id: string,
	change: Change,
): Promise<void> {
	if (await collection.advance({ id }, change)) return;
	try {
		await collection.insert({ id, ...change.$set } as T);
	} catch (error) {
		if (!isDuplicate(error, "id")) throw error;
		await collection.advance({ id }, change);
	}
}
