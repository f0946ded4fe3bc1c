import type { Params } from "../../../kernel/contract.ts";
import { invalidField } from "../../../kernel/errors.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { Completion } from "../courses/courses.contract.ts";
import type { SeatStep } from "./seat-steps.ts";
import { type WatchReport, watched } from "./watching.ts";

const complete = 10_000;

/** What a client says of itself: progress in hundredths of a percent, watch time in seconds. */
export interface OwnReport {
	progress: number;
	totalWatchTime: number;
}

/** A report: what the client says of itself, what its player saw, or both. */
export interface ProgressReport {
	own?: OwnReport;
	watch?: WatchReport;
}

/** Percent as hundredths, rounded down: what was not reached is not rounded up to. */
export function toHundredths(percent: number): number {
	const nearest = Math.round(percent * 100);
	return nearest / 100 <= percent ? nearest : nearest - 1;
}

const toMs = (seconds: number): number => Math.round(seconds * 1_000);

/** A report as it comes. @throws VALIDATION_ERROR where half of it is missing, or an interval ends before it begins. */
export function reportOf(params: Params<"enrollments.progress">): ProgressReport {
	const { progressPercentage, totalWatchTime, lectureId, intervals } = params;
	const isWatched = lectureId !== undefined || intervals !== undefined;
	const isOwn = progressPercentage !== undefined || totalWatchTime !== undefined || !isWatched;
	return {
		...(isOwn && {
			own: {
				progress: toHundredths(given("/progressPercentage", progressPercentage)),
				totalWatchTime: given("/totalWatchTime", totalWatchTime),
			},
		}),
		...(isWatched && {
			watch: watchOf(given("/lectureId", lectureId), given("/intervals", intervals)),
		}),
	};
}

function given<T>(path: string, value: T | undefined): T {
	if (value === undefined) throw invalidField(path, "REQUIRED", "is missing");
	return value;
}

function watchOf(lectureId: string, intervals: readonly (readonly number[])[]): WatchReport {
	const spans = intervals.map(([from = 0, to = 0], index) => {
		if (to < from)
			throw invalidField(`/intervals/${index}`, "ORDER", "must not end before it begins");
		return [toMs(from), toMs(to)] as const;
	});
	const position = spans.at(-1)?.[1];
	return { lectureId, spans, ...(position !== undefined && { position }) };
}

/**
 * What a report of the client's own changes: neither progress nor watch time goes back, and the first full report of an
 * active enrollment completes it where reports do.
 * @param report progress in hundredths of a percent, watch time in seconds.
 */
export function advanceProgress(
	enrollment: Pick<EnrollmentDoc, "status" | "progress" | "totalWatchTime">,
	report: OwnReport,
	completesByReport: boolean,
): OwnReport & { completes: boolean } {
	const progress = Math.max(enrollment.progress, report.progress);
	return {
		progress,
		totalWatchTime: Math.max(enrollment.totalWatchTime, report.totalWatchTime),
		completes: completesByReport && enrollment.status === "active" && progress >= complete,
	};
}

/** Whether what a report changes depends on the course. */
export const needsCourse = ({ status }: EnrollmentDoc, { own, watch }: ProgressReport): boolean =>
	watch !== undefined || (status === "active" && (own?.progress ?? 0) >= complete);

/**
 * The change a report makes; null where it says nothing new.
 * @param completion what the course asks for; none where nothing depends on it, see `needsCourse`
 * @param now ms
 */
export function progressed(
	seat: EnrollmentDoc,
	{ own, watch }: ProgressReport,
	completion: Completion | undefined,
	now: number,
): SeatStep | null {
	const rule = completion?.completionRule;
	const after = advanceProgress(seat, own ?? seat, rule === "reported");
	const { completes, progress, totalWatchTime } = after;
	const seen =
		watch && completion && watched({ ...seat, progress, totalWatchTime }, completion, watch, now);
	if (seen) return seen;
	if (!completes && progress === seat.progress && totalWatchTime === seat.totalWatchTime)
		return null;
	const $set = {
		progress,
		totalWatchTime,
		...(completes && { status: "completed", completedAt: new Date(now).toISOString() }),
	};
	return { change: { $set }, ...(completes && { tells: { fact: "completed" as const } }) };
}
