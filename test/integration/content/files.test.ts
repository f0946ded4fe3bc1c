import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { Broker } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { FileDoc } from "../../../models/content/file.model.ts";
import { newBucket } from "../../support/bucket.ts";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { needs } from "../../support/servers.ts";
import { announcedVideo, tinyVideo } from "../../support/video.ts";

const MiB = 1024 ** 2;
const video = Buffer.from(tinyVideo, "latin1");
const hour = 3_600_000;

/** A video of so many bytes, all but the first at random. */
const videoOf = (size: number): Buffer => Buffer.concat([video, randomBytes(size - video.length)]);

/** The status of a PUT; 499 where the server hung up before it took all, as some do that refuse. */
const put = async (
	url: string,
	body: Buffer | string,
	contentType = "video/mp4",
): Promise<number> => {
	const response = await fetch(url, {
		method: "PUT",
		headers: contentType ? { "content-type": contentType } : {},
		body: new Uint8Array(Buffer.from(body)),
	}).catch(error => {
		if (!["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].includes(error.cause?.code)) throw error;
	});
	await response?.arrayBuffer();
	return response?.status ?? 499;
};

const opened = async (url: string, headers: Record<string, string> = {}, method = "GET") => {
	const response = await fetch(url, { method, headers });
	const bytes = Buffer.from(await response.arrayBuffer());
	return { status: response.status, headers: response.headers, bytes };
};

const outcome = (answer: Promise<unknown>): Promise<string | undefined> =>
	answer.then(
		() => "ok",
		error => codeOf(error) ?? String(error),
	);

interface Deposit {
	call: Broker["call"];
	clock: { aheadMs: number; now(): number };
	teacher: { id: string; token: string };
	/** Facts of a name about a file. */
	told(name: string, fileId: string): StoredFact[];
	files: Collection<FileDoc>;
	/** What there is of a file in the store, of whatever kind. */
	left(fileId: string): Promise<string[]>;
	dir: string;
}

/** A node with the files service over a store, a teacher, and a clock that can be moved. */
async function openDeposit(
	t: TestContext,
	env: Record<string, string>,
	left: (dir: string, fileId: string) => Promise<string[]>,
): Promise<Deposit> {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const services = "api,identity,files";
	const dir = await mkdtemp(join(tmpdir(), "zeolite-files-"));
	t.after(() => rm(dir, { recursive: true, force: true }));
	const node = await startNode(t, {
		env: {
			PORT: String(await freePort()),
			SERVICES: services,
			MESH: services,
			DATA_DIR: dir,
			ADMIN_EMAIL: "admin@zeolite.example",
			ADMIN_PASSWORD: "admin-password",
			...env,
		},
		clock,
	});
	const facts: StoredFact[] = [];
	const { pipe } = node.platform;
	const publish = pipe.publish.bind(pipe);
	t.mock.method(pipe, "publish", (fact: StoredFact, messageId: string) => {
		if (!facts.some(({ id }) => id === fact.id)) facts.push(fact);
		return publish(fact, messageId);
	});
	const broker = node.broker as unknown as Broker;
	const { user, token } = await signUp(node, { role: "teacher" });
	return {
		call: broker.call.bind(broker) as Broker["call"],
		clock,
		teacher: { id: user.id, token },
		told: (name, fileId) => facts.filter(f => f.name === name && f.data.fileId === fileId),
		files: (node.broker.getLocalService("files") as unknown as { files: Collection<FileDoc> })
			.files,
		left: fileId => left(dir, fileId),
		dir,
	};
}

async function journey(t: TestContext, deposit: Deposit): Promise<void> {
	const { call, clock, teacher, told, files, left } = deposit;
	const as = { headers: { token: teacher.token } };
	const begin = (fileSize?: number, inParts = false) =>
		call("files.begin", announcedVideo(teacher.id, fileSize, inParts));
	const link = async (id: string, seconds = 60) => (await call("files.link", { id, seconds })).url;
	const kept = async (body: Buffer) => {
		const { fileId, uploadUrl } = await begin(body.length);
		assert.equal(await put(uploadUrl, body), 200);
		assert.equal((await call("files.confirm", { id: fileId })).status, "uploaded");
		return { id: fileId, uploadUrl };
	};

	await t.test("a file goes up by its address, is confirmed once, and comes down", async () => {
		const bytes = videoOf(100_000);
		const { fileId: id, uploadUrl, expiresAt, ...rest } = await begin(bytes.length);
		assert.deepEqual(rest, {});
		assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - hour) < 10_000);
		assert.equal(await outcome(call("files.confirm", { id })), "UPLOAD_MISSING");
		assert.equal(await outcome(call("files.link", { id, seconds: 9 })), "FILE_NOT_UPLOADED");
		assert.equal(await put(uploadUrl, bytes), 200);
		assert.equal(await outcome(call("files.link", { id, seconds: 9 })), "FILE_NOT_UPLOADED");
		const confirmed = await call("files.confirm", { id, ownerId: teacher.id });
		const { createdAt } = confirmed;
		assert.deepEqual(confirmed, {
			...announcedVideo(teacher.id, bytes.length),
			id,
			status: "uploaded",
			createdAt,
		});
		assert.deepEqual(await call("files.confirm", { id }), confirmed);
		assert.deepEqual(await call("files.find", { id }), confirmed);
		const [fact, ...more] = told("file.uploaded", id);
		assert.deepEqual(more, []);
		assert.deepEqual(fact?.data, {
			fileId: id,
			ownerId: teacher.id,
			purpose: "lecture",
			subjectId: "lec_1",
			fileSize: bytes.length,
			contentType: "video/mp4",
		});
		const { status, headers, bytes: read } = await opened(await link(id));
		assert.equal(status, 200);
		assert.ok(read.equals(bytes));
		assert.equal(headers.get("content-type"), "video/mp4");
		assert.match(headers.get("content-disposition") ?? "", /^inline; filename="lesson1\.mp4"/);
		const { url, ...own } = await call("files.get", { id }, as);
		assert.deepEqual(own, {
			id,
			fileName: "lesson1.mp4",
			fileSize: bytes.length,
			contentType: "video/mp4",
			status: "uploaded",
			createdAt,
		});
		assert.ok((await opened(url as string)).bytes.equals(bytes));
		assert.equal((await left(id)).length, 1);
	});

	await t.test("an address takes what was announced, and nothing else", async () => {
		const { fileId: id, uploadUrl } = await begin(video.length);
		const refused = async (asked: Promise<number>, what: string) => {
			const status = await asked;
			assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
		};
		await refused(put(uploadUrl, video, "text/html"), "another type");
		await refused(put(uploadUrl, video, ""), "no type");
		await refused(put(uploadUrl, videoOf(video.length + 1)), "a byte more");
		await refused(put(uploadUrl, video.subarray(1)), "a byte less");
		const other = await begin(video.length);
		const [mine, theirs] = [new URL(uploadUrl), new URL(other.uploadUrl)];
		theirs.search = mine.search;
		if (mine.search) await refused(put(theirs.href, video), "the signature of another");
		await refused(
			put(
				uploadUrl.replace(/.$/, c => (c === "A" ? "B" : "A")),
				video,
			),
			"a forged one",
		);
		assert.equal(await outcome(call("files.confirm", { id })), "UPLOAD_MISSING");
		assert.equal(await put(uploadUrl, video), 200);
		assert.equal((await call("files.confirm", { id })).status, "uploaded");
	});

	await t.test("what was confirmed cannot be changed by the address it came by", async () => {
		const bytes = videoOf(5_000);
		const { id, uploadUrl } = await kept(bytes);
		await put(uploadUrl, videoOf(5_000));
		assert.ok((await opened(await link(id))).bytes.equals(bytes));
		await call("files.confirm", { id });
		assert.ok((await opened(await link(id))).bytes.equals(bytes));
		clock.aheadMs += 3 * hour;
		await call("files.sweep");
		clock.aheadMs -= 3 * hour;
		assert.equal((await left(id)).length, 1, "what came after is still there");
		assert.ok((await opened(await link(id))).bytes.equals(bytes));
	});

	await t.test("bytes that are not what they say are refused, and gone", async () => {
		const page = `<html>${"x".repeat(94)}`;
		const { fileId: id, uploadUrl } = await begin(page.length);
		assert.equal(await put(uploadUrl, page), 200);
		const { status, reason } = await call("files.confirm", { id });
		assert.deepEqual([status, reason], ["rejected", "type"]);
		assert.equal((await call("files.confirm", { id })).status, "rejected");
		assert.equal(told("file.rejected", id)[0]?.data.reason, "type");
		assert.deepEqual(told("file.uploaded", id), []);
		assert.equal(await outcome(call("files.link", { id, seconds: 9 })), "FILE_NOT_UPLOADED");
		assert.deepEqual(await left(id), []);
	});

	await t.test("ranges: 206, 416, and all of it where none can be read", async () => {
		const bytes = videoOf(10_000);
		const url = await link((await kept(bytes)).id);
		for (const [range, from, to] of [
			["bytes=0-0", 0, 1],
			["bytes=100-199", 100, 200],
			["bytes=9990-", 9_990, 10_000],
			["bytes=-10", 9_990, 10_000],
			["bytes=9000-99999", 9_000, 10_000],
		] as const) {
			const part = await opened(url, { range });
			assert.equal(part.status, 206, range);
			assert.equal(part.headers.get("content-range"), `bytes ${from}-${to - 1}/10000`);
			assert.equal(part.headers.get("content-length"), String(to - from));
			assert.ok(part.bytes.equals(bytes.subarray(from, to)), range);
		}
		const behind = await opened(url, { range: "bytes=10000-" });
		assert.equal(behind.status, 416);
		const etag = (await opened(url)).headers.get("etag") ?? "";
		assert.equal((await opened(url, { "if-none-match": etag })).status, 304);
	});

	await t.test("an address opens a file for as long as it says", async () => {
		const url = await link((await kept(video)).id, 2);
		assert.equal((await opened(url)).status, 200);
		await eventually(
			() => opened(url),
			({ status }) => status === 403,
		);
		const signed = /[^/?=&]+$/.exec(url)?.[0] ?? "";
		const forged = url.replace(
			signed,
			signed.replace(/^./, c => (c === "a" ? "b" : "a")),
		);
		assert.equal((await opened(forged)).status, 403);
	});

	await t.test("an upload in parts goes on where it broke off", async () => {
		const bytes = videoOf(10 * MiB + 123);
		const { fileId: id, uploadUrl, partSize = 0, partCount } = await begin(bytes.length, true);
		assert.deepEqual([partSize, partCount], [5 * MiB, 3]);
		assert.match(uploadUrl, new RegExp(`/api/files/${id}/parts$`));
		const piece = (number: number) => bytes.subarray((number - 1) * partSize, number * partSize);
		const signed = async (...numbers: number[]) =>
			(await call("files.signParts", { id, numbers }, as)).parts;
		const send = async (number: number, body = piece(number)) => {
			const [part] = await signed(number);
			return put(part?.url ?? "", body, "");
		};
		const there = async () => (await call("files.parts", { id }, as)).parts;

		assert.deepEqual(
			(await signed(3, 1, 1)).map(({ number, size }) => [number, size]),
			[
				[3, 123],
				[1, 5 * MiB],
			],
		);
		assert.equal(await outcome(signed(4)), "VALIDATION_ERROR");
		assert.deepEqual(await there(), []);
		assert.equal(await send(2), 200);
		assert.equal(await send(3), 200);
		assert.equal(await outcome(call("files.confirm", { id })), "UPLOAD_MISSING");
		assert.ok((await send(1, piece(1).subarray(1))) >= 400, "a part that is too short");
		assert.deepEqual(await there(), [
			{ number: 2, size: 5 * MiB },
			{ number: 3, size: 123 },
		]);
		assert.equal(await send(2), 200, "a part again");
		const [first] = await signed(1);
		assert.equal(await put(first?.url ?? "", piece(1), ""), 200);
		assert.equal((await call("files.confirm", { id })).status, "uploaded");
		assert.equal((await call("files.confirm", { id })).status, "uploaded");
		assert.ok((await put(first?.url ?? "", randomBytes(partSize), "")) >= 400);
		assert.equal(await outcome(there()), "UPLOAD_CLOSED");
		const url = await link(id);
		assert.ok((await opened(url)).bytes.equals(bytes));
		const across = await opened(url, { range: `bytes=${partSize - 5}-${2 * partSize + 4}` });
		assert.equal(across.status, 206);
		assert.ok(across.bytes.equals(bytes.subarray(partSize - 5, 2 * partSize + 5)));
	});

	await t.test(
		"twenty confirmations are one, and leave one copy, or none of what is refused",
		async () => {
			for (const [body, status, copies, times] of [
				[video, "uploaded", 1, 20],
				[Buffer.alloc(video.length, "x"), "rejected", 0, 5],
			] as const) {
				const { fileId: id, uploadUrl } = await begin();
				assert.equal(await put(uploadUrl, body), 200);
				const confirm = async (_: unknown, i: number) => {
					await pause(i % 5);
					return call("files.confirm", { id });
				};
				const answers = await Promise.all(Array.from({ length: times }, confirm));
				assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([status]));
				assert.equal(told(`file.${status}`, id).length, 1);
				assert.equal((await left(id)).length, copies);
				if (copies > 0) assert.ok((await opened(await link(id))).bytes.equals(body));
			}
		},
	);

	await t.test("a confirmation that broke off is taken up again", async () => {
		for (const inParts of [false, true]) {
			const { fileId: id, uploadUrl } = await begin(video.length, inParts);
			const url = inParts
				? (await call("files.signParts", { id, numbers: [1] }, as)).parts[0]?.url
				: uploadUrl;
			assert.equal(await put(url ?? "", video), 200);
			const { advance } = files;
			t.mock.method(files, "advance", () => Promise.reject(new Error("the process is gone")), {
				times: 1,
			});
			assert.match((await outcome(call("files.confirm", { id }))) ?? "", /gone/);
			files.advance = advance;
			assert.equal((await call("files.confirm", { id })).status, "uploaded");
			assert.ok((await opened(await link(id))).bytes.equals(video));
			assert.equal((await left(id)).length, 1, "the copy of the first try is gone");
		}
	});

	await t.test("what is removed is gone, whatever it was, and stays so", async () => {
		const { id, uploadUrl } = await kept(video);
		const url = await link(id);
		const open = await begin(6 * MiB, true);
		const [part] = (await call("files.signParts", { id: open.fileId, numbers: [1] }, as)).parts;
		assert.equal(await put(part?.url ?? "", videoOf(5 * MiB), ""), 200);
		for (const fileId of [id, open.fileId]) {
			assert.equal((await call("files.remove", { id: fileId })).status, "deleted");
			assert.equal((await call("files.remove", { id: fileId })).status, "deleted");
			assert.equal((await call("files.confirm", { id: fileId })).status, "deleted");
			assert.equal(told("file.deleted", fileId).length, 1);
			assert.deepEqual(await left(fileId), []);
		}
		assert.equal((await opened(url)).status, 404);
		assert.ok((await put(part?.url ?? "", videoOf(5 * MiB), "")) >= 400);
		// S3 takes it: the address holds for an hour. What comes so is swept.
		await put(uploadUrl, video);
		clock.aheadMs += 3 * hour;
		await call("files.sweep");
		clock.aheadMs -= 3 * hour;
		assert.deepEqual(await left(id), []);
	});

	await t.test(
		"uploads that never came, or were never confirmed, end and are dropped",
		async () => {
			const nothing = await begin();
			const unconfirmed = await begin();
			assert.equal(await put(unconfirmed.uploadUrl, video), 200);
			const half = await begin(6 * MiB, true);
			const [part] = (await call("files.signParts", { id: half.fileId, numbers: [1] }, as)).parts;
			assert.equal(await put(part?.url ?? "", videoOf(5 * MiB), ""), 200);
			const { fileId: over } = await begin(6 * MiB, true);
			await files.advance({ id: over }, { $set: { uploadUntil: Date.now() } });
			assert.equal(
				await outcome(call("files.signParts", { id: over, numbers: [1] }, as)),
				"UPLOAD_CLOSED",
				"an address that has expired helps nobody",
			);
			clock.aheadMs += 1.5 * hour;
			await call("files.sweep");
			assert.equal((await call("files.find", { id: nothing.fileId })).status, "awaiting_upload");
			clock.aheadMs += hour;
			await call("files.sweep");
			const wholes = [nothing.fileId, unconfirmed.fileId];
			for (const id of wholes) {
				assert.equal((await call("files.find", { id })).reason, "expired");
				assert.equal(told("file.rejected", id)[0]?.data.reason, "expired");
				assert.deepEqual(await left(id), []);
			}
			assert.equal((await call("files.find", { id: half.fileId })).status, "awaiting_upload");
			clock.aheadMs += 23 * hour;
			await call("files.sweep");
			clock.aheadMs = 0;
			assert.equal((await call("files.find", { id: half.fileId })).reason, "expired");
			assert.deepEqual(await left(half.fileId), []);
			assert.deepEqual(await files.find({ sweepAt: { $lte: Date.now() } }), []);
		},
	);

	await t.test("what the store did not drop when asked is dropped by a later sweep", async () => {
		const { id } = await kept(video);
		await files.advance({ id }, { $set: { status: "deleted" }, $unset: { key: true } });
		assert.equal((await left(id)).length, 1);
		clock.aheadMs += 3 * hour;
		await call("files.sweep");
		clock.aheadMs -= 3 * hour;
		assert.deepEqual(await left(id), []);
	});

	await t.test("somebody else's file is not there", async () => {
		const { fileId: id } = await begin(video.length, true);
		const mine = { headers: { token: teacher.token } };
		assert.equal((await call("files.get", { id }, mine)).status, "awaiting_upload");
		assert.equal(
			await outcome(call("files.confirm", { id, ownerId: "usr_other" })),
			"FILE_NOT_FOUND",
		);
		assert.equal(await outcome(call("files.get", { id })), "UNAUTHENTICATED");
	});

	await t.test("a teacher's files have so much together, and ended ones nothing", async () => {
		const full = announcedVideo("usr_full", 20 * 1_024 * MiB, true);
		const begun = () =>
			call("files.begin", full).then(
				({ fileId }) => fileId,
				error => codeOf(error),
			);
		const refused = "UPLOAD_QUOTA_EXCEEDED";
		const ids: string[] = [];
		for (const answer of await Promise.all(Array.from({ length: 8 }, begun)))
			if (answer !== refused) ids.push(answer as string);
		assert.ok(ids.length <= 4, "4 times 20 GiB are less than 100 GB, 5 times are more");
		while (ids.length < 4) ids.push((await begun()) as string);
		assert.equal(await begun(), refused);
		await call("files.remove", { id: ids[0] as string });
		ids.push((await begun()) as string);
		assert.equal(await begun(), refused);
		const counted = await files.find({ countsFor: "usr_full" });
		assert.deepEqual(counted.map(({ id }) => id).sort(), ids.slice(1).sort());
		for (const id of ids) await call("files.remove", { id });

		clock.aheadMs += 91 * 24 * hour;
		await call("files.endContent");
		clock.aheadMs = 0;
		const { fileName, status } = await call("files.find", { id: ids[0] as string });
		assert.deepEqual([fileName, status], ["removed, past its retention", "deleted"]);
	});

	await t.test("one key, one upload", async () => {
		const seeded = { headers: { seed: "a-run" } };
		const wanted = announcedVideo(teacher.id, 6 * MiB, true);
		const [first, again] = [
			await call("files.begin", wanted, seeded),
			await call("files.begin", wanted, seeded),
		];
		assert.deepEqual(again, first);
	});
}

