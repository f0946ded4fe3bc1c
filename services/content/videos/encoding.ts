import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Caller, Fact } from "../../../kernel/contract.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { VideoDoc } from "../../../models/content/video.model.ts";
import type { Asset, Failure, VideoProvider } from "./providers/port.ts";
import { videos as contract } from "./videos.contract.ts";

/** How long a link lives by which the provider takes the file, seconds. */
const inputSeconds = 6 * 3_600;
/** The longest that an address which plays a video lives: as long a removed one is still there, ms. */
const longestPlayMs = 6 * 3_600_000;
const encodingMs = 600_000;
const firstBackOffMs = 30_000;
const longestBackOffMs = 3_600_000;
const batch = 100;

/** How long until a video is attended to once more: doubling from 30 s, of one that is being made from 10 min, to 1 h. */
export const askAgainMs = (asks: number, isMade: boolean): number =>
	Math.min(longestBackOffMs, (isMade ? encodingMs : firstBackOffMs) * 2 ** Math.min(asks, 7));

const wholeSeconds = (duration: number | undefined) =>
	duration === undefined ? {} : { durationSeconds: Math.max(1, Math.floor(duration)) };

const gone: Failure = { code: "asset_deleted", message: "The video was deleted at its provider" };

export interface EncodingNeeds {
	videos: Collection<VideoDoc>;
	providers: ReadonlyMap<string, VideoProvider>;
	/** Who makes new ones, by name; nobody where undefined. */
	provider: string | undefined;
	clock: Clock;
	mesh: Caller;
	warn(message: string, error: unknown): void;
}

/**
 * Has videos made of files. Each step is one guarded update; a call that makes something at a provider is written down
 * before, and what became of one that was not answered is looked for by the file's id before it is made again. Whatever
 * is cut off, the next that comes by (fact, webhook, reconciler) goes on from what is written.
 */
export class Encoding {
	readonly #needs: EncodingNeeds;

	constructor(needs: EncodingNeeds) {
		this.#needs = needs;
	}

	/** A file has come: its video is written down, and asked for where nobody does so already. */
	async begin(fileId: string, lectureId: string): Promise<void> {
		const { provider } = this.#needs;
		const doc = await this.#insert(fileId, lectureId, "processing", provider);
		await this.#attend(doc);
	}

	/** A file is no more; what was made of it goes once the last address that plays it has ended. */
	async end(fileId: string, lectureId: string): Promise<void> {
		const { videos, clock } = this.#needs;
		for (;;) {
			const doc = await this.#insert(fileId, lectureId, "deleted");
			const { status, assetId } = doc;
			if (status === "deleted") return;
			const now = clock.now();
			const isDone = await videos.advance(
				{ id: fileId, status, assetId: assetId ?? { $exists: false } },
				{
					$set: {
						status: "deleted",
						updatedAt: iso(now),
						askAt: status === "ready" ? now + longestPlayMs : now,
						...(assetId && { [`doomed.${assetId}`]: true }),
					},
				},
			);
			if (isDone) return;
		}
	}

	/**
	 * Writes down how an asset of a file stands, whoever tells it and in whatever order: a video goes on from processing
	 * to ready or failed, and from ready to failed where its asset is gone. A second asset of the same file is removed.
	 * @returns what is missing for it, if anything.
	 */
	async tell(
		fileId: string,
		asset: Asset,
		{ isGone = false }: { isGone?: boolean } = {},
	): Promise<string | undefined> {
		const known = await this.#needs.videos.get(fileId);
		if (!known) return "its video is not known yet";
		const doc = await this.#adopt(known, asset.id);
		if (doc.assetId !== asset.id || doc.status === "deleted") {
			if (isGone) await this.#forget(doc, asset.id);
			else await this.#doom(doc, asset.id);
			return;
		}
		if (isGone) await this.#fail(doc, gone, ["processing", "ready"]);
		else if (asset.status === "failed" && asset.failure) await this.#fail(doc, asset.failure);
		else if (asset.status === "ready") await this.#succeed(doc, asset);
	}

