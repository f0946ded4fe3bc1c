import { defineModel } from "../../kernel/store/model.ts";

/** One file that was announced to be the lecture's video. */
export interface LectureUpload {
	/** The higher, the newer. */
	n: number;
	/** `uploaded`: its video is being made, or soon. */
	status: "awaiting_upload" | "uploaded" | "ready" | "failed";
	durationSeconds?: number;
	/** Why it failed: a stable code. */
	reason?: string;
}

export interface LectureDoc {
	id: string;
	courseId: string;
	sectionId: string;
	title: string;
	durationSeconds: number;
	isPreview: boolean;
	/** Text of the lecture. */
	content?: string;
	/** By file. */
	uploads?: Record<string, LectureUpload>;
	/** Counts the changes of `uploads`: each is made on what was read, or not at all. */
	uploadsVersion?: number;
	createdAt: string;
	/** Nobody sees it any more; it is deleted within the hour. */
	removedAt?: string;
}

export const LectureModel = defineModel<LectureDoc>()({
	name: "lectures",
	fields: {
		courseId: String,
		sectionId: String,
		title: String,
		durationSeconds: Number,
		isPreview: Boolean,
		content: String,
		uploads: { type: Object },
		uploadsVersion: Number,
		createdAt: String,
		removedAt: String,
	},
	indexes: { courseId: {}, sectionId: {}, removedAt: { sparse: true } },
});