test("files on disk", async t => {
	const deposit = await openDeposit(t, {}, async (dir, fileId) =>
		["open", "kept", "tmp"].flatMap(place => {
			const at = join(dir, "files", place, place === "tmp" ? "" : fileId);
			return existsSync(at) ? readdirSync(at) : [];
		}),
	);
	await journey(t, deposit);

	await t.test("an upload that breaks off leaves nothing, and can be made again", async () => {
		const bytes = videoOf(MiB);
		const { uploadUrl, fileId } = await deposit.call(
			"files.begin",
			announcedVideo(deposit.teacher.id, bytes.length),
		);
		const { hostname, port, pathname } = new URL(uploadUrl);
		const socket = connect(Number(port), hostname);
		await once(socket, "connect");
		socket.write(
			`PUT ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: video/mp4\r\ncontent-length: ${MiB}\r\n\r\n`,
		);
		socket.write(bytes.subarray(0, MiB / 2));
		const coming = () => readdirSync(join(deposit.dir, "files/tmp"));
		await eventually(
			async () => coming().length,
			count => count === 1,
		);
		socket.destroy();
		await eventually(
			async () => coming().length,
			count => count === 0,
		);
		assert.deepEqual(await deposit.left(fileId), []);
		assert.equal(await put(uploadUrl, bytes), 200);
		assert.equal(await put(uploadUrl, bytes), 409, "once it is there, it is there");
		assert.equal((await deposit.call("files.confirm", { id: fileId })).status, "uploaded");
	});

	await t.test("who sends again ends what hangs of the first", async () => {
		const { uploadUrl } = await deposit.call(
			"files.begin",
			announcedVideo(deposit.teacher.id, video.length),
		);
		const { hostname, port, pathname } = new URL(uploadUrl);
		const socket = connect(Number(port), hostname);
		socket.write(
			`PUT ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: video/mp4\r\ncontent-length: ${video.length}\r\n\r\nx`,
		);
		const coming = () => readdirSync(join(deposit.dir, "files/tmp"));
		await eventually(
			async () => coming().length,
			count => count === 1,
		);
		const closed = once(
			socket.resume().on("error", () => {}),
			"close",
		);
		assert.equal(await put(uploadUrl, video), 200);
		await closed;
		await eventually(
			async () => coming().length,
			count => count === 0,
		);
	});

	await t.test("an upload in chunks of no announced length is held to it too", async () => {
		const chunks = (count: number) =>
			new ReadableStream({
				start(controller) {
					controller.enqueue(video);
					for (let i = 0; i < count; i++) controller.enqueue(new Uint8Array(1_000));
					controller.close();
				},
			});
		const size = video.length + 2_000;
		const announced = announcedVideo(deposit.teacher.id, size);
		const { uploadUrl } = await deposit.call("files.begin", announced);
		const send = async (count: number) => {
			const response = await fetch(uploadUrl, {
				method: "PUT",
				headers: { "content-type": "video/mp4" },
				body: chunks(count),
				duplex: "half",
			} as RequestInit);
			return response.status;
		};
		assert.equal(await send(1), 422);
		assert.equal(await send(3), 422);
		assert.equal(await send(2), 200);
	});
});

