import type { EnrollmentDoc, WatchedLecture } from "../../../models/learning/enrollment.model.ts";
import type { Completion } from "../courses/courses.contract.ts";
import type { SeatStep } from "./seat-steps.ts";
import { before, beyond, firstOf, lengthOf, longest, merged, type Span } from "./spans.ts";

const complete = 10_000;

/** Nobody watches faster than this for long: what players offer. */
export const maximalRate = 2;
/** Watching that may be reported at once, ms of video: what goes by in a minute of it. */
export const mostCredit = 120_000;
/** Spans kept of one lecture: with more than these, the shortest are forgotten and may be watched again. */
export const mostSpans = 40;
/** Of a lecture, what has to be watched; the rest is credits and rounding. */
export const neededShare = 0.95;

/** What a player says was seen of a lecture. */
export interface WatchReport {
	lectureId: string;
	/** ms, in any order. */
	spans: readonly Span[];
	/** Where the viewer is, ms. */
	position?: number;
}

/** ms of video that may be reported now: what was left over, and what can have gone by since. @param now ms */
export function creditOf(
	{
		credit = 0,
		reportedAt,
		enrolledAt,
	}: Pick<EnrollmentDoc, "credit" | "reportedAt" | "enrolledAt">,
	now: number,
): number {
	const since = reportedAt ?? Date.parse(enrolledAt);
	return Math.min(mostCredit, credit + Math.max(0, now - since) * maximalRate);
}

/** How much of a lecture was watched, ms; all that was, where it has no length (0). */
export const watchedOf = ({ spans }: Pick<WatchedLecture, "spans">, length: number): number =>
	lengthOf(length > 0 ? before(spans, length) : spans);

/**
 * How far somebody is with the lectures of a course. A lecture that was completed once stays so, whatever becomes of its
 * length.
 * @returns each lecture that was watched as it stands now, and the share of the course, hundredths of a percent
 */
export function judge(
	watched: Readonly<Record<string, WatchedLecture>>,
	{ lessons }: Pick<Completion, "lessons">,
): { watched: Record<string, WatchedLecture>; share: number } {
	let done = 0;
	let all = 0;
	const judged: Record<string, WatchedLecture> = { ...watched };
	for (const [id, seconds] of Object.entries(lessons)) {
		const length = seconds * 1_000;
		all += length;
		const lecture = watched[id];
		if (!lecture) continue;
		const seen = watchedOf(lecture, length);
		const isCompleted = lecture.completed === true || (length > 0 && seen >= length * neededShare);
		const watchedSeconds = Math.floor(seen / 1_000);
		if (lecture.watchedSeconds !== watchedSeconds || lecture.completed !== isCompleted)
			judged[id] = { ...lecture, watchedSeconds, completed: isCompleted };
		done += isCompleted ? length : Math.min(seen, length);
	}
	return { watched: judged, share: all === 0 ? 0 : Math.floor((complete * done) / all) };
}

/**
 * The step that brings a seat to what was watched and reported by now; null where it is there. Progress never goes back,
 * and stays as it is while a refund freezes it; what completes a course completes it then, too, for the refund may fail.
 * @param now ISO 8601
 */
export function settled(
	seat: EnrollmentDoc,
	completion: Completion,
	now: string,
	watchedNow: Readonly<Record<string, WatchedLecture>> = seat.watched ?? {},
): SeatStep | null {
	const { watched, share } = judge(watchedNow, completion);
	const changed = Object.entries(watched).filter(([id, lecture]) => lecture !== seat.watched?.[id]);
	const reached = Math.max(seat.progress, share);
	const progress = seat.heldBy === undefined ? reached : seat.progress;
	const isComplete =
		completion.completionRule === "watched" ? share >= complete : reached >= complete;
	const completes = seat.status === "active" && isComplete;
	if (changed.length === 0 && progress === seat.progress && !completes) return null;
	const total = Object.values(watched).reduce((sum, lecture) => sum + lecture.watchedSeconds, 0);
	return {
		change: {
			$set: {
				...Object.fromEntries(changed.map(([id, lecture]) => [`watched.${id}`, lecture])),
				progress,
				totalWatchTime: Math.max(seat.totalWatchTime, total),
				...(completes && { status: "completed", completedAt: now }),
			},
		},
		...(completes && { tells: { fact: "completed" as const } }),
	};
}

/**
 * The step that a report of a player makes: what is new of it counts as far as it can have been watched since the last
 * report, from the earliest on; what does not count may be reported again.
 * @param now ms
 */
export function watched(
	seat: EnrollmentDoc,
	completion: Completion,
	{ lectureId, spans, position }: WatchReport,
	now: number,
): SeatStep | null {
	const known = seat.watched?.[lectureId];
	const fresh = beyond(merged(spans), known?.spans ?? []);
	const credit = creditOf(seat, now);
	const counted = firstOf(fresh, credit);
	const lastPosition = position ?? known?.position ?? 0;
	const isNew = !known || counted.length > 0 || known.position !== lastPosition;
	const lecture: WatchedLecture = {
		watchedSeconds: 0,
		completed: false,
		...known,
		spans: longest(merged([...(known?.spans ?? []), ...counted]), mostSpans),
		position: lastPosition,
	};
	const at = new Date(now).toISOString();
	const step = settled(seat, completion, at, {
		...seat.watched,
		...(isNew && { [lectureId]: lecture }),
	});
	if (!step || counted.length === 0) return step;
	const { change } = step;
	const left = Math.floor(credit - lengthOf(counted));
	const reportedAt = Math.max(now, seat.reportedAt ?? 0);
	return { ...step, change: { ...change, $set: { ...change.$set, credit: left, reportedAt } } };
}
