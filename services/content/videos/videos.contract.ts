import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { Id, PastRetention, Timestamp } from "../../../kernel/schemas.ts";

const Duration = Type.Integer({ minimum: 1, description: "Seconds" });
const Reason = Type.String({ description: "A stable code, lower case" });

export const Video = Type.Object(
	{
		fileId: Type.String(),
		status: Type.Enum(["processing", "ready", "failed"]),
		durationSeconds: Type.Optional(Duration),
		reason: Type.Optional(Reason),
		detail: Type.Optional(Type.String({ description: "The reason in words" })),
	},
	{ $id: "Video" },
);
export type Video = Static<typeof Video>;

export const VideoForm = Type.Enum(["hls", "file"], {
	description: "hls: a playlist of segments (RFC 8216); file: the video file itself",
});

export const Playback = Type.Object(
	{
		videoUrl: Type.String(),
		thumbnailUrl: Type.Optional(Type.String()),
		form: VideoForm,
		expiresAt: Timestamp,
	},
	{ $id: "Playback" },
);
export type Playback = Static<typeof Playback>;

const EventState = Type.Enum(["received", "done", "ignored", "parked"]);

export const VIDEO_NOT_FOUND = { status: 404, title: "There is no such video" } as const;
const VIDEO_NOT_READY = { status: 409, title: "The video cannot be played" } as const;

const example = { fileId: "fil_0190f3c2-0000-7000-8000-000000000000" };
const factData = { fileId: Type.String(), lectureId: Type.String() };

/** What becomes of an uploaded file that is a video: encoded by a provider, and played by short-lived addresses. */
export const videos = defineContract("videos", {
	description: "Videos of lectures: encoded, and played by signed addresses that end soon",
	actions: {
		available: {
			description: "Whether anything here makes videos of files",
			kind: "read",
			access: "internal",
			result: Type.Object({ available: Type.Boolean() }, { $id: "VideosAvailable" }),
			example: {},
		},
		find: {
			description: "How the video of an uploaded file stands",
			kind: "read",
			access: "internal",
			params: Type.Object({ fileId: Id }),
			result: Video,
			errors: { VIDEO_NOT_FOUND },
			example,
		},
		play: {
			description:
				"Addresses that play a video for so many seconds, to whoever has them: ask only for a caller who may watch it",
			kind: "read",
			access: "internal",
			params: Type.Object({
				fileId: Id,
				userId: Type.Optional(Id),
				seconds: Type.Integer({ minimum: 60, maximum: 21_600 }),
			}),
			result: Playback,
			errors: { VIDEO_NOT_FOUND, VIDEO_NOT_READY },
			example: { ...example, seconds: 3_600 },
		},
		webhook: {
			description: "Takes Mux's signed event: stored before it is answered, applied once",
			kind: "write",
			access: "public",
			rest: "POST /webhooks/mux",
			accepts: "raw",
			ignoresToken: true,
			params: Type.Object({
				headers: Type.Object({}, { additionalProperties: true }),
				body: Type.String({ description: "base64" }),
			}),
			result: Type.Object({ received: Type.Literal(true) }, { $id: "VideoWebhookReceived" }),
			errors: {
				NOT_FOUND: { status: 404, title: "Mux is not set up here" },
				SIGNATURE_INVALID: {
					status: 400,
					title: "The signature does not hold",
					explanation:
						"It covers the time and the body byte for byte, and its time must be within 300 s of now.",
				},
			},
		},
		reconcile: {
			description:
				"Asks the provider about every video whose end is not known and whose time has come (`now`: of all being " +
				"made), makes what was not made yet, and removes there what is not needed any more",
			kind: "write",
			access: "internal",
			params: Type.Object({ now: Type.Optional(Type.Boolean()) }),
			result: Type.Object(
				{
					asked: Type.Integer(),
					open: Type.Integer({ description: "Whose end is still unknown" }),
				},
				{ $id: "ReconciledVideos" },
			),
			timeoutMs: 60_000,
			example: {},
		},
		applyEvents: {
			description: "Applies stored events that could not be applied when they came",
			kind: "write",
			access: "internal",
			result: Type.Object({ applied: Type.Integer() }, { $id: "AppliedVideoEvents" }),
			example: {},
		},
		endEventContent: {
			description:
				"Removes what events said that were applied, or mean nothing here, longer than `RETENTION_DAYS` ago; that they " +
				"came stays known, so that none is applied twice",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ ended: Type.Integer() }, { $id: "EndedVideoEvents" }),
			example: {},
		},
		events: {
			description:
				"Events about a video as they came, in that order: `ignored` are of types that mean nothing here, `parked` " +
				"could not be applied within a day",
			kind: "read",
			access: "internal",
			params: Type.Object({ fileId: Id }),
			result: Type.Object(
				{
					items: Type.Array(
						Type.Object({
							id: Type.String({ description: "`<provider>:<event id>`" }),
							type: Type.String(),
							state: EventState,
							tries: Type.Integer(),
							lastError: Type.Optional(Type.String()),
							receivedAt: Timestamp,
							isPastRetention: Type.Optional(PastRetention),
						}),
					),
				},
				{ $id: "VideoEvents" },
			),
			example,
		},
		replayEvent: {
			description: "Applies a parked event once more; `state` says whether that went well",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Id }),
			result: Type.Object({ state: EventState }, { $id: "ReplayedVideoEvent" }),
			errors: { EVENT_NOT_FOUND: { status: 404, title: "There is no such event" } },
			example: { id: "mux:3c1a7f0e" },
		},
	},
	facts: {
		"video.ready": {
			v: 1,
			data: Type.Object(
				{ ...factData, durationSeconds: Type.Optional(Duration) },
				{ $id: "VideoReady" },
			),
		},
		"video.failed": {
			v: 1,
			data: Type.Object({ ...factData, reason: Reason }, { $id: "VideoFailed" }),
		},
	},
	consumes: {
		"file.uploaded": { from: "start" },
		"file.deleted": { from: "start" },
	},
	schedules: { reconcile: "PT30S", applyEvents: "PT10S", endEventContent: "PT5M" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		videos: typeof videos;
	}
}
