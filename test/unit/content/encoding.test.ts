import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Caller } from "../../../kernel/contract.ts";
import { Collection, type Driver } from "../../../kernel/store/collection.ts";
import { VideoModel } from "../../../models/content/video.model.ts";
import { askAgainMs, Encoding } from "../../../services/content/videos/encoding.ts";
import type { Asset, VideoProvider } from "../../../services/content/videos/providers/port.ts";
import { memoryDriver } from "../../support/memory.ts";
import { Mortal } from "../../support/mortal.ts";

const file = "fil_1";
const lecture = "lec_1";
const hour = 3_600_000;

/** A provider of which a test says what goes wrong next. */
class Studio implements VideoProvider {
	readonly name = "studio";
	readonly assets = new Map<string, { fileId: string; asset: Asset }>();
	readonly calls: string[] = [];
	next: ("answers" | "is down" | "loses its answer" | "refuses")[] = [];
	/** Whether what was made is listed already. */
	lists = true;
	made = 0;

	async create({ fileId, url }: { fileId: string; url: string }) {
		this.calls.push("create");
		assert.ok(url);
		const behaviour = this.next.shift() ?? "answers";
		if (behaviour === "is down") throw new Error("connection refused");
		if (behaviour === "refuses") return { refused: { code: "invalid_input", message: "No." } };
		const asset: Asset = { id: `asset${++this.made}`, status: "preparing" };
		this.assets.set(asset.id, { fileId, asset });
		if (behaviour === "loses its answer") throw new Error("connection reset");
		return { asset: { ...asset } };
	}

	async findBy(fileId: string) {
		this.calls.push("findBy");
		if (!this.lists) return [];
		return [...this.assets.values()].flatMap(one => (one.fileId === fileId ? [one.asset] : []));
	}

	async fetch(id: string) {
		this.calls.push("fetch");
		const known = this.assets.get(id)?.asset;
		return known ? { ...known } : null;
	}

	async remove(id: string) {
		this.calls.push("remove");
		this.assets.delete(id);
	}

	async play(): Promise<never> {
		throw new Error("nothing is played here");
	}

	/** Encodes an asset. */
	finish(id: string): Asset {
		const known = this.assets.get(id) as { asset: Asset };
		known.asset = { id, status: "ready", playbackId: `play-${id}`, duration: 12.6 };
		return known.asset;
	}
}

const mesh = {
	call: async () => ({ url: "http://files/1", expiresAt: "" }),
} as unknown as Caller;

async function world() {
	const driver = await memoryDriver(VideoModel);
	const videos = new Collection(VideoModel, driver);
	const studio = new Studio();
	const clock = { ms: Date.UTC(2026, 0, 1), now: () => clock.ms };
	const encodingOf = (from: Driver, provider: VideoProvider, caller = mesh) =>
		new Encoding({
			videos: new Collection(VideoModel, from),
			providers: new Map([["studio", provider]]),
			provider: "studio",
			clock,
			mesh: caller,
			warn: () => {},
		});
	const encoding = encodingOf(driver, studio);
	return {
		studio,
		clock,
		videos,
		encoding,
		encodingOf: (wrap: <T extends object>(target: T) => T) =>
			encodingOf(wrap(driver), wrap(studio), wrap(mesh)),
		doc: async () => (await videos.get(file)) ?? assert.fail("there is no video"),
		/** Time passes, and the reconciler comes by each hour. */
		async wait(hours = 8) {
			for (let i = 0; i < hours; i++) {
				clock.ms += hour;
				await encoding.reconcile(false);
			}
		},
		async facts() {
			const outboxes = await videos.outboxes(10);
			return outboxes.flatMap(({ facts }) => facts.map(({ name, data }) => [name, data]));
		},
	};
}

const ready = ["video.ready", { fileId: file, lectureId: lecture, durationSeconds: 12 }];

