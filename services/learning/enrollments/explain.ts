import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Completion } from "../courses/courses.contract.ts";
import type { ProgressExplanation } from "./enrollments.contract.ts";
import { beyond, merged, type Span } from "./spans.ts";
import { judge, neededShare, watchedOf } from "./watching.ts";

type LectureExplanation = ProgressExplanation["lectures"][number];

/** A lecture as its course has it; its length in seconds, 0 where it has none. */
export interface OutlinedLecture {
	id: string;
	title: string;
	durationSeconds: number;
}

/** Gaps shown of one lecture. */
const mostGaps = 20;

const percentOf = (hundredths: number): string => `${hundredths / 100} %`;

/** Seconds as a clock shows them: `12:05`, `1:02:05`. */
export function clockTime(seconds: number): string {
	const whole = Math.floor(seconds);
	const [h, m, s] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
	const two = (n: number): string => String(n).padStart(2, "0");
	return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const gapText = ([from, to]: readonly number[]): string =>
	`${clockTime(from ?? 0)} to ${clockTime(Math.ceil(to ?? 0))}`;

function explainLecture(
	seat: EnrollmentDoc,
	{ id, title, durationSeconds }: OutlinedLecture,
): LectureExplanation {
	const lecture = seat.watched?.[id];
	const length = durationSeconds * 1_000;
	const spans = merged(lecture?.spans ?? []);
	const all: Span[] = length > 0 ? [[0, length]] : [];
	const missing = beyond(all, spans)
		.slice(0, mostGaps)
		.map(([from, to]) => [from / 1_000, to / 1_000]);
	const completed = lecture?.completed === true;
	const watchedSeconds = Math.floor(watchedOf({ spans }, length) / 1_000);
	const neededSeconds = Math.ceil(durationSeconds * neededShare);
	const shared = { id, title, durationSeconds, watchedSeconds, neededSeconds, completed };
	const of = `${clockTime(watchedSeconds)} of ${clockTime(durationSeconds)} watched`;
	if (length === 0)
		return { ...shared, missing: [], summary: "It has no length and counts for nothing." };
	if (completed) return { ...shared, missing, summary: `Completed: ${of}.` };
	if (watchedSeconds === 0) return { ...shared, missing, summary: "Not watched yet." };
	const gaps = missing.slice(0, 3).map(gapText).join(", ");
	const more = missing.length > 3 ? " and more" : "";
	return {
		...shared,
		missing,
		summary: `${of}, ${clockTime(neededSeconds)} are needed. Missing: ${gaps}${more}.`,
	};
}

function standing(
	seat: EnrollmentDoc,
	{ completionRule }: Completion,
	lectures: readonly LectureExplanation[],
): string {
	const timed = lectures.filter(lecture => lecture.durationSeconds > 0);
	const done = timed.filter(lecture => lecture.completed).length;
	const watched = `${done} of ${timed.length} lectures with a length are completed`;
	if (seat.status === "dropped") return "The enrollment was dropped; progress is kept.";
	if (seat.status === "completed") return `The course was completed at ${seat.completedAt}.`;
	if (completionRule === "reported")
		return "The course is completed when progress of 100 % is reported, or all lectures with a length are watched.";
	if (timed.length === 0)
		return "The course is completed by watching, and has no lecture with a length yet: there is nothing to watch.";
	return `The course is completed when all lectures with a length are watched, ${neededShare * 100} % of each: ${watched}.`;
}

/** What moved somebody's progress and what is missing, in words. @param lectures in the order of the course */
export function explainProgress(
	seat: EnrollmentDoc,
	completion: Completion,
	lectures: readonly OutlinedLecture[],
): ProgressExplanation {
	const explained = lectures.map(lecture => explainLecture(seat, lecture));
	const { share } = judge(seat.watched ?? {}, completion);
	const lines = [
		standing(seat, completion, explained),
		`Progress is ${percentOf(seat.progress)}; it never goes back.`,
		`Watching accounts for ${percentOf(share)} of the course as it is now.`,
	];
	if (share < seat.progress)
		lines.push("The rest was reported by the client, or watched before the lectures were changed.");
	if (seat.heldBy !== undefined)
		lines.push("A refund is under way: progress is frozen until it ends.");
	return {
		id: seat.id,
		courseId: seat.courseId,
		status: seat.status,
		completionRule: completion.completionRule,
		progressPercentage: seat.progress / 100,
		watchedPercentage: share / 100,
		summary: lines.join(" "),
		lectures: explained,
	};
}
