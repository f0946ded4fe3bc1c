import type { Clock } from "../../../kernel/clock.ts";
import type { Ctx, Fact, Params, Result } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import type { Collection, OutgoingFact } from "../../../kernel/store/collection.ts";
import type { Change } from "../../../kernel/store/guard.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc, LectureUpload } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import { courses as contract } from "./courses.contract.ts";
import { kept, outlineChanged } from "./lessons.ts";

const leastPlaySeconds = 900;
const longestPlaySeconds = 21_600;
const unknownPlaySeconds = 7_200;

/** How long an address that plays a video lives: one and a half times as long as the video, seconds. */
export const playSeconds = (durationSeconds: number | undefined): number =>
	durationSeconds === undefined
		? unknownPlaySeconds
		: Math.min(longestPlaySeconds, Math.max(leastPlaySeconds, Math.ceil(durationSeconds * 1.5)));

/** An upload of a lecture's, with its file. */
export type Upload = LectureUpload & { fileId: string };

/** A lecture's uploads, the newest first. */
export const uploadsOf = ({ uploads = {} }: Pick<LectureDoc, "uploads">): Upload[] =>
	Object.entries(uploads)
		.map(([fileId, upload]) => ({ fileId, ...upload }))
		.sort((a, b) => b.n - a.n);

const uploadOf = ({ uploads }: LectureDoc, fileId: string): LectureUpload | undefined =>
	uploads && Object.hasOwn(uploads, fileId) ? uploads[fileId] : undefined;

/** What plays: the newest upload that is ready. */
export const playingOf = (lecture: Pick<LectureDoc, "uploads">): Upload | undefined =>
	uploadsOf(lecture).find(({ status }) => status === "ready");

/** Uploads that nobody will ever see: older than what plays. */
export const supersededOf = (lecture: Pick<LectureDoc, "uploads">): Upload[] => {
	const playing = playingOf(lecture);
	return playing ? uploadsOf(lecture).filter(({ n }) => n < playing.n) : [];
};

/** Why a file was refused, in words. */
const refusals: Readonly<Record<string, string>> = {
	size: "The file is not as large as was announced",
	type: "The file is not what was announced, or no video",
	superseded: "Another upload has taken its place",
};

interface Step {
	change: Change;
	facts?: OutgoingFact[];
}

export interface LectureVideosNeeds {
	lectures: Collection<LectureDoc>;
	courses: Pick<Collection<CourseDoc>, "get">;
	clock: Clock;
	/** The request or fact. */
	ctx: Ctx;
}

/** Videos of lectures: each upload is one file, and what is played is the newest that is ready. */
export class LectureVideos {
	readonly #needs: LectureVideosNeeds;

	constructor(needs: LectureVideosNeeds) {
		this.#needs = needs;
	}

