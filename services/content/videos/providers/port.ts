import type { InboxEvent } from "../../../../mixins/webhook-inbox.mixin.ts";
import type { Playback } from "../videos.contract.ts";

export interface Failure {
	/** Stable, the provider's own; lower case. */
	code: string;
	/** For the teacher. */
	message: string;
}

/** What a provider makes of a file. It only ever goes on: from `preparing` to one of the others. */
export interface Asset {
	/** The provider's id; letters, digits, `_` and `-`. */
	id: string;
	status: "preparing" | "ready" | "failed";
	/** What is played, once it is ready. */
	playbackId?: string;
	/** Seconds, not rounded. */
	duration?: number;
	failure?: Failure;
}

/** What a webhook says: how an asset stands, or that it is gone. */
export interface AssetEvent extends InboxEvent {
	/** `other`: nothing that videos act on. */
	kind: "asset" | "deleted" | "other";
	/** The file it was made of. */
	fileId?: string;
	asset?: Asset;
}

/**
 * An outside system that makes videos of files. A method that throws says nothing of what happened there: the outcome is
 * unknown, and what was made is looked for before it is made again.
 */
export interface VideoProvider {
	readonly name: string;
	/** Has it make an asset of what `url` opens, under the file's id. `refused` is final: nothing was made. */
	create(order: { fileId: string; url: string }): Promise<{ asset: Asset } | { refused: Failure }>;
	/** All that it made under this file's id since then (ms), in no order. */
	findBy(fileId: string, since: number): Promise<Asset[]>;
	/** Null for what is not there any more. */
	fetch(assetId: string): Promise<Asset | null>;
	/** Drops an asset; one that is gone is dropped. */
	remove(assetId: string): Promise<void>;
	/** Addresses that play it until `seconds` from now, and nothing else. */
	play(video: { fileId: string; playbackId: string }, seconds: number): Promise<Playback>;
	/** The event that `body` holds, or null where its signature does not hold or its time is not within 300 s. */
	readWebhook?(headers: Record<string, unknown>, body: Buffer): AssetEvent | null;
}
