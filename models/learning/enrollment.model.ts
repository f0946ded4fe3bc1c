import { defineModel } from "../../kernel/store/model.ts";

/**
 * What a payment for a seat came to: `captured` pays for it, `surplus` bought nothing because the seat was taken,
 * `refunding` is frozen by a refund, `refunded` went back or was charged back.
 */
export type SeatPayment = "captured" | "surplus" | "refunding" | "refunded";

/** What somebody saw of a lecture. */
export interface WatchedLecture {
	/** Stretches of it that were watched, ms from its start, in order and apart from each other; at most 40. */
	spans: (readonly [from: number, to: number])[];
	/** Where the viewer was last, ms. */
	position: number;
	/** As last reckoned against the lecture's length. */
	watchedSeconds: number;
	/** For good, once it is. */
	completed: boolean;
}

export interface EnrollmentDoc {
	id: string;
	userId: string;
	courseId: string;
	/** `<userId>:<courseId>`: one enrollment per user and course, for ever. */
	userCourse: string;
	status: "active" | "completed" | "dropped";
	/** Hundredths of a percent, 0..10,000. */
	progress: number;
	/** Seconds. */
	totalWatchTime: number;
	/** By lecture. */
	watched?: Record<string, WatchedLecture>;
	/** ms of video that were left to be reported at `reportedAt` (ms). */
	credit?: number;
	/** When something watched was counted last, ms. */
	reportedAt?: number;
	payments: Record<string, SeatPayment>;
	/** Progress when a payment bought the seat, hundredths of a percent; 0 where not said. */
	boughtAt?: Record<string, number>;
	/** What each refund of these came to, by its id: who hears of a failure first never lets it drop the seat. */
	refunds?: Record<string, "done" | "failed">;
	/**
	 * By the refund or dispute that ended what a payment paid for (by the payment itself where a service did), the
	 * payment: it pays again once none of them is left.
	 */
	ends?: Record<string, string>;
	/** The refund that freezes progress. */
	heldBy?: string;
	/** Refunds that froze it before the one that does now: a hold of theirs that comes late is void. */
	pastHolds?: Record<string, true>;
	/** The refund or dispute that dropped it: the seat comes back if the money does. */
	droppedBy?: string;
	/** Seed of the request that last took the seat, where it had one: taken up after a crash it knows its own. */
	takenBy?: string;
	enrolledAt: string;
	completedAt?: string;
	droppedAt?: string;
	/** Counts every write: each is made on what was read, or not at all. */
	version: number;
}

export const EnrollmentModel = defineModel<EnrollmentDoc>()({
	name: "enrollments",
	fields: {
		userId: String,
		courseId: String,
		userCourse: String,
		status: String,
		progress: Number,
		totalWatchTime: Number,
		watched: { type: Object },
		credit: Number,
		reportedAt: Number,
		payments: { type: Object },
		boughtAt: { type: Object },
		refunds: { type: Object },
		ends: { type: Object },
		heldBy: String,
		pastHolds: { type: Object },
		droppedBy: String,
		takenBy: String,
		enrolledAt: String,
		completedAt: String,
		droppedAt: String,
		version: Number,
	},
	indexes: { userCourse: { unique: true } },
	compound: [
		["userId", "enrolledAt"],
		["courseId", "enrolledAt"],
		["courseId", "status"],
	],
});