	/**
	 * Announces a new upload, which takes the place of one that was not confirmed yet. The lecture names that one until its
	 * file is removed: it may have been confirmed without the lecture having heard so.
	 * @throws VIDEO_UNAVAILABLE @throws LECTURE_NOT_FOUND, and what `files.begin` throws.
	 */
	async begin(
		{ id: lectureId }: LectureDoc,
		ownerId: string,
		{ id: _, ...wanted }: Params<"courses.uploadLecture">,
	): Promise<Result<"files.begin">> {
		const { ctx } = this.#needs;
		const { available } = await ctx.call("videos.available");
		if (!available) throw problem(contract, "VIDEO_UNAVAILABLE");
		const file = { ...wanted, ownerId, purpose: "lecture", subjectId: lectureId } as const;
		const begun = await ctx.call("files.begin", file);
		const { fileId } = begun;
		const lecture = await this.#change(lectureId, current => {
			if (uploadOf(current, fileId)) return null;
			const unconfirmed = uploadsOf(current).filter(({ status }) => status === "awaiting_upload");
			const n = (current.uploadsVersion ?? 0) + 1;
			const superseded = unconfirmed.map(old => [
				`uploads.${old.fileId}`,
				{ n: old.n, status: "failed", reason: "superseded" },
			]);
			return {
				change: {
					$set: {
						...Object.fromEntries(superseded),
						[`uploads.${fileId}`]: { n, status: "awaiting_upload" },
					},
				},
			};
		});
		if (!lecture) throw problem(contract, "LECTURE_NOT_FOUND");
		await this.#removeAll(
			lecture,
			uploadsOf(lecture).filter(({ reason }) => reason === "superseded"),
		);
		return begun;
	}

	/**
	 * Says that an upload is complete. The same on every repeat.
	 * @throws UPLOAD_NOT_FOUND, and what `files.confirm` throws.
	 */
	async confirm(lecture: LectureDoc, fileId: string): Promise<Result<"courses.lectureVideo">> {
		const { ctx } = this.#needs;
		const upload = uploadOf(lecture, fileId);
		if (!upload) throw problem(contract, "UPLOAD_NOT_FOUND");
		if (upload.status !== "awaiting_upload") return this.#view(lecture, { fileId, ...upload });
		const file = await ctx.call("files.confirm", { id: fileId }).catch(error => {
			throw codeOf(error) === "FILE_NOT_FOUND" ? problem(contract, "UPLOAD_NOT_FOUND") : error;
		});
		const next: Partial<LectureUpload> =
			file.status === "uploaded"
				? { status: "uploaded" }
				: { status: "failed", reason: file.reason ?? "rejected" };
		const changed = await this.#set(lecture.id, fileId, next, ["awaiting_upload"]);
		const now = changed && uploadOf(changed, fileId);
		if (!changed || !now || file.status === "deleted") throw problem(contract, "UPLOAD_NOT_FOUND");
		return this.#view(changed, { fileId, ...now });
	}

	/** How the newest upload stands. @throws LECTURE_HAS_NO_VIDEO */
	async status(lecture: LectureDoc): Promise<Result<"courses.lectureVideo">> {
		const [newest] = uploadsOf(lecture);
		if (!newest) throw problem(contract, "LECTURE_HAS_NO_VIDEO");
		return this.#view(lecture, newest);
	}

	/** What plays a lecture, as answers show it; ask only for a caller who may watch it. */
	async playback(lecture: LectureDoc) {
		const { ctx } = this.#needs;
		const playing = playingOf(lecture);
		if (!playing) return {};
		const userId = ctx.locals.caller?.id;
		const wanted = {
			fileId: playing.fileId,
			seconds: playSeconds(playing.durationSeconds),
			...(userId && { userId }),
		};
		try {
			const { videoUrl, thumbnailUrl, form, expiresAt } = await ctx.call("videos.play", wanted);
			return {
				videoUrl,
				...(thumbnailUrl && { thumbnailUrl }),
				videoForm: form,
				videoExpiresAt: expiresAt,
			};
		} catch (error) {
			if (["VIDEO_NOT_FOUND", "VIDEO_NOT_READY"].includes(codeOf(error) ?? "")) return {};
			throw error;
		}
	}

	/**
	 * A video can be played: from now on it is what plays, unless a newer one does so already; what it replaces is removed.
	 * One that failed stays so: a video fails after it was ready, never before, whichever is heard first.
	 * @returns the course, where the length of its lecture may have changed.
	 */
	async ready({
		fileId,
		lectureId,
		durationSeconds,
	}: Fact<"video.ready">): Promise<string | undefined> {
		const { ctx, clock, courses } = this.#needs;
		const known = await this.#needs.lectures.get(lectureId);
		const course = known && (await courses.get(known.courseId));
		if (!course) return;
		const { id: courseId, teacherId } = course;
		const lecture = await this.#change(lectureId, current => {
			const upload = uploadOf(current, fileId);
			if (!upload || upload.status === "ready" || upload.status === "failed") return null;
			const at = `uploads.${fileId}`;
			const plays = upload.n > (playingOf(current)?.n ?? 0);
			const length = durationSeconds === undefined ? {} : { durationSeconds };
			return {
				change: {
					$set: {
						[`${at}.status`]: "ready",
						...(durationSeconds !== undefined && { [`${at}.durationSeconds`]: durationSeconds }),
						...(plays && length),
					},
				},
				facts: plays
					? [
							fact(ctx, clock, contract, "lecture.ready", {
								lectureId,
								courseId,
								teacherId,
								fileId,
							}),
							outlineChanged(ctx, clock, courseId),
						]
					: [],
			};
		});
		if (lecture) await this.#removeAll(lecture, supersededOf(lecture));
		return courseId;
	}

	/** A file cannot be played, or not any more. */
	async failed(lectureId: string, fileId: string, reason: string): Promise<void> {
		await this.#set(lectureId, fileId, { status: "failed", reason });
	}

	/** A file is no more. */
	async gone(lectureId: string, fileId: string): Promise<void> {
		await this.#change(lectureId, current =>
			uploadOf(current, fileId) ? { change: { $unset: { [`uploads.${fileId}`]: true } } } : null,
		);
	}

	async #removeAll({ id }: LectureDoc, uploads: readonly Upload[]): Promise<void> {
		for (const { fileId } of uploads) {
			await removeFile(this.#needs.ctx, fileId);
			await this.gone(id, fileId);
		}
	}

	async #set(
		lectureId: string,
		fileId: string,
		upload: Partial<LectureUpload>,
		from?: LectureUpload["status"][],
	): Promise<LectureDoc | null> {
		return this.#change(lectureId, current => {
			const known = uploadOf(current, fileId);
			if (!known || (from && !from.includes(known.status))) return null;
			if (known.status === upload.status) return null;
			const set = Object.entries(upload).map(([name, value]) => [
				`uploads.${fileId}.${name}`,
				value,
			]);
			return { change: { $set: Object.fromEntries(set) } };
		});
	}

	/** Changes a lecture's uploads as they were read, or reads them again. @returns it as it is then; null where it is gone. */
	async #change(
		id: string,
		decide: (lecture: LectureDoc) => Step | null,
	): Promise<LectureDoc | null> {
		const { lectures } = this.#needs;
		for (;;) {
			const lecture = await lectures.findOne({ id, ...kept });
			const step = lecture && decide(lecture);
			if (!lecture || !step) return lecture;
			const { change, facts } = step;
			const changed = await lectures.advance(
				{ id, ...kept, uploadsVersion: lecture.uploadsVersion ?? { $exists: false } },
				{ ...change, $inc: { uploadsVersion: 1 } },
				facts,
			);
			if (changed) return changed;
		}
	}

	async #view(lecture: LectureDoc, upload: Upload): Promise<Result<"courses.lectureVideo">> {
		const { fileId } = upload;
		return { fileId, ...(await this.#stateOf(upload)), ...(await this.playback(lecture)) };
	}

	/** What is known here of an upload, and what its video adds to that. */
	async #stateOf({ fileId, status, reason = "" }: Upload) {
		if (status === "awaiting_upload" || status === "ready") return { status };
		const refusal = refusals[reason];
		if (status === "failed" && refusal) return { status, reason, detail: refusal };
		const video = await this.#needs.ctx.call("videos.find", { fileId }).catch(error => {
			if (codeOf(error) !== "VIDEO_NOT_FOUND") throw error;
			return null;
		});
		if (status === "uploaded") return { status: video ? ("processing" as const) : status };
		return { status, reason, ...(video?.detail && { detail: video.detail }) };
	}
}

/** Removes a file; one that is gone is removed. */
async function removeFile(mesh: Pick<Ctx, "call">, id: string): Promise<void> {
	await mesh.call("files.remove", { id }).catch(error => {
		if (codeOf(error) !== "FILE_NOT_FOUND") throw error;
	});
}

const batch = 100;

/** Removes the files of lectures that were removed, or whose section was: they are deleted only after that. */
export async function dropVideos({
	sections,
	lectures,
	mesh,
}: {
	sections: Collection<SectionDoc>;
	lectures: Collection<LectureDoc>;
	mesh: Pick<Ctx, "call">;
}): Promise<void> {
	const drop = async (guard: Record<string, string | { $exists: boolean }>) => {
		for (const { id, uploads = {} } of await lectures.find(
			{ ...guard, uploads: { $exists: true } },
			{ limit: batch },
		)) {
			for (const fileId of Object.keys(uploads)) await removeFile(mesh, fileId);
			await lectures.advance({ id }, { $unset: { uploads: true } });
		}
	};
	await drop({ removedAt: { $exists: true } });
	for (const { id } of await sections.find({ removedAt: { $exists: true } }, { limit: batch }))
		await drop({ sectionId: id });
}
