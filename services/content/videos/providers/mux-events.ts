import type { Asset, AssetEvent, Failure } from "./port.ts";

/** The members read here of Mux's asset, from its API and its events alike. */
export interface MuxAsset {
	id: string;
	status?: string;
	duration?: number;
	passthrough?: string;
	playback_ids?: readonly { id: string; policy: string }[] | null;
	errors?: { type?: string; messages?: readonly string[] | null } | null;
}

const isId = (value: unknown): value is string =>
	typeof value === "string" && /^[\w-]{1,255}$/.test(value);

const kinds: ReadonlyMap<string, AssetEvent["kind"]> = new Map([
	["video.asset.created", "asset"],
	["video.asset.ready", "asset"],
	["video.asset.errored", "asset"],
	["video.asset.updated", "asset"],
	["video.asset.deleted", "deleted"],
]);

const listOf = <T>(value: readonly T[] | null | undefined): readonly T[] =>
	Array.isArray(value) ? value : [];

const wordsOf = (messages: readonly string[] | null | undefined): string =>
	listOf(messages)
		.filter(message => typeof message === "string")
		.join(" ")
		.slice(0, 500) || "The video could not be processed";

/** Why Mux could not make it: its own type of error, as a code. */
const failureOf = ({ type, messages }: NonNullable<MuxAsset["errors"]>): Failure => ({
	code: typeof type === "string" && /^[a-z][a-z0-9_]{0,62}$/.test(type) ? type : "errored",
	message: wordsOf(messages),
});

/** How an asset of Mux's stands. One that is ready without a signed playback id is of no use: nobody could play it. */
export function assetOf({ id, status, duration, playback_ids, errors }: MuxAsset): Asset {
	if (status === "errored") return { id, status: "failed", failure: failureOf(errors ?? {}) };
	if (status !== "ready") return { id, status: "preparing" };
	const playbackId = listOf(playback_ids).find(playback => playback?.policy === "signed")?.id;
	if (!isId(playbackId))
		return {
			id,
			status: "failed",
			failure: { code: "not_signed", message: "The video has no signed playback" },
		};
	return {
		id,
		status: "ready",
		playbackId,
		...(typeof duration === "number" && duration > 0 && duration < 1e6 && { duration }),
	};
}

interface RawEvent {
	id?: unknown;
	type?: unknown;
	data?: Partial<MuxAsset> | null;
}

function parsed(body: Buffer): RawEvent | null {
	try {
		return JSON.parse(body.toString()) as RawEvent | null;
	} catch {
		return null;
	}
}

/**
 * The event that the bytes of a webhook hold, its signature checked before; null where they hold none. An asset that was
 * not made for a file of ours is of another product's.
 */
export function muxEvent(body: Buffer): AssetEvent | null {
	const event = parsed(body);
	if (typeof event?.id !== "string" || event.id.length > 100 || typeof event.type !== "string")
		return null;
	const { id, type, data } = event;
	const kind = kinds.get(type) ?? "other";
	const fileId = data?.passthrough;
	if (kind === "other" || !isId(data?.id) || !isId(fileId) || !fileId.startsWith("fil_"))
		return { id, type: type.slice(0, 100), kind: "other" };
	return { id, type, kind, fileId, asset: assetOf(data as MuxAsset) };
}
