import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { invalidField, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor } from "../../../kernel/ids.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { FileDoc } from "../../../models/content/file.model.ts";
import { files as contract, type StoredFile, type Upload } from "./files.contract.ts";
import { type Quota, quotaDetail, type Usage } from "./quota.ts";
import { isOfType, partsOf, planOf, tellingBytes } from "./rules.ts";
import type { FileStore } from "./stores/port.ts";

const hourMs = 3_600_000;
/** How long a signed address is good for to begin an upload by it. */
const addressMs = hourMs;
/** How long an upload in parts may take in all. */
const inPartsMs = 24 * hourMs;
/** What was begun in time may end this much later. */
const graceMs = hourMs;
const nextTryMs = 10 * 60_000;
/** What belongs to no file is left alone for this long: it may be an upload that is under way. */
const strayMs = 2 * inPartsMs;
const sweptAtOnce = 100;

export interface UploadsNeeds {
	files: Collection<FileDoc>;
	store: FileStore;
	quota: Quota;
	clock: Clock;
	publicUrl: string;
	warn(message: string, error: unknown): void;
}

type Announced = Pick<
	FileDoc,
	"ownerId" | "purpose" | "subjectId" | "fileName" | "fileSize" | "contentType"
> & { multipart?: boolean };
type Request = Pick<Ctx, "headers" | "locals">;

const about = ({ id, ownerId, purpose, subjectId }: FileDoc) => ({
	fileId: id,
	ownerId,
	purpose,
	subjectId,
});

/** What every file gets when it ends: its bytes count no more, and what it was called ages. */
const endedAt = (now: number) => ({ countsFor: "", agesFrom: now, updatedAt: iso(now) });

const noRoom = ({ usedBytes, allowedBytes }: Usage, { fileSize }: FileDoc) => {
	const usage = { usedBytes, allowedBytes };
	return problem(contract, "UPLOAD_QUOTA_EXCEEDED", usage, quotaDetail(usage, fileSize));
};

/** A file as other services see it. */
export const fileView = ({
	id,
	ownerId,
	purpose,
	subjectId,
	fileName,
	fileSize,
	contentType,
	status,
	reason,
	createdAt,
}: FileDoc): StoredFile => ({
	id,
	ownerId,
	purpose,
	subjectId,
	fileName,
	fileSize,
	contentType,
	status,
	...(reason && { reason }),
	createdAt,
});

/**
 * A file's life: announced, brought, looked at, ended. Each step is one guarded update of its document; what the store is
 * told before it can be told again, and what is left over there after it is swept.
 */
export class Uploads {
	readonly #needs: UploadsNeeds;

	constructor(needs: UploadsNeeds) {
		this.#needs = needs;
	}

