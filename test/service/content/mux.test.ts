import assert from "node:assert/strict";
import { test } from "node:test";
import Mux from "@mux/mux-node";
import type { WebhookDoc } from "../../../mixins/webhook-inbox.mixin.ts";
import type { PlaybackKeyDoc } from "../../../models/content/playback-key.model.ts";
import type { AssetEvent } from "../../../services/content/videos/providers/port.ts";
import { eventually } from "../../support/http.ts";
import { mp4 } from "../../support/media.ts";
import { FakeMux, type MuxAsset } from "../../support/mux/fake-mux.ts";
import { openStudio } from "./studio.ts";

const minute = 60_000;
const hour = 60 * minute;

test("videos by Mux", async t => {
	const mux = await FakeMux.start(t);
	const secrets = ["a-newer-secret-that-nothing-signs-with", mux.webhookSecret];
	const studio = await openStudio(t, { ...mux.env, MUX_WEBHOOK_SECRET: secrets.join(",") });
	const { base, call, later, get, lecture, bring, confirm, upload, until, told, settled } = studio;
	const { teacher, student, stranger } = studio;
	const events = studio.store<WebhookDoc<AssetEvent>>("videos", "inboxEvents");
	const watch = (id: string, who?: typeof teacher) => get(`/api/lectures/${id}`, who);
	/** The one asset that Mux has of a file, once it has it. */
	const assetOf = async (fileId: string): Promise<MuxAsset> => {
		const made = await eventually(
			async () => mux.of(fileId),
			assets => assets.length > 0,
		);
		assert.equal(made.length, 1);
		return made[0] as MuxAsset;
	};
	/** A lecture whose video can be watched. */
	const ready = async (duration?: number) => {
		const id = await lecture();
		const fileId = await upload(id);
		const asset = await assetOf(fileId);
		mux.finish(asset, duration);
		await mux.deliver(base, mux.events.slice(-1));
		await until(id, "ready");
		return { id, fileId, asset };
	};

	await t.test("flow 2: uploaded, encoded, played by who may watch it", async () => {
		const id = await lecture();
		assert.equal(
			(await get(`/api/lectures/${id}/status`, teacher)).body.code,
			"LECTURE_HAS_NO_VIDEO",
		);
		const film = mp4(12.6);
		const fileId = await bring(id, film);
		assert.equal((await until(id, "awaiting_upload")).fileId, fileId);
		const confirmed = await confirm(id, fileId);
		assert.equal(confirmed.status, 202);
		assert.match(confirmed.body.status, /^(uploaded|processing)$/);
		const asset = await assetOf(fileId);
		await until(id, "processing");
		const input = await fetch(mux.inputs.get(asset.id) as string);
		assert.deepEqual(Buffer.from(await input.arrayBuffer()), film, "Mux can fetch what came");
		assert.equal((await watch(id, student)).body.videoUrl, undefined);

		assert.deepEqual(await mux.deliver(base, [mux.finish(asset)]), [200]);
		const status = await until(id, "ready");
		assert.equal(mux.open(status.videoUrl), 200);
		const { body } = await watch(id, student);
		assert.deepEqual([body.videoForm, body.durationSeconds], ["hls", 12]);
		assert.deepEqual([mux.open(body.videoUrl), mux.open(body.thumbnailUrl)], [200, 200]);
		const left = Date.parse(body.videoExpiresAt) - Date.now();
		assert.ok(left > 14 * minute && left <= 15 * minute, `a token lives ${left} ms`);
		await settled();
		const [fact, ...more] = told("lecture.ready", fileId);
		const { courseId } = studio;
		assert.deepEqual(
			[fact?.data, more.length],
			[{ lectureId: id, courseId, teacherId: teacher.user.id, fileId }, 0],
		);
		assert.equal((await confirm(id, fileId)).status, 200, "a repeat answers as it stands");
		const { sections } = (await get(`/api/courses/${courseId}`)).body;
		assert.equal(sections[0].lectures.find((l: { id: string }) => l.id === id).durationSeconds, 12);
	});

	await t.test("nobody gets an address who may not watch; a preview anybody", async () => {
		const { id } = await ready();
		for (const who of [stranger, undefined]) {
			const { status, body } = await watch(id, who);
			assert.deepEqual([status, body.code, body.videoUrl], [403, "ENROLLMENT_REQUIRED", undefined]);
		}
		const theirs = await get(`/api/lectures/${id}/status`, student);
		assert.deepEqual([theirs.status, theirs.body.code], [403, "FORBIDDEN"]);
		await call(
			"courses.updateLecture",
			{ id, isPreview: true },
			{ headers: { token: teacher.token } },
		);
		assert.equal(mux.open((await watch(id)).body.videoUrl), 200);
	});

	await t.test("a token opens one thing, for a while, and nothing else", async () => {
		const [one, other] = [await ready(), await ready()];
		const [mine, theirs] = [
			(await watch(one.id, student)).body,
			(await watch(other.id, student)).body,
		];
		const tokenOf = (address: string) => new URL(address).searchParams.get("token");
		const swap = (address: string, token: string | null) =>
			`${address.split("?")[0]}?token=${token}`;
		assert.equal(mux.open(mine.videoUrl), 200);
		for (const token of [
			tokenOf(theirs.videoUrl),
			tokenOf(mine.thumbnailUrl),
			student.token,
			`${tokenOf(mine.videoUrl)}x`,
			"",
		])
			assert.equal(mux.open(swap(mine.videoUrl, token)), 403);
		assert.equal(mux.open(swap(mine.thumbnailUrl, tokenOf(mine.videoUrl))), 403);
		const end = Date.parse(mine.videoExpiresAt);
		assert.deepEqual(
			[mux.open(mine.videoUrl, end - 2_000), mux.open(mine.videoUrl, end + 1_000)],
			[200, 403],
		);
		assert.equal(mux.open(mine.thumbnailUrl, end + 1_000), 403);
	});

	await t.test("addresses live one and a half times the video, six hours at most", async () => {
		for (const [duration, seconds] of [
			[3_600, 5_400],
			[43_200, 21_600],
		] as const) {
			const { id } = await ready(duration);
			const { videoExpiresAt } = (await watch(id, student)).body;
			const left = (Date.parse(videoExpiresAt) - Date.now()) / 1_000;
			assert.ok(Math.abs(left - seconds) < 10, `${left} s of ${seconds}`);
		}
	});

	await t.test("one key signs everything, and lies sealed", async () => {
		await Promise.all(Array.from({ length: 5 }, () => ready()));
		assert.equal(mux.keys.size, 1);
		const [key, ...more] = await studio.store<PlaybackKeyDoc>("videos", "keys").find({});
		assert.deepEqual([key?.sealed, more.length], [true, 0]);
		assert.doesNotMatch(key?.privateKey ?? "", /BEGIN/);
	});

	await t.test("events that come often and in any order end right, told once", async () => {
		for (const seed of [1, 2, 3]) {
			const id = await lecture();
			const fileId = await upload(id);
			const asset = await assetOf(fileId);
			mux.finish(asset);
			const all = mux.events.filter(event => event.object.id === asset.id);
			assert.equal(all.length, 2);
			const posted = await mux.deliver(base, all, { times: 5, shuffle: seed, parallel: 5 });
			assert.ok(posted.every(status => status === 200));
			await until(id, "ready");
			await settled();
			assert.deepEqual(
				["video.ready", "lecture.ready", "video.failed"].map(name => told(name, fileId).length),
				[1, 1, 0],
			);
			const stored = await call("videos.events", { fileId });
			assert.deepEqual(
				stored.items.map(({ state }) => state),
				["done", "done"],
			);
			if (seed > 1) continue;
			await later(91 * 24 * hour, () => call("videos.endEventContent"));
			assert.deepEqual(await mux.deliver(base, all), [200, 200]);
			const kept = await events.find({ subjectId: fileId });
			assert.ok(kept.every(({ event, body, state }) => !event && !body && state === "done"));
			assert.deepEqual(
				(await call("videos.events", { fileId })).items.map(event => event.isPastRetention),
				[true, true],
			);
			await settled();
			assert.equal(told("video.ready", fileId).length, 1);
		}
	});

	await t.test("forged events are refused and change nothing", async () => {
		const id = await lecture();
		const fileId = await upload(id);
		const asset = await assetOf(fileId);
		const event = mux.finish({ ...asset });
		const before = await events.count({});
		const { body, headers } = mux.sign(event);
		const sdk = new Mux({ tokenId: "x", tokenSecret: "x" });
		await sdk.webhooks.verifySignature(body, headers, mux.webhookSecret);
		for (const signing of [
			{ secret: "another secret" },
			{ secret: "" },
			{ alter: (body: string) => `${body} ` },
			{ alter: (body: string) => body.replace(fileId, "fil_other") },
			{ secondsOff: -302 },
			{ secondsOff: 302 },
			{ secondsOff: 86_400 },
		])
			assert.deepEqual(await mux.deliver(base, [event], signing), [400]);
		assert.equal(await events.count({}), before);
		assert.equal((await until(id, "processing")).status, "processing");
		for (const signing of [
			{ secondsOff: 290 },
			{ secondsOff: -290, secret: ["old", mux.webhookSecret] },
		])
			assert.deepEqual(await mux.deliver(base, [event], signing), [200]);
		await until(id, "ready");
	});

	await t.test(
		"an event may come before its video; one of another product is ignored",
		async () => {
			const id = await lecture();
			const fileId = await bring(id);
			const stray = {
				id: "stray",
				created_at: "0",
				status: "preparing",
				passthrough: fileId,
				playback_ids: [{ id: "play-stray", policy: "signed" }],
			} as MuxAsset;
			const early = mux.finish(stray);
			assert.deepEqual(await mux.deliver(base, [early]), [200]);
			assert.equal((await events.get(`mux:${early.id}`))?.state, "received");
			const foreign = mux.finish({ ...stray, passthrough: "lesson-1" });
			assert.deepEqual(await mux.deliver(base, [foreign]), [200]);
			assert.equal((await events.get(`mux:${foreign.id}`))?.state, "ignored");
			await confirm(id, fileId);
			const asset = await assetOf(fileId);
			await settled();
			await later(minute, () => call("videos.applyEvents"));
			assert.equal((await events.get(`mux:${early.id}`))?.state, "done");
			await mux.deliver(base, [mux.finish(asset)]);
			const { videoUrl } = await until(id, "ready");
			assert.ok(videoUrl.includes(asset.playback_ids[0]?.id));
		},
	);

	await t.test("what is never told is asked for", async () => {
		const id = await lecture();
		const asset = await assetOf(await upload(id));
		await until(id, "processing");
		mux.finish(asset);
		await later(11 * minute, () => call("videos.reconcile"));
		assert.equal(mux.open((await until(id, "ready")).videoUrl), 200);
	});

	await t.test("an asset whose making was not answered is found, and not made again", async () => {
		mux.faults = ["lost"];
		const [id, made] = [await lecture(), mux.count("POST /video/v1/assets")];
		const fileId = await upload(id);
		const asset = await assetOf(fileId);
		await settled();
		await later(2 * minute, () => call("videos.reconcile"));
		mux.finish(asset);
		await later(15 * minute, () => call("videos.reconcile"));
		await until(id, "ready");
		assert.deepEqual([mux.of(fileId).length, mux.count("POST /video/v1/assets") - made], [1, 1]);

		mux.faults = ["failure", "limit"];
		const [second, before] = [await lecture(), mux.count("POST /video/v1/assets")];
		const remade = await upload(second);
		await settled();
		for (const passed of [5, 10]) await later(passed * minute, () => call("videos.reconcile"));
		assert.equal(mux.count("POST /video/v1/assets") - before, 3);
		await mux.deliver(base, [mux.finish(await assetOf(remade))]);
		await until(second, "ready");
	});

	await t.test("what cannot be encoded has failed, with the reason", async () => {
		const id = await lecture();
		const asset = await assetOf(await upload(id));
		await mux.deliver(base, [mux.spoil(asset, "No video track.")]);
		const { reason, detail, videoUrl } = await until(id, "failed");
		assert.deepEqual([reason, detail, videoUrl], ["invalid_input", "No video track.", undefined]);

		mux.faults = ["refuse"];
		const refused = await lecture();
		await upload(refused);
		assert.equal((await until(refused, "failed")).reason, "invalid_input");
	});

	await t.test(
		"a video that is deleted at Mux plays no more, whatever is heard first",
		async () => {
			for (const order of [
				[0, 1, 2],
				[2, 1, 0],
				[1, 2, 0],
			]) {
				const id = await lecture();
				const fileId = await upload(id);
				const asset = await assetOf(fileId);
				mux.finish(asset);
				mux.drop(asset);
				const all = mux.events.filter(event => event.object.id === asset.id);
				for (const i of order) await mux.deliver(base, [all[i] as (typeof all)[number]]);
				assert.equal((await until(id, "failed")).reason, "asset_deleted");
				assert.equal((await watch(id, student)).body.videoUrl, undefined);
			}
		},
	);

	await t.test("a new video plays once it is ready, the old one until then", async () => {
		const { id, fileId: old, asset: oldAsset } = await ready(20);
		const fileId = await upload(id, mp4(30));
		const asset = await assetOf(fileId);
		const status = await until(id, "processing");
		assert.equal(status.fileId, fileId);
		for (const { videoUrl } of [status, (await watch(id, student)).body]) {
			assert.ok(videoUrl.includes(oldAsset.playback_ids[0]?.id));
			assert.equal(mux.open(videoUrl), 200);
		}
		const before = (await watch(id, student)).body.videoUrl;
		await mux.deliver(base, [mux.finish(asset, 30)]);
		await until(id, "ready");
		const { videoUrl, durationSeconds } = (await watch(id, student)).body;
		assert.ok(videoUrl.includes(asset.playback_ids[0]?.id));
		assert.equal(durationSeconds, 30);
		await eventually(
			() => call("files.find", { id: old }),
			({ status }) => status === "deleted",
		);
		await settled();
		assert.equal(mux.open(before), 200, "who is watching goes on");
		await later(7 * hour, () => call("videos.reconcile"));
		assert.deepEqual([mux.of(old).length, mux.open(videoUrl)], [0, 200]);
	});

	await t.test("a new upload takes the place of one that was not confirmed", async () => {
		const id = await lecture();
		const [first, second] = [await bring(id), await bring(id)];
		const late = await confirm(id, first);
		assert.deepEqual([late.status, late.body.code], [404, "UPLOAD_NOT_FOUND"]);
		assert.equal((await confirm(id, second)).status, 202);
		for (const odd of ["constructor", "__proto__", "fil_none"])
			assert.equal((await confirm(id, odd)).body.code, "UPLOAD_NOT_FOUND", odd);
		const other = await confirm(await lecture(), second);
		assert.deepEqual([other.status, other.body.code], [404, "UPLOAD_NOT_FOUND"]);
	});

	await t.test("what is not what it says it is, is refused", async () => {
		const id = await lecture();
		const fileId = await bring(id, Buffer.from("#!/bin/sh\necho this is no film at all, is it\n"));
		const { status, body } = await confirm(id, fileId);
		assert.deepEqual([status, body.status, body.reason], [202, "failed", "type"]);
		assert.equal(mux.of(fileId).length, 0);
	});

	await t.test("with a lecture its videos go, at Mux too", async () => {
		const { id, fileId } = await ready();
		await call("courses.removeLecture", { id }, { headers: { token: teacher.token } });
		await settled();
		await call("courses.purge");
		assert.equal((await call("files.find", { id: fileId })).status, "deleted");
		await settled();
		await later(7 * hour, () => call("videos.reconcile"));
		assert.equal(mux.of(fileId).length, 0);
	});
});
