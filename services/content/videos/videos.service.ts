import { iso } from "../../../kernel/clock.ts";
import type { Caller } from "../../../kernel/contract.ts";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { implement } from "../../../kernel/implement.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { WebhookInbox } from "../../../mixins/webhook-inbox.mixin.ts";
import { PlaybackKeyModel } from "../../../models/content/playback-key.model.ts";
import { VideoModel } from "../../../models/content/video.model.ts";
import { Encoding } from "./encoding.ts";
import { providerFor } from "./providers/choose.ts";
import { VideoProviders } from "./providers/mixin.ts";
import type { AssetEvent } from "./providers/port.ts";
import { videos } from "./videos.contract.ts";

/** Videos: what becomes of a lecture's file. */
export default implement(videos, {
	mixins: [
		Store({ videos: VideoModel, keys: PlaybackKeyModel }),
		WebhookInbox<AssetEvent>("video_events"),
		VideoProviders,
	],

	methods: {
		/** @param mesh the fact or request, where there is one. */
		encoding(mesh?: Caller): Encoding {
			return new Encoding({
				videos: this.videos,
				providers: this.providers,
				provider: providerFor(this.env),
				clock: this.clock,
				mesh: mesh ?? this.broker,
				warn: (message, error) => this.logger.warn(message, error),
			});
		},

		isKnownEvent: ({ kind }: AssetEvent) => kind !== "other",
		subjectOfEvent: ({ fileId }: AssetEvent) => fileId,

		async applyEvent({ kind, fileId, asset }: AssetEvent): Promise<string | undefined> {
			if (!fileId || !asset) return;
			return this.encoding().tell(fileId, asset, { isGone: kind === "deleted" });
		},
	},

	actions: {
		async available() {
			return { available: providerFor(this.env) !== undefined };
		},

		async find(ctx) {
			const video = await this.videos.get(ctx.params.fileId);
			if (!video || video.status === "deleted") throw problem(videos, "VIDEO_NOT_FOUND");
			const { id: fileId, status, durationSeconds, reason, detail } = video;
			return {
				fileId,
				status,
				...(durationSeconds !== undefined && { durationSeconds }),
				...(status === "failed" && { reason, detail }),
			};
		},

		async play(ctx) {
			const { fileId, seconds } = ctx.params;
			const video = await this.videos.get(fileId);
			if (!video || video.status === "deleted") throw problem(videos, "VIDEO_NOT_FOUND");
			const { status, provider: name = "", playbackId } = video;
			const provider = this.providers.get(name);
			if (status !== "ready" || !playbackId || !provider) throw problem(videos, "VIDEO_NOT_READY");
			return provider.play({ fileId, playbackId }, seconds);
		},

		async webhook(ctx) {
			const { headers, body } = ctx.params;
			const mux = this.env.MUX_WEBHOOK_SECRET.length > 0 ? this.providers.get("mux") : undefined;
			if (!mux?.readWebhook) throw platformProblem("NOT_FOUND");
			const bytes = Buffer.from(body, "base64");
			const event = mux.readWebhook(headers as Record<string, unknown>, bytes);
			if (!event) throw problem(videos, "SIGNATURE_INVALID");
			await this.inbox.take(mux.name, event, bytes.toString());
			return { received: true as const };
		},

		async reconcile(ctx) {
			return this.encoding().reconcile(ctx.params.now ?? false);
		},

		async applyEvents() {
			return { applied: await this.inbox.applyDue() };
		},

		async endEventContent() {
			return { ended: await this.inbox.endContent() };
		},

		async events(ctx) {
			const found = await this.inbox.about(ctx.params.fileId);
			return {
				items: found.map(({ id, type, state, tries, lastError, receivedAt, agesFrom }) => ({
					id,
					type,
					state,
					tries,
					...(lastError && { lastError }),
					receivedAt: iso(receivedAt),
					...(agesFrom === 0 && { isPastRetention: true }),
				})),
			};
		},

		async replayEvent(ctx) {
			const state = await this.inbox.replay(ctx.params.id);
			if (!state) throw problem(videos, "EVENT_NOT_FOUND");
			return { state };
		},
	},

	on: {
		async "file.uploaded"({ fileId, purpose, subjectId }, ctx) {
			if (purpose === "lecture") await this.encoding(ctx).begin(fileId, subjectId);
		},

		async "file.deleted"({ fileId, purpose, subjectId }, ctx) {
			if (purpose === "lecture") await this.encoding(ctx).end(fileId, subjectId);
		},
	},
});
