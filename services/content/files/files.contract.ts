import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { byId, Id, StreamAnswer, StreamHead, Timestamp } from "../../../kernel/schemas.ts";

/** Types that a lecture's file may be of. */
export const videoTypes = [
	"video/mp4",
	"video/webm",
	"video/quicktime",
	"video/x-m4v",
	"video/x-matroska",
	"video/matroska",
] as const;

const Purpose = Type.Enum(["lecture"], {
	description: "What it is for, which says what it may be",
});
const FileStatus = Type.Enum(["awaiting_upload", "uploaded", "rejected", "deleted"]);
const Reason = Type.Enum(["size", "type", "expired"], {
	description: "Its size or first bytes are not what was announced, or nothing came in time",
});
const FileSize = Type.Integer({ minimum: 1, description: "Bytes" });
const PartNumber = Type.Integer({ minimum: 1, maximum: 10_000 });

const fileFields = {
	id: Type.String(),
	fileName: Type.String(),
	fileSize: FileSize,
	contentType: Type.String(),
	status: FileStatus,
	reason: Type.Optional(Reason),
	createdAt: Timestamp,
};

export const StoredFile = Type.Object(
	{ ...fileFields, ownerId: Type.String(), purpose: Purpose, subjectId: Type.String() },
	{ $id: "StoredFile" },
);
export type StoredFile = Static<typeof StoredFile>;

const OwnFile = Type.Object(
	{
		...fileFields,
		url: Type.Optional(Type.String({ description: "Opens it for an hour, where it was uploaded" })),
	},
	{ $id: "OwnFile" },
);

export const Upload = Type.Object(
	{
		fileId: Type.String(),
		uploadUrl: Type.String({
			description:
				"Takes the bytes by one PUT with exactly the announced `Content-Type` and length; of an upload in parts, " +
				"the address that signs them",
		}),
		expiresAt: Timestamp,
		partSize: Type.Optional(Type.Integer({ description: "Bytes of every part but the last" })),
		partCount: Type.Optional(Type.Integer()),
	},
	{ $id: "Upload" },
);
export type Upload = Static<typeof Upload>;

const SignedParts = Type.Object(
	{
		parts: Type.Array(
			Type.Object({
				number: PartNumber,
				size: Type.Integer({ description: "Bytes it has to have" }),
				url: Type.String({ description: "Takes the part by PUT; no `Content-Type` is needed" }),
			}),
		),
		expiresAt: Timestamp,
	},
	{ $id: "SignedParts" },
);

const Parts = Type.Object(
	{
		partSize: Type.Integer({ description: "Bytes of every part but the last" }),
		partCount: Type.Integer(),
		parts: Type.Array(
			Type.Object({ number: PartNumber, size: Type.Integer({ description: "Bytes" }) }),
			{ description: "Those that are there whole" },
		),
		expiresAt: Timestamp,
	},
	{ $id: "UploadedParts" },
);

export const Link = Type.Object({ url: Type.String(), expiresAt: Timestamp }, { $id: "FileLink" });

export const FILE_NOT_FOUND = { status: 404, title: "There is no such file" } as const;
export const FILE_STORE_MISSING = {
	status: 422,
	title: "This deployment has no store for files",
	explanation: "A mesh keeps files in an S3 store: `AWS_S3_BUCKET` and its keys name one.",
} as const;
/** 403 and not 413: the request is not too large, and is granted once other files are removed. */
export const UPLOAD_QUOTA_EXCEEDED = {
	status: 403,
	title: "The files of this account may not have so many bytes together",
	explanation:
		"Remove videos that nobody needs, or ask the operator for more (`UPLOAD_QUOTA_GB`). An upload that broke off counts " +
		"until its time is over.",
	data: Type.Object({
		usedBytes: Type.Integer({ description: "Uploads under way included" }),
		allowedBytes: Type.Integer(),
	}),
} as const;
export const UPLOAD_MISSING = {
	status: 409,
	title: "The file, or a part of it, has not been uploaded",
	explanation: "`GET /api/files/:id/parts` says which parts of an upload in parts are there.",
} as const;
const FILE_NOT_UPLOADED = { status: 409, title: "The file has not been uploaded" } as const;
const UPLOAD_CLOSED = {
	status: 409,
	title: "Nothing can be uploaded here any more",
	explanation:
		"The file was confirmed, refused or removed, its time is over, or these bytes came already.",
} as const;
const NOT_IN_PARTS = { status: 409, title: "This file is not uploaded in parts" } as const;
const TICKET_INVALID = {
	status: 403,
	title: "This address does not hold",
	explanation: "It was changed, is for something else, or its time is over: ask for a new one.",
} as const;

