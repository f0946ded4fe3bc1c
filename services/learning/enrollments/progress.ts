import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { SeatStep } from "./seat-steps.ts";

const complete = 10_000;

/** Percent as hundredths, rounded down: what was not reached is not rounded up to. */
export function toHundredths(percent: number): number {
	const nearest = Math.round(percent * 100);
	return nearest / 100 <= percent ? nearest : nearest - 1;
}

/**
 * What a report changes: neither progress nor watch time goes back, and the first full report of an active enrollment
 * completes it.
 * @param report progress in hundredths of a percent, watch time in seconds.
 */
export function advanceProgress(
	enrollment: Pick<EnrollmentDoc, "status" | "progress" | "totalWatchTime">,
	report: { progress: number; totalWatchTime: number },
): { progress: number; totalWatchTime: number; completes: boolean } {
	const progress = Math.max(enrollment.progress, report.progress);
	return {
		progress,
		totalWatchTime: Math.max(enrollment.totalWatchTime, report.totalWatchTime),
		completes: enrollment.status === "active" && progress >= complete,
	};
}

/** The change a report makes; null where it says nothing new. */
export function progressed(
	seat: EnrollmentDoc,
	report: { progress: number; totalWatchTime: number },
	now: string,
): SeatStep | null {
	const { completes, progress, totalWatchTime } = advanceProgress(seat, report);
	if (!completes && progress === seat.progress && totalWatchTime === seat.totalWatchTime)
		return null;
	return {
		change: {
			$set: {
				progress,
				totalWatchTime,
				...(completes && { status: "completed", completedAt: now }),
			},
		},
		...(completes && { tells: { fact: "completed" as const } }),
	};
}
