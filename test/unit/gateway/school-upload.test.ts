import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

// biome-ignore lint/suspicious/noExplicitAny: pages are plain JavaScript
const { isSame, missing, SendError, upload }: any = await import(
	`../../../services/gateway/school/web/${"upload"}.js`
);

const MiB = 1_024 * 1_024;
const partSize = 5 * MiB;

class Problem extends Error {
	readonly code = "X";
	readonly status: number;
	constructor(status: number) {
		super(`problem ${status}`);
		this.status = status;
	}
}

const fileOf = (bytes: number) =>
	Object.assign(new Blob([new Uint8Array(bytes)], { type: "video/mp4" }), {
		name: "film.mp4",
		lastModified: 7,
	});

/** A server that keeps what arrives; `fails` says of each call how it ends. */
function serverOf(size: number, fails: () => "no" | "lost" | "late" = () => "no") {
	const uploads = new Map<string, Map<number, number>>();
	const seen = { announced: 0, confirmed: [] as string[], bytes: 0, states: [] as string[] };
	const partCount = Math.ceil(size / partSize);
	const call = <T>(answer: () => T): Promise<T> => {
		const how = fails();
		if (how === "lost") return Promise.reject(new Problem(0));
		const made = answer();
		return how === "late" ? Promise.reject(new Problem(503)) : Promise.resolve(made);
	};
	const partsOf = (path: string) => {
		const found = uploads.get(path.split("/")[3] ?? "");
		if (!found) throw new Problem(404);
		return found;
	};
	return {
		seen,
		uploads,
		needs: {
			api: {
				get: (path: string) =>
					call(() => ({
						partSize,
						partCount,
						parts: [...partsOf(path)].map(([number, bytes]) => ({ number, size: bytes })),
					})),
				post: (path: string, body: { numbers?: number[]; multipart?: boolean; fileId?: string }) =>
					call(() => {
						if (path.endsWith("/parts")) {
							partsOf(path);
							return {
								parts: body.numbers?.map(number => ({
									number,
									url: `${path.split("/")[3]} ${number}`,
								})),
							};
						}
						if (path.endsWith("/confirm-upload")) {
							const there = [...(uploads.get(body.fileId ?? "") ?? new Map()).values()];
							if (there.reduce((a, b) => a + b, 0) !== size) throw new Problem(409);
							seen.confirmed.push(body.fileId ?? "");
							return { status: "processing" };
						}
						const fileId = `fil_${++seen.announced}`;
						uploads.set(fileId, new Map());
						return {
							fileId,
							uploadUrl: `${fileId} 1`,
							...(body.multipart && { partSize, partCount }),
						};
					}),
			},
			send: async (url: string, blob: Blob, onBytes: (bytes: number) => void) => {
				const how = fails();
				if (how === "lost") throw new SendError(0);
				const [fileId = "", number = ""] = url.split(" ");
				uploads.get(fileId)?.set(Number(number), blob.size);
				seen.bytes += blob.size;
				onBytes(blob.size);
				if (how === "late") throw new SendError(0);
			},
			wait: async () => {},
			remember: () => {},
			onBytes: () => {},
			onState: (state: string) => seen.states.push(state),
			signal: new AbortController().signal,
		},
	};
}

test("a short file goes in one piece, a long one in parts, each of its size", async () => {
	const short = serverOf(3 * MiB);
	assert.equal((await upload("lec_1", fileOf(3 * MiB), short.needs)).status, "processing");
	assert.deepEqual([...(short.uploads.get("fil_1") ?? [])], [[1, 3 * MiB]]);
	const size = 12 * MiB;
	const long = serverOf(size);
	let remembered: unknown = "nothing yet";
	await upload("lec_1", fileOf(size), {
		...long.needs,
		remember: (ticket: unknown) => {
			remembered = ticket;
		},
	});
	assert.deepEqual(
		[...(long.uploads.get("fil_1") ?? [])].sort(([a], [b]) => a - b),
		[
			[1, partSize],
			[2, partSize],
			[3, 2 * MiB],
		],
	);
	assert.equal(remembered, undefined, "what is done is not gone on with");
});

test("whatever is lost on the way, all arrives, and is confirmed once it is all there", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.constantFrom("no", "lost", "late"), { maxLength: 40 }),
			fc.integer({ min: 1, max: 30 * MiB }),
			async (fates, size) => {
				const left = [...fates] as ("no" | "lost" | "late")[];
				const server = serverOf(size, () => left.shift() ?? "no");
				await upload("lec_1", fileOf(size), server.needs);
				const fileId = server.seen.confirmed.at(-1) as string;
				const there = [...(server.uploads.get(fileId)?.values() ?? [])];
				assert.equal(
					there.reduce((a, b) => a + b, 0),
					size,
				);
			},
		),
		{ numRuns: 60 },
	);
});

test("after a reload only what is missing is sent; where it is gone, all of it anew", async () => {
	const size = 20 * MiB;
	const begun = { fileId: "fil_9", partSize, name: "film.mp4", size, lastModified: 7 };
	const resumed = serverOf(size);
	resumed.uploads.set(
		"fil_9",
		new Map([
			[1, partSize],
			[3, partSize],
		]),
	);
	const file = fileOf(size);
	assert.equal(isSame(begun, file), true);
	assert.equal(isSame(begun, Object.assign(fileOf(size), { lastModified: 8 })), false);
	await upload("lec_1", file, { ...resumed.needs, begun });
	assert.equal(resumed.seen.announced, 0);
	assert.equal(resumed.seen.bytes, 10 * MiB);
	assert.deepEqual(resumed.seen.confirmed, ["fil_9"]);

	const swept = serverOf(size);
	await upload("lec_1", file, { ...swept.needs, begun });
	assert.deepEqual(swept.seen.confirmed, ["fil_1"]);
	assert.equal(swept.seen.bytes, size);
	assert.deepEqual(missing({ partCount: 4, parts: [{ number: 2 }] }), [1, 3, 4]);
});

test("what is refused is not tried for ever", async () => {
	const server = serverOf(MiB);
	const send = async () => {
		throw new SendError(422);
	};
	await assert.rejects(upload("lec_1", fileOf(MiB), { ...server.needs, send }), { status: 422 });
	assert.equal(server.seen.announced, 1);
	assert.deepEqual(server.seen.confirmed, []);
});

test("an upload that is stopped ends", async () => {
	const server = serverOf(20 * MiB);
	const controller = new AbortController();
	const send = async () => {
		controller.abort();
		throw new SendError(0);
	};
	await assert.rejects(
		upload("lec_1", fileOf(20 * MiB), { ...server.needs, send, signal: controller.signal }),
	);
	assert.deepEqual(server.seen.confirmed, []);
});
