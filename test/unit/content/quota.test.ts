import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Ctx } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import { Collection } from "../../../kernel/store/collection.ts";
import { type FileDoc, FileModel } from "../../../models/content/file.model.ts";
import { GB, Quota } from "../../../services/content/files/quota.ts";
import type { FileStore } from "../../../services/content/files/stores/port.ts";
import { Uploads } from "../../../services/content/files/uploads.ts";
import { memoryDriver, StillClock } from "../../support/memory.ts";

const store = {
	open: async () => undefined,
	uploadUrl: async ({ id }: FileDoc) => `https://store.example/${id}`,
	purge: async () => {},
	seal: async ({ id, fileSize }: FileDoc) => ({ key: `kept/${id}`, size: fileSize - 1 }),
} as unknown as FileStore;

let runs = 0;

async function depot(allowedGB: number | "off" = 10, delay: () => Promise<void> = async () => {}) {
	const driver = await memoryDriver(FileModel);
	const files = new Collection<FileDoc>(FileModel, {
		...driver,
		async find(query, options) {
			await delay();
			return driver.find(query, options);
		},
		async insert(doc) {
			await delay();
			return driver.insert(doc);
		},
	});
	const clock = new StillClock();
	const quota = new Quota(files, clock, allowedGB);
	/** What each node has of its own. */
	const uploads = () =>
		new Uploads({ files, store, quota, clock, publicUrl: "https://x.example", warn: () => {} });
	const ctx = (seed = `run ${++runs}`) => ({ headers: { seed }, locals: {} }) as unknown as Ctx;
	const announced = (gigabytes: number, ownerId: string) => ({
		ownerId,
		purpose: "lecture" as const,
		subjectId: "lec_1",
		fileName: "a.mp4",
		fileSize: gigabytes * GB,
		contentType: "video/mp4",
		multipart: true,
	});
	/** The file's id, or the code it was refused with. */
	const begin = (gigabytes: number, ownerId = "usr_1", seed?: string) =>
		uploads()
			.begin(ctx(seed), announced(gigabytes, ownerId))
			.then(
				({ fileId }) => fileId,
				error => codeOf(error) ?? String(error),
			);
	const get = async (id: string) => (await files.get(id)) as FileDoc;
	/** Bytes of files that are there or may come. */
	const held = async () =>
		(await files.find({ status: { $in: ["awaiting_upload", "uploaded"] } })).reduce(
			(sum, { fileSize }) => sum + fileSize,
			0,
		);
	return { files, clock, quota, uploads, ctx, announced, begin, get, held };
}

const isId = (answer: string) => answer.startsWith("fil_");
const full = "UPLOAD_QUOTA_EXCEEDED";

test("files of one owner may have so much together, to the byte, and others have their own", async () => {
	const { begin, files, uploads, ctx, announced } = await depot(10);
	assert.ok(isId(await begin(6)));
	assert.equal(await begin(5), full);
	assert.ok(isId(await begin(4)));
	assert.equal(await begin(1e-9), full);
	assert.ok(isId(await begin(10, "usr_2")));
	assert.equal(await files.count({}), 3, "what is refused leaves nothing");
	await assert.rejects(uploads().begin(ctx(), announced(5, "usr_1")), (error: Error) => {
		assert.deepEqual((error as unknown as { data: object }).data, {
			usedBytes: 10 * GB,
			allowedBytes: 10 * GB,
		});
		assert.match(error.message, /^10000000000 of 10000000000 bytes are taken.+ has 5000000000;/);
		return true;
	});
	const open = await depot("off");
	for (let i = 0; i < 12; i++) assert.ok(isId(await open.begin(20)));
});

test("space is free again once a file is removed, rejected or never came", async () => {
	const { begin, get, uploads, ctx, clock } = await depot(10);
	const removed = await begin(10);
	assert.equal(await begin(1), full);
	await uploads().remove(ctx(), await get(removed));
	const rejected = await begin(10);
	assert.ok(isId(rejected));
	assert.equal((await uploads().confirm(ctx(), await get(rejected))).status, "rejected");
	const late = await begin(10);
	assert.ok(isId(late));
	assert.equal(await begin(1), full);
	clock.ms += 26 * 3_600_000;
	await uploads().sweep(ctx());
	assert.equal((await get(late)).reason, "expired");
	assert.ok(isId(await begin(10)));
});

test("of any number at once never more get in than there is room for, whatever their order", async () => {
	let isAnyRefused = false;
	await fc.assert(
		fc.asyncProperty(
			fc.scheduler(),
			fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 6 }),
			async (scheduler, sizes) => {
				const { begin, held, files } = await depot(10, () => scheduler.schedule(Promise.resolve()));
				const all = Promise.all(sizes.map(size => begin(size)));
				await scheduler.waitFor(all);
				const answers = await all;
				const got = sizes.filter((_, i) => isId(answers[i] as string));
				const sum = got.reduce((a, b) => a + b, 0);
				assert.ok(sum <= 10, `${got} were let in`);
				if (answers.some(answer => answer === full)) isAnyRefused = true;
				const stored = files.find({ status: "awaiting_upload" });
				const bytes = held();
				await scheduler.waitAll();
				assert.equal(await bytes, sum * GB, "who was refused holds nothing");
				assert.equal((await stored).length, got.length);
			},
		),
		{ numRuns: 60 },
	);
	assert.ok(isAnyRefused);
});

test("a run that is taken up again finds its room as it was, and a refused one stays refused", async () => {
	const { begin, files, get, uploads, ctx } = await depot(10);
	const first = await begin(10, "usr_1", "one");
	assert.equal(await begin(10, "usr_1", "one"), first, "it is not in its own way");
	assert.equal(await begin(1), full);

	const dead = await begin(4, "usr_2", "two");
	await files.insert({ ...(await get(dead)), id: "fil_other", fileSize: 7 * GB });
	assert.equal(await begin(4, "usr_2", "two"), full, "it died between storing and looking");
	const { status, countsFor, hadNoRoom } = await get(dead);
	assert.deepEqual([status, countsFor, hadNoRoom], ["deleted", "", true]);
	await uploads().remove(ctx(), await get("fil_other"));
	assert.equal(await begin(4, "usr_2", "two"), full, "one request, one answer");
	assert.ok(isId(await begin(4, "usr_2")));
});

test("files of an older version count once they were found, and ended ones do not", async () => {
	const { begin, files, get, quota, clock } = await depot(10);
	const template = await get(await begin(1, "usr_2"));
	const { countsFor: _, ...old } = { ...template, ownerId: "usr_1", fileSize: 5 * GB };
	for (let i = 0; i < 120; i++) await files.insert({ ...old, id: `fil_e${i}`, status: "deleted" });
	await files.insert({ ...old, id: "fil_a", status: "uploaded" });
	await files.insert({ ...old, id: "fil_b", status: "awaiting_upload" });
	await quota.countAll();
	assert.equal(await begin(1), full);
	await files.advance({ id: "fil_a" }, { $set: { status: "deleted" } });
	assert.ok(isId(await begin(1)), "one that an older version ended does not");
	await files.insert({ ...old, id: "fil_c", status: "uploaded" });
	clock.ms += 86_400_000;
	await quota.countAll();
	assert.equal(await begin(1), full);
});
