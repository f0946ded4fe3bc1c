import type { Clock } from "../../../kernel/clock.ts";
import { Backfill } from "../../../kernel/store/backfill.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { FileDoc } from "../../../models/content/file.model.ts";

export const GB = 1_000_000_000;
/** So many files of one user are counted at most, so more are not let in. */
const mostFiles = 10_000;
const unbounded = Number.MAX_SAFE_INTEGER;

/** States in which a file counts: it has bytes, or may get them. */
const countedStates = ["awaiting_upload", "uploaded"] as const;

/** What somebody's files have together, and may have. */
export interface Usage {
	usedBytes: number;
	allowedBytes: number;
}

/** What keeps a file from being let in: a sentence, with the numbers in it. */
export const quotaDetail = ({ usedBytes, allowedBytes }: Usage, fileSize: number): string =>
	`${usedBytes} of ${allowedBytes} bytes are taken, uploads under way included, and this file has ${fileSize}; ` +
	`nobody may have more than ${mostFiles} files`;

/**
 * The bytes of each user's files. The files themselves are what is counted, by an index of those that count, so that no
 * crash can leave a wrong sum.
 */
export class Quota {
	readonly #files: Collection<FileDoc>;
	readonly #allowedBytes: number;
	readonly #uncounted: Backfill<FileDoc>;

	/** @param allowedGB per user, or `off` */
	constructor(files: Collection<FileDoc>, clock: Clock, allowedGB: number | "off") {
		this.#files = files;
		this.#allowedBytes = allowedGB === "off" ? unbounded : allowedGB * GB;
		this.#uncounted = new Backfill({
			collection: files,
			clock,
			missing: { countsFor: { $exists: false }, status: { $in: countedStates } },
			change: ({ ownerId }) => ({ $set: { countsFor: ownerId } }),
		});
	}

	/**
	 * Looks whether a file fits beside the others of its owner. Who asks after the file was stored is sure: of two that
	 * are stored at once and together are too much, at least one sees the other.
	 */
	async roomFor({
		id,
		ownerId,
		fileSize,
	}: Pick<FileDoc, "id" | "ownerId" | "fileSize">): Promise<Usage & { isThere: boolean }> {
		const allowedBytes = this.#allowedBytes;
		if (allowedBytes === unbounded) return { isThere: true, usedBytes: 0, allowedBytes };
		const counted = await this.#files.find(
			{ countsFor: ownerId, status: { $in: countedStates } },
			{ limit: mostFiles + 1 },
		);
		const others = counted.filter(file => file.id !== id);
		const usedBytes = others.reduce((sum, file) => sum + file.fileSize, 0);
		const isThere = usedBytes + fileSize <= allowedBytes && others.length < mostFiles;
		return { isThere, usedBytes, allowedBytes };
	}

	/** Counts files that were stored by a version that knew of no quota. */
	countAll(): Promise<void> {
		return this.#uncounted.run();
	}
}
