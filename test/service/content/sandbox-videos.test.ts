import assert from "node:assert/strict";
import { test } from "node:test";
import { lectureFlow } from "../../support/lecture-flow.ts";
import { mp4, webm } from "../../support/media.ts";
import { openStudio } from "./studio.ts";

test("videos in the sandbox: the uploaded file itself, ready at once", async t => {
	const { base, get, lecture, upload, until, told, settled, student } = await openStudio(t);

	await t.test("the seed's Flow 2, by its own paths", async () => {
		const { film, seen } = await lectureFlow(base);
		assert.equal(seen.videoForm, "file");
		const played = await fetch(seen.videoUrl);
		assert.deepEqual(Buffer.from(await played.arrayBuffer()), film);
	});

	await t.test(
		"plays by a link to the file, in ranges; how long it is, its header tells",
		async () => {
			for (const [film, contentType, seconds] of [
				[mp4(7.9, { moovLast: true, bytes: 50_000 }), "video/mp4", 7],
				[webm(12.5), "video/webm", 12],
			] as const) {
				const id = await lecture();
				const fileId = await upload(id, film, contentType);
				await until(id, "ready");
				const { body } = await get(`/api/lectures/${id}`, student);
				assert.deepEqual(
					[body.videoForm, body.durationSeconds, body.thumbnailUrl],
					["file", seconds, undefined],
				);
				const part = await fetch(body.videoUrl, { headers: { range: "bytes=4-7" } });
				assert.equal(part.status, 206);
				assert.deepEqual(Buffer.from(await part.arrayBuffer()), film.subarray(4, 8));
				await settled();
				assert.equal(told("lecture.ready", fileId).length, 1);
			}
		},
	);

	await t.test("a length that its teacher gave stays where the file tells none", async () => {
		const id = await lecture({ durationSeconds: 90 });
		await upload(id, mp4(0));
		await until(id, "ready");
		assert.equal((await get(`/api/lectures/${id}`, student)).body.durationSeconds, 90);
	});

	await t.test("there is no Mux to tell of", async () => {
		const response = await fetch(`${base}/webhooks/mux`, { method: "POST", body: "{}" });
		assert.equal(response.status, 404);
	});
});

test("where nothing makes videos, none is taken", async t => {
	const { post, lecture } = await openStudio(t, { SANDBOX: "off" });
	const wanted = { fileName: "a.mp4", fileSize: 100, contentType: "video/mp4" };
	const { status, body } = await post(`/api/lectures/${await lecture()}/upload`, wanted);
	assert.deepEqual([status, body.code], [422, "VIDEO_UNAVAILABLE"]);
});