const forCourses = { service: ["course-service"] } as const;
const example = { id: "fil_0190f3c2-0000-7000-8000-000000000000" };
const Ticket = Type.String({ maxLength: 1_024 });

const factData = {
	fileId: Type.String(),
	ownerId: Type.String(),
	purpose: Purpose,
	subjectId: Type.String(),
};
const factBytes = { fileSize: FileSize, contentType: Type.String() };

/** From the announcement of a file to its bytes, that are what was announced, and their end. */
export const files = defineContract("files", {
	description: "Files that clients upload and open by signed addresses: in an S3 store, or on disk",
	actions: {
		begin: {
			description:
				"Announces a file of `fileSize` bytes and says where it is to be uploaded. With `multipart` it comes in " +
				"parts, each of which can be sent again; above 1 GiB that is the only way. All files of an owner together, " +
				"uploads under way included, may have `UPLOAD_QUOTA_GB`",
			kind: "write",
			access: ["internal", forCourses],
			rest: "POST /api/files/internal/presigned-url",
			status: 201,
			params: Type.Object({
				ownerId: Id,
				purpose: Purpose,
				subjectId: Id,
				fileName: Type.String({ minLength: 1, maxLength: 255, pattern: "\\S" }),
				fileSize: FileSize,
				contentType: Type.String({
					minLength: 1,
					maxLength: 100,
					description: `Of a lecture: ${videoTypes.join(", ")}`,
				}),
				multipart: Type.Optional(Type.Boolean()),
			}),
			result: Upload,
			errors: { FILE_STORE_MISSING, UPLOAD_QUOTA_EXCEEDED },
			example: {
				ownerId: "usr_0190f3c2-0000-7000-8000-000000000000",
				purpose: "lecture",
				subjectId: "lec_0190f3c2-0000-7000-8000-000000000000",
				fileName: "lesson1.mp4",
				fileSize: 104_857_600,
				contentType: "video/mp4",
			},
		},
		confirm: {
			description:
				"Says that all bytes were sent: looks whether they are there and what they were announced to be, and " +
				"answers the file, `uploaded` or `rejected`; the same on every repeat",
			kind: "write",
			access: ["internal", forCourses],
			rest: "POST /api/files/internal/confirm/:id",
			timeoutMs: 60_000,
			params: Type.Object({ id: Type.String(), ownerId: Type.Optional(Id) }),
			result: StoredFile,
			errors: { FILE_NOT_FOUND, UPLOAD_MISSING, FILE_STORE_MISSING },
			example,
		},
		find: {
			description: "A file as it stands, for other services",
			kind: "read",
			access: ["internal", forCourses],
			rest: "GET /api/files/internal/:id",
			params: byId,
			result: StoredFile,
			errors: { FILE_NOT_FOUND },
			example,
		},
		remove: {
			description: "Ends a file and drops its bytes; the same on every repeat",
			kind: "write",
			access: ["internal", forCourses],
			rest: "DELETE /api/files/internal/:id",
			params: byId,
			result: StoredFile,
			errors: { FILE_NOT_FOUND },
			example,
		},
		link: {
			description:
				"An address that opens an uploaded file for so many seconds, in ranges too, to whoever has it",
			kind: "read",
			access: "internal",
			params: Type.Object({
				id: Type.String(),
				seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
				disposition: Type.Optional(
					Type.Enum(["inline", "attachment"], { description: "Shown (default) or saved" }),
				),
			}),
			result: Link,
			errors: { FILE_NOT_FOUND, FILE_NOT_UPLOADED, FILE_STORE_MISSING },
			example: { ...example, seconds: 3_600 },
		},
		get: {
			description: "A file of the caller's",
			kind: "read",
			access: "user",
			rest: "GET /api/files/:id",
			params: byId,
			result: OwnFile,
			errors: { FILE_NOT_FOUND },
			example,
		},
		signParts: {
			description:
				"Addresses that take parts of the caller's upload, for an hour; a part may be sent again until the file " +
				"is confirmed",
			kind: "write",
			access: "user",
			rest: "POST /api/files/:id/parts",
			params: Type.Object({
				id: Type.String(),
				numbers: Type.Array(PartNumber, { minItems: 1, maxItems: 100 }),
			}),
			result: SignedParts,
			errors: { FILE_NOT_FOUND, NOT_IN_PARTS, UPLOAD_CLOSED, FILE_STORE_MISSING },
			example: { ...example, numbers: [1, 2] },
		},
		parts: {
			description: "Which parts of the caller's upload are there, to go on where it broke off",
			kind: "read",
			access: "user",
			rest: "GET /api/files/:id/parts",
			params: byId,
			result: Parts,
			errors: { FILE_NOT_FOUND, NOT_IN_PARTS, UPLOAD_CLOSED, FILE_STORE_MISSING },
			example,
		},
		receive: {
			description:
				"Where an `uploadUrl` or the address of a part leads while files lie on disk: takes the bytes, all or none",
			kind: "write",
			access: "public",
			ignoresToken: true,
			onlyWhere: "disk",
			accepts: "stream",
			rest: "PUT /api/files/uploads/:ticket",
			timeoutMs: 6 * 3_600_000,
			params: Type.Object({ ticket: Ticket, ...StreamHead }),
			result: Type.Object(
				{ received: Type.Integer({ description: "Bytes" }) },
				{ $id: "ReceivedBytes" },
			),
			errors: {
				TICKET_INVALID,
				UPLOAD_CLOSED,
				UPLOAD_MISMATCH: {
					status: 422,
					title: "These are not the bytes that were announced",
					explanation: "Send the announced `Content-Type`, and exactly as many bytes as announced.",
				},
				UPLOAD_CUT: { status: 400, title: "The upload broke off; nothing of it was kept" },
			},
			example: { ticket: "eyJmIjoiZmlsXzAxOTAifQ.c2ln" },
		},
		serve: {
			description:
				"Where a link leads while files lie on disk: the bytes, or the range of them that is asked for",
			kind: "read",
			access: "public",
			ignoresToken: true,
			onlyWhere: "disk",
			answers: "stream",
			status: [200, 206],
			media: videoTypes,
			rest: "GET /api/files/downloads/:ticket",
			params: Type.Object({ ticket: Ticket }),
			result: StreamAnswer,
			errors: { TICKET_INVALID, FILE_NOT_FOUND },
			example: { ticket: "eyJmIjoiZmlsXzAxOTAifQ.c2ln" },
		},
		sweep: {
			description:
				"Ends uploads that never came, and drops what is left of those that ended: bytes, parts, copies",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ swept: Type.Integer() }, { $id: "SweptFiles" }),
			example: {},
		},
		endContent: {
			description: "Removes what files were called that ended longer than `RETENTION_DAYS` ago",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ ended: Type.Integer() }, { $id: "EndedFiles" }),
			example: {},
		},
		tidy: {
			description: "Drops what lies in the store and belongs to no file, once it is two days old",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ dropped: Type.Integer() }, { $id: "TidiedFiles" }),
			example: {},
		},
	},
	facts: {
		"file.uploaded": {
			v: 1,
			data: Type.Object({ ...factData, ...factBytes }, { $id: "FileUploaded" }),
		},
		"file.rejected": {
			v: 1,
			data: Type.Object({ ...factData, reason: Reason }, { $id: "FileRejected" }),
		},
		"file.deleted": { v: 1, data: Type.Object(factData, { $id: "FileDeleted" }) },
	},
	schedules: { sweep: "PT1M", endContent: "PT5M", tidy: "PT6H" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		files: typeof files;
	}
}
