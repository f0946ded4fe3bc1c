import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Ctx } from "../../../kernel/contract.ts";
import { Collection } from "../../../kernel/store/collection.ts";
import { type LectureDoc, LectureModel } from "../../../models/learning/lecture.model.ts";
import {
	LectureVideos,
	playingOf,
	playSeconds,
	supersededOf,
	uploadsOf,
} from "../../../services/learning/courses/video.ts";
import { memoryDriver, StillClock } from "../../support/memory.ts";
import { Mortal } from "../../support/mortal.ts";

const uploads = {
	fil_a: { n: 1, status: "ready" },
	fil_b: { n: 2, status: "failed" },
	fil_c: { n: 3, status: "ready" },
	fil_d: { n: 4, status: "uploaded" },
} as const;
const ids = (found: readonly { fileId: string }[]) => found.map(({ fileId }) => fileId);

test("what plays is the newest upload that is ready; older ones are superseded, newer ones not", () => {
	const lecture = { uploads };
	assert.deepEqual(ids(uploadsOf(lecture)), ["fil_d", "fil_c", "fil_b", "fil_a"]);
	assert.equal(playingOf(lecture)?.fileId, "fil_c");
	assert.deepEqual(ids(supersededOf(lecture)), ["fil_b", "fil_a"]);
});

test("where nothing is ready, nothing plays and nothing is superseded", () => {
	const { fil_b, fil_d } = uploads;
	const without: Pick<LectureDoc, "uploads">[] = [
		{},
		{ uploads: {} },
		{ uploads: { fil_b, fil_d } },
	];
	for (const lecture of without) {
		assert.equal(playingOf(lecture), undefined);
		assert.deepEqual(supersededOf(lecture), []);
	}
});

test("an address lives one and a half times the video, a quarter of an hour to six hours", () => {
	assert.deepEqual(
		[undefined, 1, 600, 601, 3_600, 14_400, 86_400].map(playSeconds),
		[7_200, 900, 900, 902, 5_400, 21_600, 21_600],
	);
});

const film = {
	id: "lec_1",
	fileName: "lesson1.mp4",
	fileSize: 1_000,
	contentType: "video/mp4",
} as const;

/** A lecture with two uploads that are being made, the second the newer, and what facts do to it. */
async function world() {
	const driver = await memoryDriver(LectureModel);
	const lectures = new Collection(LectureModel, driver);
	const { id: lectureId } = await lectures.insert({
		id: "lec_1",
		courseId: "crs_1",
		sectionId: "sec_1",
		title: "Wheel",
		durationSeconds: 0,
		isPreview: false,
		uploads: { fil_a: { n: 1, status: "uploaded" }, fil_b: { n: 2, status: "uploaded" } },
		uploadsVersion: 2,
		createdAt: "2026-05-01T12:00:00.000Z",
	});
	const removed = new Set<string>();
	const files = { areAway: false };
	const call = async (_: string, { id }: { id: string }) => {
		if (files.areAway) throw new Error("files are away");
		removed.add(id);
	};
	const hear = {
		ready: (fileId: string) => (videos: LectureVideos) =>
			videos.ready({ fileId, lectureId, durationSeconds: fileId === "fil_a" ? 10 : 20 }),
		failed: (fileId: string) => (videos: LectureVideos) =>
			videos.failed(lectureId, fileId, "asset_deleted"),
	};
	return {
		files,
		removed,
		hear,
		/** @param factId of the fact that is heard; the same one when it is heard again. @param process that hears it. */
		async handle(
			factId: string,
			act: (videos: LectureVideos) => Promise<unknown>,
			process?: Mortal,
			answer: (action: string, params: { id: string }) => Promise<unknown> = call,
		) {
			const of = process?.of ?? (<T extends object>(target: T): T => target);
			const ctx = {
				...of({ call: answer }),
				headers: { seed: factId },
				locals: {},
			} as unknown as Ctx;
			const courses = of({ get: async () => ({ id: "crs_1", teacherId: "usr_1" }) as never });
			const mine = new Collection(LectureModel, of(driver));
			await act(new LectureVideos({ lectures: mine, courses, clock: new StillClock(), ctx }));
		},
		lecture: async () => (await lectures.get(lectureId)) as LectureDoc,
		async told() {
			const facts = (await lectures.outboxes(9)).flatMap(doc => doc.facts);
			return facts.flatMap(({ name, data }) => (name === "lecture.ready" ? [data.fileId] : []));
		},
	};
}