const servers = await needs("s3");
if (servers)
	test("files in an S3 store", async t => {
		const { env, client } = await newBucket(t, servers.s3);
		const bucket = env.AWS_S3_BUCKET;
		const deposit = await openDeposit(t, env, async (_, fileId) => {
			const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
			const { Uploads = [] } = await client.send(
				new ListMultipartUploadsCommand({ Bucket: bucket }),
			);
			return [...Contents, ...Uploads].map(({ Key = "" }) => Key).filter(k => k.includes(fileId));
		});
		await journey(t, deposit);

		await t.test("what belongs to no file is dropped once it is two days old", async () => {
			const { fileId: id, uploadUrl } = await deposit.call(
				"files.begin",
				announcedVideo(deposit.teacher.id),
			);
			const open = await deposit.call(
				"files.begin",
				announcedVideo(deposit.teacher.id, 6 * MiB, true),
			);
			assert.equal(await put(uploadUrl, video), 200);
			await deposit.files.remove({ id: { $in: [id, open.fileId] } });
			deposit.clock.aheadMs += 47 * hour;
			await deposit.call("files.tidy");
			assert.equal((await deposit.left(id)).length, 1);
			deposit.clock.aheadMs += 2 * hour;
			await deposit.call("files.tidy");
			deposit.clock.aheadMs = 0;
			assert.deepEqual(await deposit.left(id), []);
			assert.deepEqual(await deposit.left(open.fileId), []);
		});

		await t.test(
			"what is in an address: type and length signed, and no checksum of nothing",
			async () => {
				const announced = announcedVideo(deposit.teacher.id, 6 * MiB);
				const whole = await deposit.call("files.begin", announced);
				const { fileId: id } = await deposit.call("files.begin", { ...announced, multipart: true });
				const as = { headers: { token: deposit.teacher.token } };
				const { parts } = await deposit.call("files.signParts", { id, numbers: [1] }, as);
				for (const [url, signed] of [
					[whole.uploadUrl, "content-length;content-type;host"],
					[parts[0]?.url, "content-length;host"],
				] as const) {
					const query = new URL(url ?? "").searchParams;
					assert.equal(query.get("X-Amz-SignedHeaders"), signed);
					assert.doesNotMatch([...query.keys()].join(" "), /checksum/);
				}
			},
		);

		await t.test("no action of a disk is there", async () => {
			await assert.rejects(deposit.call("files.serve", { ticket: "x" }), /not found/);
		});
	});