test("a video is made once, and is ready once", async () => {
	const { encoding, studio, doc, facts } = await world();
	await encoding.begin(file, lecture);
	await encoding.begin(file, lecture);
	assert.deepEqual([(await doc()).status, (await doc()).assetId], ["processing", "asset1"]);
	const asset = studio.finish("asset1");
	for (let i = 0; i < 3; i++) await encoding.tell(file, asset);
	const { status, playbackId, durationSeconds, askAt } = await doc();
	assert.deepEqual(
		[status, playbackId, durationSeconds, askAt],
		["ready", "play-asset1", 12, undefined],
	);
	assert.deepEqual(await facts(), [ready]);
	assert.deepEqual(studio.calls, ["create"]);
});

test("what the provider never tells is asked for after ten minutes", async () => {
	const { encoding, studio, clock, doc, facts } = await world();
	await encoding.begin(file, lecture);
	studio.finish("asset1");
	clock.ms += 599_000;
	assert.deepEqual(await encoding.reconcile(false), { asked: 0, open: 1 });
	clock.ms += 2_000;
	assert.deepEqual(await encoding.reconcile(false), { asked: 1, open: 0 });
	assert.equal((await doc()).status, "ready");
	assert.deepEqual(await facts(), [ready]);
});

test("of a lost answer the asset is found by its file, and made only once", async () => {
	const { encoding, studio, wait, doc } = await world();
	studio.next = ["loses its answer"];
	await encoding.begin(file, lecture);
	assert.equal((await doc()).assetId, undefined);
	await wait(1);
	assert.deepEqual([(await doc()).assetId, studio.made], ["asset1", 1]);
	assert.deepEqual(studio.calls, ["create", "findBy"]);
});

test("what was not made is looked for, then made", async () => {
	const { encoding, studio, wait, doc } = await world();
	studio.next = ["is down", "is down"];
	await encoding.begin(file, lecture);
	await wait(2);
	assert.deepEqual([(await doc()).assetId, studio.made], ["asset1", 1]);
	assert.deepEqual(studio.calls, ["create", "findBy", "create", "findBy", "create"]);
});

test("an event may come before the asset's id is known here, or before the video is", async () => {
	const { encoding, studio, doc, facts } = await world();
	const early = {
		id: "asset1",
		status: "ready",
		playbackId: "play-asset1",
		duration: 12.6,
	} as const;
	assert.equal(await encoding.tell(file, early), "its video is not known yet");
	studio.next = ["loses its answer"];
	await encoding.begin(file, lecture);
	assert.equal(await encoding.tell(file, studio.finish("asset1")), undefined);
	assert.equal((await doc()).status, "ready");
	assert.deepEqual(await facts(), [ready]);
});

test("a second asset of one file is removed, whichever is heard of first", async () => {
	for (const first of ["asset1", "asset2"]) {
		const { encoding, studio, wait, doc, facts } = await world();
		studio.next = ["loses its answer"];
		studio.lists = false;
		await encoding.begin(file, lecture);
		if (first === "asset1") await encoding.tell(file, { id: "asset1", status: "preparing" });
		await wait(1);
		if (first === "asset2") assert.equal((await doc()).assetId, "asset2");
		for (const id of studio.assets.keys()) await encoding.tell(file, studio.finish(id));
		await wait(2);
		assert.deepEqual([...studio.assets.keys()], [(await doc()).assetId]);
		assert.deepEqual([(await doc()).status, (await doc()).askAt], ["ready", undefined]);
		assert.deepEqual(await facts(), [ready]);
	}
});

test("what the provider refuses has failed, with its reason", async () => {
	const { encoding, studio, wait, doc, facts } = await world();
	studio.next = ["refuses"];
	await encoding.begin(file, lecture);
	await wait(1);
	const { status, reason, detail } = await doc();
	assert.deepEqual([status, reason, detail], ["failed", "invalid_input", "No."]);
	assert.deepEqual(await facts(), [
		["video.failed", { fileId: file, lectureId: lecture, reason: "invalid_input" }],
	]);
	assert.equal(studio.calls.length, 1);
});

test("what is made of a file that is no more is removed once the last address has ended", async () => {
	const { encoding, studio, clock, wait, doc } = await world();
	await encoding.begin(file, lecture);
	await encoding.tell(file, studio.finish("asset1"));
	await encoding.end(file, lecture);
	clock.ms += 6 * hour - 1;
	await encoding.reconcile(false);
	assert.equal(studio.assets.size, 1);
	await wait(1);
	assert.equal(studio.assets.size, 0);
	await encoding.begin(file, lecture);
	assert.deepEqual([(await doc()).status, (await doc()).askAt], ["deleted", undefined]);
});

