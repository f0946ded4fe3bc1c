import Mux from "@mux/mux-node";
import { type Clock, iso } from "../../../../kernel/clock.ts";
import { isSignedWebhook } from "../../../../kernel/webhook-signature.ts";
import { assetOf, type MuxAsset, muxEvent } from "./mux-events.ts";
import type { Asset, Failure, VideoProvider } from "./port.ts";

/** A key that signs playback, by Mux's id of it. */
export interface PlaybackKey {
	keyId: string;
	privateKey: CryptoKey;
}

export interface MuxSettings {
	tokenId: string;
	tokenSecret: string;
	/** The first is the newest; all verify. None: no event holds. */
	webhookSecrets: readonly string[];
	/** Another Mux than the real one. */
	apiBase?: string | undefined;
	clock: Clock;
	/** The key to sign with. */
	key(mux: Pick<Mux, "system">): Promise<PlaybackKey>;
	/** Longest wait for one answer, ms. */
	timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;
const perPage = 100;
/** How many of the newest assets are looked through for one that Mux made and did not answer with. */
const newest = 1_000;
/** How far Mux's clock may be from ours, ms. */
const clockSkewMs = 600_000;

/** All settings are given: the SDK would else read variables of its own. */
const clientOf = ({ tokenId, tokenSecret, apiBase, timeoutMs }: MuxSettings): Mux =>
	new Mux({
		tokenId,
		tokenSecret,
		baseURL: apiBase ?? null,
		timeout: timeoutMs ?? defaultTimeoutMs,
		maxRetries: 0,
		logLevel: "off",
		webhookSecret: null,
		jwtSigningKey: null,
		jwtPrivateKey: null,
		authorizationToken: null,
	});

const statusOf = (error: unknown): number | undefined =>
	error instanceof Mux.APIError ? error.status : undefined;

/** Why Mux refused an order for good; undefined for what says nothing of it: keys, limits, its own failures, the network. */
function refusalOf(error: unknown): Failure | undefined {
	if (statusOf(error) !== 400 && statusOf(error) !== 422) return undefined;
	const { error: body } = error as { error?: { error?: { messages?: string[] } } };
	const message = body?.error?.messages?.join(" ").slice(0, 500);
	return { code: "invalid_input", message: message || "Mux does not take this file" };
}

/** What `ask` gives; null where Mux does not have it. */
async function orGone<T>(ask: () => Promise<T>): Promise<T | null> {
	try {
		return await ask();
	} catch (error) {
		if (statusOf(error) !== 404) throw error;
		return null;
	}
}

/**
 * Mux by its SDK: assets with a signed playback policy, made of what a link opens. Mux knows no idempotency keys: the
 * file's id goes along as `passthrough`, by which an asset is found again.
 */
export function muxProvider(settings: MuxSettings): VideoProvider {
	const { webhookSecrets, clock, key } = settings;
	const mux = clientOf(settings);

	const sign = async (playbackId: string, type: "video" | "thumbnail", seconds: number) => {
		const { keyId, privateKey } = await key(mux);
		return mux.jwt.signPlaybackId(playbackId, {
			keyId,
			keySecret: privateKey as never,
			type,
			expiration: `${seconds}s`,
		});
	};

	return {
		name: "mux",

		async create({ fileId, url }) {
			try {
				const made = await mux.video.assets.create({
					inputs: [{ url }],
					playback_policies: ["signed"],
					passthrough: fileId,
				});
				return { asset: assetOf(made as MuxAsset) };
			} catch (error) {
				const refused = refusalOf(error);
				if (!refused) throw error;
				return { refused };
			}
		},

		/** Mux lists the newest first; a page that begins before `since` is the last that is looked at. */
		async findBy(fileId, since) {
			const found: Asset[] = [];
			let page = await mux.video.assets.list({ limit: perPage });
			for (let looked = 0; ; page = await page.getNextPage()) {
				for (const asset of page.data)
					if (asset.passthrough === fileId) found.push(assetOf(asset as MuxAsset));
				looked += page.data.length;
				const first = page.data[0];
				const isOld = !first || Number(first.created_at) * 1_000 < since - clockSkewMs;
				if (isOld || looked >= newest || !page.hasNextPage()) return found;
			}
		},

		async fetch(assetId) {
			const asset = await orGone(() => mux.video.assets.retrieve(assetId));
			return asset && assetOf(asset as MuxAsset);
		},

		async remove(assetId) {
			await orGone(() => mux.video.assets.delete(assetId));
		},

		async play({ playbackId }, seconds) {
			const expiresAt = iso(clock.now() + seconds * 1_000);
			const [video, thumbnail] = await Promise.all([
				sign(playbackId, "video", seconds),
				sign(playbackId, "thumbnail", seconds),
			]);
			return {
				videoUrl: `https://stream.mux.com/${playbackId}.m3u8?token=${video}`,
				thumbnailUrl: `https://image.mux.com/${playbackId}/thumbnail.jpg?token=${thumbnail}`,
				form: "hls",
				expiresAt,
			};
		},

		readWebhook(headers, body) {
			const signature = headers["mux-signature"];
			return isSignedWebhook(signature, body, webhookSecrets, clock.now()) ? muxEvent(body) : null;
		},
	};
}