	/** @param all not only those whose time has come: all that are being made. */
	async reconcile(all: boolean): Promise<{ asked: number; open: number }> {
		const { videos, clock } = this.#needs;
		const askAt = all ? { $exists: true } : { $lte: clock.now() };
		let asked = 0;
		for (let after = ""; ; ) {
			const due = await videos.find(
				{ id: { $gt: after }, askAt },
				{ sort: { id: 1 }, limit: batch },
			);
			for (const doc of due) {
				after = doc.id;
				await this.#attend(doc, all);
				asked++;
			}
			if (due.length < batch) break;
		}
		return { asked, open: await videos.count({ askAt: { $exists: true } }) };
	}

	/** Does what is open for a video and puts off when it is attended to again; of two that come at once, one. */
	async #attend(doc: VideoDoc, all = false): Promise<void> {
		const { id, status, askAt, asks, assetId } = doc;
		const { videos, clock, warn } = this.#needs;
		const now = clock.now();
		if (askAt === undefined) return;
		if (askAt > now && !(all && status === "processing")) return;
		const claimed = await videos.advance(
			{ id, askAt, asks },
			{ $set: { askAt: now + askAgainMs(asks, assetId !== undefined) }, $inc: { asks: 1 } },
		);
		if (!claimed) return;
		try {
			await this.#proceed(claimed);
		} catch (error) {
			warn(`${id} is attended to again later`, error);
		}
	}

	async #proceed(doc: VideoDoc): Promise<void> {
		const { id, status, assetId, askedAt } = doc;
		const provider = this.#providerOf(doc);
		if (status === "processing") {
			if (assetId) {
				const asset = await provider.fetch(assetId);
				await this.tell(id, asset ?? { id: assetId, status: "preparing" }, { isGone: !asset });
			} else await this.#make(doc, provider);
		} else {
			const lost = assetId || askedAt === undefined ? [] : await provider.findBy(id, askedAt);
			const doomed = new Set([...Object.keys(doc.doomed ?? {}), ...lost.map(asset => asset.id)]);
			for (const surplus of doomed) {
				await provider.remove(surplus);
				await this.#needs.videos.advance({ id }, { $unset: { [`doomed.${surplus}`]: true } });
			}
			await this.#rest(doc);
		}
	}

	/** Nothing is open any more, unless something was since. */
	async #rest({ id, asks, askAt }: VideoDoc): Promise<void> {
		const { videos } = this.#needs;
		await videos.advance({ id, asks, askAt }, { $unset: { askAt: true } });
	}

	/** Has the provider make it, unless it did so already without being heard. */
	async #make(doc: VideoDoc, provider: VideoProvider): Promise<void> {
		const { videos, mesh, clock } = this.#needs;
		const { id, askedAt } = doc;
		if (askedAt !== undefined) {
			const made = await provider.findBy(id, askedAt);
			for (const asset of made) await this.tell(id, asset);
			if (made.length > 0) return;
		}
		const { url } = await mesh.call("files.link", { id, seconds: inputSeconds });
		const noted = await videos.advance(
			{ id, status: "processing", assetId: { $exists: false } },
			{ $set: { askedAt: askedAt ?? clock.now(), provider: provider.name } },
		);
		if (!noted) return;
		const answer = await provider.create({ fileId: id, url });
		if ("refused" in answer) await this.#fail(noted, answer.refused);
		else await this.tell(id, answer.asset);
	}

	/** @throws Error where nobody is set up who could make it. */
	#providerOf({ provider: name }: VideoDoc): VideoProvider {
		const { providers, provider: current } = this.#needs;
		const provider = providers.get(name ?? current ?? "");
		if (!provider) throw new Error(`the video provider ${name ?? ""} is not set up`);
		return provider;
	}

	/** A video without an asset takes this one. */
	async #adopt(doc: VideoDoc, assetId: string): Promise<VideoDoc> {
		const { videos, clock } = this.#needs;
		if (doc.assetId || doc.status !== "processing") return doc;
		const { id, provider } = doc;
		const now = clock.now();
		const adopted = await videos.advance(
			{ id, status: "processing", assetId: { $exists: false } },
			{
				$set: {
					assetId,
					provider: provider ?? this.#needs.provider,
					asks: 0,
					askAt: now + encodingMs,
					updatedAt: iso(now),
				},
			},
		);
		return adopted ?? ((await videos.get(id)) as VideoDoc);
	}

	/** What a second asking made, or what is of a file that is no more, is removed when it is next attended to. */
	async #doom({ id }: VideoDoc, assetId: string): Promise<void> {
		const { videos, clock } = this.#needs;
		await videos.advance(
			{ id, [`doomed.${assetId}`]: { $exists: false } },
			{ $set: { [`doomed.${assetId}`]: true, askAt: clock.now(), asks: 0 } },
		);
	}

	/** The provider has dropped it by itself. */
	async #forget({ id }: VideoDoc, assetId: string): Promise<void> {
		await this.#needs.videos.advance({ id }, { $unset: { [`doomed.${assetId}`]: true } });
	}

	async #succeed(doc: VideoDoc, { playbackId, duration }: Asset): Promise<void> {
		const { id: fileId, lectureId } = doc;
		const length = wholeSeconds(duration);
		await this.#close(
			fileId,
			["processing"],
			{ status: "ready", playbackId, ...length },
			"video.ready",
			{
				fileId,
				lectureId,
				...length,
			},
		);
	}

	async #fail(
		doc: VideoDoc,
		{ code: reason, message: detail }: Failure,
		from: VideoDoc["status"][] = ["processing"],
	): Promise<void> {
		const { id: fileId, lectureId } = doc;
		await this.#close(fileId, from, { status: "failed", reason, detail }, "video.failed", {
			fileId,
			lectureId,
			reason,
		});
	}

	/**
	 * The end of a video, once: made on what was read, or read again, because what is doomed meanwhile is still to be
	 * removed.
	 */
	async #close<K extends "video.ready" | "video.failed">(
		id: string,
		from: VideoDoc["status"][],
		change: Partial<VideoDoc>,
		name: K,
		data: Fact<K>,
	): Promise<void> {
		const { videos, clock } = this.#needs;
		for (;;) {
			const doc = await videos.get(id);
			if (!doc || !from.includes(doc.status)) return;
			const { status, asks, askAt, doomed = {} } = doc;
			const isAllDone = Object.keys(doomed).length === 0;
			const closed = await videos.advance(
				{ id, status, asks, askAt: askAt ?? { $exists: false } },
				{
					$set: { ...change, updatedAt: iso(clock.now()) },
					...(isAllDone && { $unset: { askAt: true } }),
				},
				[this.#fact(`${id}/${name}`, name, data)],
			);
			if (closed) return;
		}
	}

	/** A fact's id follows from what it tells: told twice it is the same one. */
	#fact<K extends "video.ready" | "video.failed">(
		seed: string,
		name: K,
		data: Fact<K>,
	): OutgoingFact {
		const cause = { headers: { seed }, locals: {} } as never;
		return fact(cause, this.#needs.clock, contract, name, data as never);
	}

	/** The video of a file, made in this state where there is none yet. */
	async #insert(
		id: string,
		lectureId: string,
		status: "processing" | "deleted",
		provider?: string,
	): Promise<VideoDoc> {
		const { videos, clock } = this.#needs;
		const now = clock.now();
		try {
			return await videos.insert({
				id,
				lectureId,
				status,
				...(provider && { provider }),
				...(status === "processing" && { askAt: now }),
				asks: 0,
				createdAt: iso(now),
				updatedAt: iso(now),
			});
		} catch (error) {
			const known = isDuplicate(error, "id") ? await videos.get(id) : null;
			if (!known) throw error;
			return known;
		}
	}
}
