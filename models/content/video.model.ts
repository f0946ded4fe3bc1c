import { defineModel } from "../../kernel/store/model.ts";

/** The video of one uploaded file; its id is the file's. */
export interface VideoDoc {
	id: string;
	lectureId: string;
	/** `deleted`: its file is no more, for ever; that may be known before the file itself is. */
	status: "processing" | "ready" | "failed" | "deleted";
	/** Who makes it; none is set up where it is not there. */
	provider?: string;
	/** When its provider was first asked to make it, ms: written before each asking. */
	askedAt?: number;
	/** The provider's id of what it made; letters, digits, `_` and `-`. */
	assetId?: string;
	/** The provider's id of what is played. */
	playbackId?: string;
	/** Whole seconds, at least 1. */
	durationSeconds?: number;
	/** Why it failed: a stable code, and in words. */
	reason?: string;
	detail?: string;
	/** What the provider still has and nobody needs, by its id there. */
	doomed?: Record<string, true>;
	/** When the reconciler attends to it, ms; nothing is open where it is not there. */
	askAt?: number;
	/** How often it was attended to since something last changed. */
	asks: number;
	createdAt: string;
	updatedAt: string;
}

export const VideoModel = defineModel<VideoDoc>()({
	name: "videos",
	fields: {
		lectureId: String,
		status: String,
		provider: String,
		askedAt: Number,
		assetId: String,
		playbackId: String,
		durationSeconds: Number,
		reason: String,
		detail: String,
		doomed: { type: Object },
		askAt: Number,
		asks: Number,
		createdAt: String,
		updatedAt: String,
	},
	indexes: { lectureId: {}, askAt: { sparse: true } },
});
