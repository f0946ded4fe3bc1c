import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { eventually, register } from "../support/http.ts";
import { startEmbedded } from "../support/process.ts";
import { signed } from "../support/school.ts";
import { announcedVideo, tinyVideo } from "../support/video.ts";

const MiB = 1024 ** 2;
const size = 200 * MiB;
const grownAtMostMiB = 80;

/** Memory of a process in MiB: what it has, or the most that it had. */
const memoryOf = (pid: number, what: "VmRSS" | "VmHWM"): number => {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
};

/** 200 MiB that begin as a video, made as they are read. */
function* film(): Generator<Buffer> {
	const block = randomBytes(MiB);
	block.write(tinyVideo, "latin1");
	for (let i = 0; i < size / MiB; i++) {
		block.writeUInt32BE(i, 100);
		yield Buffer.from(block);
	}
}

test("200 MiB go up and come down, and a server that holds none of it", {
	skip: process.platform !== "linux",
}, async t => {
	const secret = { SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef" };
	const server = await startEmbedded(t, secret);
	const pid = server.pid as number;
	const { id, token } = await register(server.url, "teacher");
	const asService = async (method: string, path: string, body = "") => {
		const response = await fetch(`${server.url}${path}`, {
			method,
			headers: {
				...(body && { "content-type": "application/json" }),
				...signed("course-service", method, path, body),
			},
			...(body && { body }),
		});
		return { status: response.status, body: await response.json() };
	};
	const begin = async (fileSize: number) => {
		const announced = JSON.stringify(announcedVideo(id, fileSize));
		return (await asService("POST", "/api/files/internal/presigned-url", announced)).body;
	};
	/** Sends a body as it is made. */
	const send = async (url: string, chunks: Iterable<Buffer>, length: number): Promise<number> => {
		const going = request(url, {
			method: "PUT",
			headers: { "content-type": "video/mp4", "content-length": length },
		});
		const answered = new Promise<number>((resolve, reject) => {
			going.on("response", response => resolve(response.resume().statusCode ?? 0));
			going.on("error", reject);
		});
		Readable.from(chunks).pipe(going);
		return answered;
	};

	// What a process takes once it has taken and given a file.
	const small = await begin(MiB);
	assert.equal(await send(small.uploadUrl, [film().next().value as Buffer], MiB), 200);
	const before = memoryOf(pid, "VmHWM");

	const { fileId, uploadUrl } = await begin(size);
	const sent = createHash("sha256");
	const hashed = function* () {
		for (const block of film()) {
			sent.update(block);
			yield block;
		}
	};
	const started = performance.now();
	assert.equal(await send(uploadUrl, hashed(), size), 200);
	t.diagnostic(`up in ${Math.round(performance.now() - started)} ms`);
	const confirmed = await asService("POST", `/api/files/internal/confirm/${fileId}`, "{}");
	assert.equal(confirmed.body.status, "uploaded", JSON.stringify(confirmed.body));

	const mine = await fetch(`${server.url}/api/files/${fileId}`, {
		headers: { authorization: `Bearer ${token}` },
	});
	const { url } = (await mine.json()) as { url: string };
	const read = createHash("sha256");
	const down = await fetch(url);
	assert.equal(down.headers.get("content-length"), String(size));
	for await (const chunk of down.body as ReadableStream<Uint8Array>) read.update(chunk);
	assert.equal(read.digest("hex"), sent.digest("hex"));

	// Who reads nothing is not read ahead for.
	const slow = request(url).end();
	const [response] = (await new Promise(resolve =>
		slow.on("response", answer => resolve([answer])),
	)) as [Readable];
	response.pause();
	await pause(300);
	const range = await fetch(url, { headers: { range: `bytes=${size - 10}-` } });
	assert.deepEqual([range.status, (await range.arrayBuffer()).byteLength], [206, 10]);
	slow.destroy();
	await finished(response).catch(() => {});

	const grown = memoryOf(pid, "VmHWM") - before;
	t.diagnostic(`grown by ${Math.round(grown)} MiB at most`);
	assert.ok(grown < grownAtMostMiB, `grown by ${Math.round(grown)} MiB`);
	await eventually(
		async () => (await fetch(`${server.url}/readyz`)).status,
		status => status === 200,
	);
});