test("a new video takes the place of the old one, whichever is ready first", async () => {
	for (const order of [
		["fil_a", "fil_b"],
		["fil_b", "fil_a"],
	]) {
		const { handle, hear, lecture, removed, told } = await world();
		for (const fileId of order) await handle(`fct_${fileId}`, hear.ready(fileId));
		assert.equal(playingOf(await lecture())?.fileId, "fil_b");
		assert.equal((await lecture()).durationSeconds, 20);
		assert.deepEqual([...removed], ["fil_a"]);
		assert.deepEqual(Object.keys((await lecture()).uploads ?? {}), ["fil_b"]);
		assert.deepEqual(await told(), order[0] === "fil_a" ? order : ["fil_b"]);
	}
});

test("an old video that cannot be removed yet does not take over when it is ready late", async () => {
	const { files, handle, hear, lecture, removed, told } = await world();
	files.areAway = true;
	await assert.rejects(handle("fct_1", hear.ready("fil_b")), /away/);
	await assert.rejects(handle("fct_2", hear.ready("fil_a")), /away/);
	assert.equal(playingOf(await lecture())?.fileId, "fil_b");
	assert.equal((await lecture()).durationSeconds, 20);
	files.areAway = false;
	await handle("fct_1", hear.ready("fil_b"));
	assert.deepEqual([...removed], ["fil_a"]);
	assert.deepEqual(await told(), ["fil_b"]);
});

test("what was deleted at its provider plays no more, whichever is heard first", async () => {
	for (const order of [
		["ready", "failed"],
		["failed", "ready"],
	] as const) {
		const { handle, hear, lecture } = await world();
		for (const what of order) await handle(`fct_${what}`, hear[what]("fil_b"));
		const { status, reason } = (await lecture()).uploads?.fil_b ?? {};
		assert.deepEqual([status, reason], ["failed", "asset_deleted"]);
		assert.equal(playingOf(await lecture()), undefined);
	}
});

test("facts that are heard often and in any order end in the same state, told once", async () => {
	const heard = fc.array(fc.constantFrom("fil_a", "fil_b"), { minLength: 1, maxLength: 8 });
	await fc.assert(
		fc.asyncProperty(heard, async files => {
			const { handle, hear, lecture, told } = await world();
			for (const [i, fileId] of files.entries()) await handle(`fct_${i}`, hear.ready(fileId));
			const wanted = files.includes("fil_b") ? "fil_b" : "fil_a";
			assert.equal(playingOf(await lecture())?.fileId, wanted);
			const names = await told();
			assert.equal(new Set(names).size, names.length, "told twice");
			assert.equal(names.at(-1), wanted);
		}),
		{ numRuns: 60 },
	);
});

test("a process may die before or after any of its calls: what is heard again ends right", async () => {
	let deaths = 0;
	for (const when of ["before", "after"] as const)
		for (let budget = 0; ; budget++) {
			const { handle, hear, lecture, removed, told } = await world();
			await handle("fct_a", hear.ready("fil_a"));
			const process = new Mortal(budget, when);
			const ready = hear.ready("fil_b");
			await handle("fct_b", ready, process).catch(() => {});
			if (!process.dead) break;
			deaths++;
			await handle("fct_b", ready);
			const label = `${when} call ${budget}`;
			assert.deepEqual(Object.keys((await lecture()).uploads ?? {}), ["fil_b"], label);
			assert.equal((await lecture()).durationSeconds, 20, label);
			assert.deepEqual([...removed], ["fil_a"], label);
			assert.deepEqual(await told(), ["fil_a", "fil_b"], label);
		}
	assert.ok(deaths >= 12, String(deaths));
});

test("an upload that another takes the place of is named by its lecture until its file is removed", async () => {
	let deaths = 0;
	for (const when of ["before", "after"] as const)
		for (let budget = 0; ; budget++) {
			const process = new Mortal(budget, when);
			const { handle, lecture, removed } = await world();
			let begun = 0;
			const call = async (action: string, params?: { id: string }) => {
				if (action === "files.remove") removed.add(params?.id as string);
				return action === "files.begin" ? { fileId: `fil_${++begun}` } : { available: true };
			};
			const begin = (by?: Mortal) =>
				handle(`req_${begun}`, videos => videos.begin(lectureOf, "usr_1", film), by, call);
			const lectureOf = await lecture();
			const named = new Set<string>();
			await begin();
			for (const by of [process, undefined]) {
				await begin(by).catch(error => {
					if (!by) throw error;
				});
				for (const fileId of Object.keys((await lecture()).uploads ?? {})) named.add(fileId);
			}
			const left = Object.keys((await lecture()).uploads ?? {});
			const label = `${when} call ${budget}`;
			assert.deepEqual(left, ["fil_a", "fil_b", `fil_${begun}`], label);
			assert.ok(removed.has("fil_1"), label);
			assert.deepEqual(
				[...named].filter(fileId => !removed.has(fileId)),
				left,
				label,
			);
			if (!process.dead) break;
			deaths++;
		}
	assert.ok(deaths >= 12, String(deaths));
});
