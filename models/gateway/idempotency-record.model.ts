import { defineModel } from "../../kernel/store/model.ts";

/** What a request under an `Idempotency-Key` came to, or who is on it. */
export interface IdempotencyRecordDoc {
	/** Hash of user, method, target and key. */
	id: string;
	/** Of the body as it was sent. */
	bodyHash: string;
	/** What ids that are made under the key derive from, in every run. */
	seed: string;
	/** `running`: by `run` on `node`; `free`: cut off or failed on our side, to be taken up; `done`: answered. */
	state: "running" | "free" | "done";
	/** The run that may write the answer. */
	run: string;
	node: string;
	/** When the run began, ms. */
	startedAt: number;
	answer?: { status: number; contentType?: string; body: string };
	/** ms */
	expiresAt: number;
}

export const IdempotencyRecordModel = defineModel<IdempotencyRecordDoc>()({
	name: "idempotency_records",
	fields: {
		bodyHash: String,
		seed: String,
		state: String,
		run: String,
		node: String,
		startedAt: Number,
		answer: { type: Object },
		expiresAt: Number,
	},
	indexes: { expiresAt: {} },
});
