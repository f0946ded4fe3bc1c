import { Type } from "typebox";
import { Id, Timestamp } from "../../../kernel/schemas.ts";
import { VideoForm } from "../../content/videos/videos.contract.ts";

/** What plays a lecture, to who may watch it; not there while nothing can be played. */
export const playbackFields = {
	videoUrl: Type.Optional(
		Type.String({ description: "Opens for whoever has it, until it expires" }),
	),
	thumbnailUrl: Type.Optional(Type.String()),
	videoForm: Type.Optional(VideoForm),
	videoExpiresAt: Type.Optional(Timestamp),
};

export const LectureVideo = Type.Object(
	{
		fileId: Type.String({ description: "The newest upload" }),
		status: Type.Enum(["awaiting_upload", "uploaded", "processing", "ready", "failed"]),
		reason: Type.Optional(Type.String({ description: "Why it failed: a stable code" })),
		detail: Type.Optional(Type.String({ description: "The reason in words" })),
		...playbackFields,
	},
	{ $id: "LectureVideo" },
);

/** As files take them, whose limits apply. */
export const uploadParams = {
	fileName: Type.String({ minLength: 1, maxLength: 255, pattern: "\\S" }),
	fileSize: Type.Integer({ minimum: 1, description: "Bytes" }),
	contentType: Type.String({ minLength: 1, maxLength: 100 }),
	multipart: Type.Optional(
		Type.Boolean({ description: "In parts, each of which can be sent again" }),
	),
};

export const lectureReady = {
	v: 1,
	data: Type.Object(
		{ lectureId: Id, courseId: Id, teacherId: Id, fileId: Id },
		{ $id: "LectureReady" },
	),
};

export const VIDEO_UNAVAILABLE = {
	status: 422,
	title: "Nothing here makes videos of files",
	explanation: "Set `MUX_TOKEN_ID` and `MUX_TOKEN_SECRET`, or `SANDBOX=on` where it may be.",
} as const;
export const UPLOAD_NOT_FOUND = {
	status: 404,
	title: "The lecture has no such upload",
	explanation: "It was replaced by a newer one before it was confirmed, has expired, or never was.",
} as const;
export const LECTURE_HAS_NO_VIDEO = {
	status: 404,
	title: "Nothing was uploaded for this lecture",
} as const;
