import { defineModel } from "../../kernel/store/model.ts";

/** Somebody asked for a parked fact to be tried again. */
export interface ReplayDoc {
	id: string;
	/** The consumer that had parked it. */
	service: string;
	factId: string;
	/** `asked` until the consumer has said how it ended; for ever, where nobody heard it. */
	state: "asked" | "trying" | "done" | "parked" | "unknown" | "unanswered";
	/** When it was asked for, ms. */
	at: number;
}

export const ReplayModel = defineModel<ReplayDoc>()({
	name: "ops_replays",
	fields: { service: String, factId: String, state: String, at: Number },
	indexes: {},
	told: ["service", "factId", "state"],
});
