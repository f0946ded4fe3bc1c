import { defineModel } from "../../kernel/store/model.ts";
import type { Subject } from "../../services/commerce/reviews/reviews.contract.ts";

export interface ReviewDoc {
	id: string;
	userId: string;
	subject: Subject;
	/** `<kind>:<id>` of the subject while there is something to read; unset once it is taken away. */
	subjectKey?: string;
	/** `<user>:<kind>:<id>`: one review of each user and subject, for ever. */
	userSubject: string;
	/** `<kind>:<id>:<rating>` while it counts. */
	countKey?: string;
	/** Stars, 1..5. */
	rating: number;
	text?: string;
	/** Whether its author still has what it is of. */
	counts: boolean;
	reply?: { text: string; userId: string; createdAt: string };
	/** Seed of the request that last gave it, where it had one: taken up after a crash it knows its own. */
	givenBy?: string;
	createdAt: string;
	updatedAt: string;
	/** Counts every write: each is made on what was read, or not at all. */
	version: number;
}

export const ReviewModel = defineModel<ReviewDoc>()({
	name: "reviews",
	fields: {
		userId: String,
		subject: { type: Object },
		subjectKey: String,
		userSubject: String,
		countKey: String,
		rating: Number,
		text: String,
		counts: Boolean,
		reply: { type: Object },
		givenBy: String,
		createdAt: String,
		updatedAt: String,
		version: Number,
	},
	indexes: {
		userSubject: { unique: true },
		countKey: { sparse: true },
	},
	compound: [
		["subjectKey", "createdAt"],
		["subjectKey", "rating"],
		["userId", "createdAt"],
	],
	told: ["userId", "rating", "counts"],
});
