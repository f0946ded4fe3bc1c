import { defineModel } from "../../kernel/store/model.ts";
import { type Ageing, ageing } from "../../kernel/store/retention.ts";

/** A file, and for ever that it was; what an ended one was called, until that is past its retention. */
export interface FileDoc extends Ageing {
	id: string;
	ownerId: string;
	purpose: "lecture";
	/** What it belongs to: a lecture's id. */
	subjectId: string;
	fileName: string;
	/** As announced, bytes. */
	fileSize: number;
	contentType: string;
	status: "awaiting_upload" | "uploaded" | "rejected" | "deleted";
	reason?: "size" | "type" | "expired";
	/** Whose quota its bytes count for: its owner, and nobody's (empty) once it has ended. */
	countsFor?: string;
	/** It was ended before its address was given away: there was no room for it. */
	hadNoRoom?: true;
	/** Of an upload in parts: bytes of every part but the last. */
	partSize?: number;
	/** The store's name for an upload in parts. */
	uploadId?: string;
	/** Where the bytes lie that were found to be what was announced; nobody can write there. */
	key?: string;
	/** When nothing more can be begun to be uploaded, ms. */
	uploadUntil: number;
	/** When what is left of the upload is dropped, ms; unset once it was. */
	sweepAt?: number;
	createdAt: string;
	updatedAt: string;
}

export const FileModel = defineModel<FileDoc>()({
	name: "files",
	fields: {
		ownerId: String,
		purpose: String,
		subjectId: String,
		fileName: String,
		fileSize: Number,
		contentType: String,
		status: String,
		reason: String,
		countsFor: String,
		hadNoRoom: Boolean,
		partSize: Number,
		uploadId: String,
		key: String,
		uploadUntil: Number,
		sweepAt: Number,
		createdAt: String,
		updatedAt: String,
		...ageing.fields,
	},
	indexes: {
		ownerId: {},
		subjectId: {},
		countsFor: {},
		sweepAt: { sparse: true },
		...ageing.indexes,
	},
});