test("a file may end before it is heard of, or while its asset is lost: nothing is left", async () => {
	const early = await world();
	await early.encoding.end(file, lecture);
	await early.encoding.begin(file, lecture);
	assert.deepEqual([(await early.doc()).status, early.studio.calls], ["deleted", []]);

	const lost = await world();
	lost.studio.next = ["loses its answer"];
	await lost.encoding.begin(file, lecture);
	await lost.encoding.end(file, lecture);
	await lost.wait(1);
	assert.deepEqual([lost.studio.assets.size, (await lost.doc()).askAt], [0, undefined]);

	const late = await world();
	await late.encoding.begin(file, lecture);
	await late.encoding.end(file, lecture);
	late.studio.assets.set("asset9", { fileId: file, asset: { id: "asset9", status: "preparing" } });
	await late.encoding.tell(file, { id: "asset9", status: "preparing" });
	await late.wait(1);
	assert.equal(late.studio.assets.size, 0);
});

test("events in any number and order end in the same state", async () => {
	const events = {
		created: { asset: { id: "asset1", status: "preparing" } },
		ready: { asset: { id: "asset1", status: "ready", playbackId: "p", duration: 12.6 } },
		deleted: { asset: { id: "asset1", status: "ready", playbackId: "p" }, isGone: true },
	} as const;
	const names = Object.keys(events) as (keyof typeof events)[];
	await fc.assert(
		fc.asyncProperty(
			fc.boolean(),
			fc.boolean(),
			fc.array(fc.constantFrom(...names), { maxLength: 12 }),
			async (isDeleted, isBackwards, more) => {
				const { encoding, doc, facts } = await world();
				await encoding.begin(file, lecture);
				const happened = isDeleted ? names : (["created", "ready"] as const);
				const told = [...more.filter(name => isDeleted || name !== "deleted"), ...happened];
				if (isBackwards) told.reverse();
				for (const name of told) {
					const { asset, ...what } = events[name];
					await encoding.tell(file, asset, what);
				}
				assert.equal((await doc()).status, isDeleted ? "failed" : "ready");
				const counted = (await facts()).map(([name]) => name);
				assert.equal(new Set(counted).size, counted.length, "a fact was told twice");
				assert.ok(counted.includes(isDeleted ? "video.failed" : "video.ready"));
			},
		),
		{ numRuns: 200 },
	);
});

test("a process may die before or after any of its calls: one asset, ready, told once", async () => {
	let deaths = 0;
	for (const when of ["before", "after"] as const)
		for (const lists of [true, false])
			for (let budget = 0; ; budget++) {
				const { encoding, encodingOf, studio, wait, doc, facts } = await world();
				const process = new Mortal(budget, when);
				await encodingOf(process.of)
					.begin(file, lecture)
					.catch(() => {});
				if (!process.dead) break;
				deaths++;
				studio.lists = lists;
				await encoding.begin(file, lecture);
				await wait(2);
				for (const id of studio.assets.keys()) await encoding.tell(file, studio.finish(id));
				await wait(2);
				const label = `${when} call ${budget}, ${lists ? "" : "not "}listed`;
				assert.equal((await doc()).status, "ready", label);
				assert.deepEqual([...studio.assets.keys()], [(await doc()).assetId], label);
				assert.deepEqual(await facts(), [ready], label);
				assert.equal((await doc()).askAt, undefined, label);
				if (lists) assert.equal(studio.made, 1, label);
			}
	assert.ok(deaths > 15, String(deaths));
});

test("a provider is asked less and less often", () => {
	const minute = 60_000;
	assert.deepEqual(
		[0, 1, 2, 7, 50].map(asks => askAgainMs(asks, false)),
		[30_000, minute, 2 * minute, hour, hour],
	);
	assert.deepEqual(
		[0, 1, 9].map(asks => askAgainMs(asks, true)),
		[10 * minute, 20 * minute, hour],
	);
});
