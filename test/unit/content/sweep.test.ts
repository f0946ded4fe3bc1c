import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ctx } from "../../../kernel/contract.ts";
import { Collection } from "../../../kernel/store/collection.ts";
import { FileModel } from "../../../models/content/file.model.ts";
import { Quota } from "../../../services/content/files/quota.ts";
import type { FileStore } from "../../../services/content/files/stores/port.ts";
import { Uploads } from "../../../services/content/files/uploads.ts";
import { memoryDriver, StillClock } from "../../support/memory.ts";

test("a sweep stops at a store that fails, and begins with the others when it is asked again", async () => {
	const files = new Collection(FileModel, await memoryDriver(FileModel));
	const clock = new StillClock();
	const at = new Date(clock.now()).toISOString();
	for (const id of ["fil_a", "fil_b", "fil_c"])
		await files.insert({
			id,
			ownerId: "usr_1",
			purpose: "lecture",
			subjectId: "lec_1",
			fileName: "lesson1.mp4",
			fileSize: 1_000,
			contentType: "video/mp4",
			status: "deleted",
			uploadUntil: 0,
			sweepAt: 1,
			createdAt: at,
			updatedAt: at,
		});
	const asked: string[] = [];
	const world = { isAway: true };
	const store = {
		async purge({ id }: { id: string }) {
			asked.push(id);
			if (world.isAway) throw new Error("away");
		},
	} as unknown as FileStore;
	const warned: string[] = [];
	const warn = (message: string) => void warned.push(message);
	const quota = new Quota(files, clock, "off");
	const uploads = new Uploads({ files, store, quota, clock, publicUrl: "http://x", warn });
	const ctx = { headers: { seed: "a-run" }, locals: {} } as unknown as Ctx;

	assert.equal(await uploads.sweep(ctx), 1);
	assert.deepEqual([asked.length, warned.length], [1, 1]);
	world.isAway = false;
	assert.equal(await uploads.sweep(ctx), 2);
	assert.deepEqual([...asked].sort(), ["fil_a", "fil_b", "fil_c"]);
});