	/**
	 * Writes the file down and opens its upload; under the same seed again the same one.
	 * @throws VALIDATION_ERROR for a type or size that its purpose does not allow @throws UPLOAD_QUOTA_EXCEEDED
	 */
	async begin(ctx: Request, announced: Announced): Promise<Upload> {
		const { clock, store, publicUrl } = this.#needs;
		const { multipart: _, ...what } = announced;
		const partSize = planOf(announced);
		const now = clock.now();
		const uploadUntil = now + (partSize === undefined ? addressMs : inPartsMs);
		const file = await this.#opened(
			await this.#reserve(ctx, {
				id: idFor(ctx as never, "fil"),
				...what,
				countsFor: what.ownerId,
				...(partSize !== undefined && { partSize }),
				status: "awaiting_upload",
				uploadUntil,
				sweepAt: uploadUntil + graceMs,
				createdAt: iso(now),
				updatedAt: iso(now),
			}),
		);
		const expiresAt = iso(file.uploadUntil);
		if (partSize === undefined) {
			const uploadUrl = await store.uploadUrl(file, file.uploadUntil);
			return { fileId: file.id, uploadUrl, expiresAt };
		}
		const uploadUrl = `${publicUrl}/api/files/${file.id}/parts`;
		const partCount = partsOf(file.fileSize, partSize).length;
		return { fileId: file.id, uploadUrl, expiresAt, partSize, partCount };
	}

	/** The parts that are there. @throws NOT_IN_PARTS, UPLOAD_CLOSED */
	async parts(file: FileDoc) {
		const partSize = this.#partSizeOf(file);
		const parts = await this.#needs.store.parts(file);
		const partCount = partsOf(file.fileSize, partSize).length;
		return { partSize, partCount, parts, expiresAt: iso(file.uploadUntil) };
	}

	/** Addresses that take parts. @throws VALIDATION_ERROR, NOT_IN_PARTS, UPLOAD_CLOSED, also once its time is over */
	async signParts(file: FileDoc, numbers: readonly number[]) {
		const { clock, store } = this.#needs;
		const sizes = partsOf(file.fileSize, this.#partSizeOf(file));
		const now = clock.now();
		if (now >= file.uploadUntil) throw problem(contract, "UPLOAD_CLOSED");
		const expiresAt = Math.min(now + addressMs, file.uploadUntil);
		const parts = await Promise.all(
			[...new Set(numbers)].map(async number => {
				const size = sizes[number - 1];
				if (size === undefined)
					throw invalidField("/numbers", "MAXIMUM", `must be <= ${sizes.length}`);
				return { number, size, url: await store.partUrl(file, { number, size }, expiresAt) };
			}),
		);
		return { parts, expiresAt: iso(expiresAt) };
	}

	/**
	 * Looks at what was uploaded and decides, once: what is found to be right lies where nobody can change it.
	 * @throws UPLOAD_MISSING
	 */
	async confirm(ctx: Request, file: FileDoc): Promise<FileDoc> {
		const { files, clock } = this.#needs;
		if (file.status !== "awaiting_upload") return file;
		let failure: unknown = problem(contract, "UPLOAD_MISSING");
		const seen = await this.#look(file).catch(error => {
			failure = error;
		});
		if (!seen) {
			// Who was quicker has decided, and may have dropped what was looked at here.
			const now = await this.#again(file);
			if (now.status === "awaiting_upload") throw failure;
			return now;
		}
		const { key, reason } = seen;
		const { fileSize, contentType } = file;
		const decidedAt = clock.now();
		const decided = await files.advance(
			{ id: file.id, status: "awaiting_upload" },
			{
				$set: reason
					? { ...endedAt(decidedAt), status: "rejected", reason }
					: { updatedAt: iso(decidedAt), status: "uploaded", key },
			},
			[
				reason
					? fact(ctx, clock, contract, "file.rejected", { ...about(file), reason })
					: fact(ctx, clock, contract, "file.uploaded", { ...about(file), fileSize, contentType }),
			],
		);
		const now = decided ?? (await this.#again(file));
		await this.#drop(now);
		return now;
	}

	/** Ends a file. */
	async remove(ctx: Request, file: FileDoc): Promise<FileDoc> {
		const removed = await this.#delete(ctx, file, ["awaiting_upload", "uploaded", "rejected"]);
		const ended = removed ?? (await this.#again(file));
		await this.#drop(ended);
		return ended;
	}

	/**
	 * Ends uploads whose time is over and drops what is left of all, until the store fails: it may be away, and each asking
	 * takes long then. @returns how many files it went through.
	 */
	async sweep(ctx: Request): Promise<number> {
		const { files, clock, store, warn } = this.#needs;
		const now = clock.now();
		const due = await files.find(
			{ sweepAt: { $lte: now } },
			{ sort: { sweepAt: 1 }, limit: sweptAtOnce },
		);
		for (const [i, file] of due.entries()) {
			const { id, sweepAt } = file;
			const expired = await files.advance(
				{ id, status: "awaiting_upload" },
				{ $set: { ...endedAt(now), status: "rejected", reason: "expired" } },
				[fact(ctx, clock, contract, "file.rejected", { ...about(file), reason: "expired" })],
			);
			const { key } = expired ?? (await this.#again(file));
			const isGone = await store.purge({ id }, key).then(
				() => true,
				error => warn(`What is left of the upload of ${id} could not be dropped`, error),
			);
			await files.advance(
				{ id, sweepAt },
				isGone ? { $unset: { sweepAt: true } } : { $set: { sweepAt: clock.now() + nextTryMs } },
			);
			if (!isGone) return i + 1;
		}
		return due.length;
	}

	/** Drops what belongs to no file. @returns how many things. */
	tidy(): Promise<number> {
		return this.#needs.store.tidy(this.#needs.clock.now() - strayMs);
	}

	/** What was uploaded: where it lies now, and what is wrong with it; undefined while the whole is not there. */
	async #look(
		file: FileDoc,
	): Promise<{ key: string; reason: "size" | "type" | undefined } | undefined> {
		const { store } = this.#needs;
		const sealed = await store.seal(file);
		if (!sealed) return undefined;
		const { key, size } = sealed;
		if (size !== file.fileSize) return { key, reason: "size" };
		const isRight = await isOfType(file, await store.first(key, tellingBytes));
		return { key, reason: isRight ? undefined : "type" };
	}

	/** What is not dropped now is swept later. */
	async #drop({ id, key }: FileDoc): Promise<void> {
		const { store, warn } = this.#needs;
		await store
			.purge({ id }, key)
			.catch(error => warn(`What is left of the upload of ${id} is dropped later`, error));
	}

	async #again({ id }: FileDoc): Promise<FileDoc> {
		const found = await this.#needs.files.get(id);
		if (!found) throw problem(contract, "FILE_NOT_FOUND");
		return found;
	}

	/** Null unless it is in one of these states. */
	#delete(
		ctx: Request,
		file: FileDoc,
		from: readonly FileDoc["status"][],
		more: Partial<FileDoc> = {},
	): Promise<FileDoc | null> {
		const { files, clock } = this.#needs;
		const now = clock.now();
		const sweepAt = Math.max(now, file.uploadUntil + graceMs);
		return files.advance(
			{ id: file.id, status: { $in: from } },
			{ $set: { ...endedAt(now), ...more, status: "deleted", sweepAt }, $unset: { key: true } },
			[fact(ctx, clock, contract, "file.deleted", about(file))],
		);
	}

	/**
	 * Stores a file where its owner has room for it. It is stored, then looked at again, and taken back where others came
	 * in meanwhile: of two that are too much together both may be refused, and never both stay.
	 */
	async #reserve(ctx: Request, file: FileDoc): Promise<FileDoc> {
		const { files, quota } = this.#needs;
		const known = await files.get(file.id);
		if (!known) {
			const room = await quota.roomFor(file);
			if (!room.isThere) throw noRoom(room, file);
		}
		const stored = known ?? (await this.#insertOnce(file));
		const room = await quota.roomFor(stored);
		if (!room.isThere) await this.#delete(ctx, stored, ["awaiting_upload"], { hadNoRoom: true });
		const now = await this.#again(stored);
		if (now.hadNoRoom) throw noRoom(room, file);
		return now;
	}

	async #insertOnce(file: FileDoc): Promise<FileDoc> {
		const { files } = this.#needs;
		try {
			return await files.insert(file);
		} catch (error) {
			const made = isDuplicate(error, "id") ? await files.get(file.id) : null;
			if (!made) throw error;
			return made;
		}
	}

	/** The file with its upload opened in the store. One that is opened twice is ended there by the sweep. */
	async #opened(file: FileDoc): Promise<FileDoc> {
		const { files, store } = this.#needs;
		if (file.uploadId !== undefined) return file;
		const uploadId = await store.open(file);
		if (uploadId === undefined) return file;
		const opened = await files.advance(
			{ id: file.id, uploadId: { $exists: false } },
			{ $set: { uploadId } },
		);
		return opened ?? this.#again(file);
	}

	#partSizeOf({ partSize, status }: FileDoc): number {
		if (partSize === undefined) throw problem(contract, "NOT_IN_PARTS");
		if (status !== "awaiting_upload") throw problem(contract, "UPLOAD_CLOSED");
		return partSize;
	}
}
