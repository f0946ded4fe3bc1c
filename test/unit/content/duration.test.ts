import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { durationOf } from "../../../services/content/videos/duration.ts";
import { box, element, mp4, mvhd, webm } from "../../support/media.ts";

/** How long the file of these bytes is, and how many reads that took. */
async function measure(file: Buffer): Promise<{ seconds: number | undefined; reads: number }> {
	let reads = 0;
	const seconds = await durationOf(async (offset, length) => {
		reads++;
		return file.subarray(offset, offset + length);
	}, file.length);
	return { seconds, reads };
}

const seconds = async (file: Buffer) => (await measure(file)).seconds;

/** Version 1 of the box: times and duration of 64 bits. */
function longMvhd(units: bigint, timescale: number): Buffer {
	const bytes = Buffer.alloc(112);
	bytes[0] = 1;
	bytes.writeUInt32BE(timescale, 20);
	bytes.writeBigUInt64BE(units, 24);
	return box("mvhd", bytes);
}

const ftyp = box("ftyp", Buffer.from("isom"));

test("an MP4 tells how long it is, its header first or last", async () => {
	assert.equal(await seconds(mp4(12.6)), 12.6);
	assert.equal(await seconds(mp4(12.6, { moovLast: true, bytes: 100_000 })), 12.6);
	const before = [ftyp, box("free"), box("moov", box("free"), mvhd(90_000, 30_000))];
	assert.equal(await seconds(Buffer.concat(before)), 3);
	assert.equal(await seconds(Buffer.concat([ftyp, box("moov", longMvhd(7_200n, 2))])), 3_600);
});

test("a large MP4 is not read through", async () => {
	const { reads } = await measure(mp4(5, { moovLast: true, bytes: 5_000_000 }));
	assert.ok(reads < 10, String(reads));
});

test("a WebM tells how long it is, its segment's length known or not", async () => {
	assert.equal(await seconds(webm(12.5)), 12.5);
	const bare = webm(7);
	const at = bare.indexOf(Buffer.from("18538067", "hex"));
	const open = Buffer.concat([
		bare.subarray(0, at),
		Buffer.from("18538067", "hex"),
		Buffer.from("01ffffffffffffff", "hex"),
		bare.subarray(at + 4 + (bare[at + 4] === 1 ? 8 : 1)),
	]);
	assert.equal(await seconds(open), 7);
	const float32 = Buffer.alloc(4);
	float32.writeFloatBE(2_500);
	const info = element("1549a966", element("4489", float32));
	const short = [element("1a45dfa3"), element("18538067", info)];
	assert.equal(await seconds(Buffer.concat(short)), 2.5, "milliseconds where no scale is given");
});

test("what does not tell is not guessed", async () => {
	const moov = (...inside: Buffer[]) => Buffer.concat([ftyp, box("moov", ...inside)]);
	for (const file of [
		Buffer.alloc(0),
		Buffer.from("a text, not a film"),
		Buffer.concat([ftyp, box("mdat", Buffer.alloc(10))]),
		moov(),
		moov(mvhd(0, 1_000)),
		moov(mvhd(1_000, 0)),
		moov(mvhd(0xffff_ffff, 1_000)),
		mp4(9).subarray(0, 60),
		Buffer.concat([element("1a45dfa3"), element("18538067", element("1f43b675"))]),
	])
		assert.equal(await seconds(file), undefined);
});

test("no file makes it loop, fail or tell nonsense", async () => {
	const starts = [ftyp, Buffer.from("1a45dfa3", "hex"), mp4(3).subarray(0, 40), webm(3)];
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...starts),
			fc.uint8Array({ maxLength: 400 }),
			async (start, rest) => {
				const { seconds, reads } = await measure(Buffer.concat([start, rest]));
				assert.ok(reads < 70);
				assert.ok(seconds === undefined || (seconds > 0 && Number.isFinite(seconds)));
			},
		),
		{ numRuns: 300 },
	);
});
