import { parameters, sequence, slice } from "../../../scripts/demo/h264.ts";
import { box, colour, copyOf, type Picture, picture } from "../../../scripts/demo/picture.ts";

const width = 64;
const height = 48;
const rate = 8;
const segmentSeconds = 2;
/** Ticks of a time stamp in a second. */
const ticks = 90_000;

const packetBytes = 188;
const programs = 0;
const program = 0x1000;
const video = 0x100;

/** CRC-32 of the tables of a transport stream (ISO/IEC 13818-1, annex A). */
function checksum(bytes: Uint8Array): Buffer {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte << 24;
		for (let i = 0; i < 8; i++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
	}
	const sum = Buffer.alloc(4);
	sum.writeInt32BE(crc | 0);
	return sum;
}

/** A table as the content of a packet: a pointer to its begin, its head, its sum. */
function table(id: number, ...body: readonly number[]): Buffer {
	const bytes = Buffer.from([id, 0xb0, 9 + body.length, 0, 1, 0xc1, 0, 0, ...body]);
	return Buffer.concat([Buffer.of(0), bytes, checksum(bytes)]);
}

const pat = table(0, 0, 1, 0xe0 | (program >> 8), program & 255);
const h264 = 0x1b;
const pmt = table(
	2,
	...[0xe0 | (video >> 8), video & 255, 0xf0, 0],
	...[h264, 0xe0 | (video >> 8), video & 255, 0xf0, 0],
);

/** A clock that a player goes by: 33 bits of ticks, 6 that are all one, 9 of a finer clock. */
const clockOf = (time: number): Buffer => {
	const bytes = Buffer.alloc(6);
	bytes.writeUInt32BE(Math.floor(time / 2));
	bytes[4] = ((time & 1) << 7) | 0x7e;
	return bytes;
};

/** Packets of one stream, numbered over all of it. */
class Packets {
	readonly #counts = new Map<number, number>();

	/** @param clock stands in the first packet. */
	of(pid: number, content: Uint8Array, clock?: Buffer): Buffer {
		const packets: Buffer[] = [];
		for (let at = 0; at < content.length; ) {
			const isFirst = at === 0;
			const field = isFirst && clock ? Buffer.concat([Buffer.of(0x50), clock]) : Buffer.alloc(0);
			const free = packetBytes - 4 - (field.length && field.length + 1);
			const part = content.subarray(at, at + free);
			at += part.length;
			const filled = free - part.length;
			const count = this.#counts.get(pid) ?? 0;
			this.#counts.set(pid, (count + 1) % 16);
			const hasField = field.length > 0 || filled > 0;
			const head = [
				...[0x47, (isFirst ? 0x40 : 0) | (pid >> 8), pid & 255],
				(hasField ? 0x30 : 0x10) | count,
			];
			packets.push(Buffer.from(head), fieldOf(field, filled), Buffer.from(part));
		}
		return Buffer.concat(packets);
	}
}

/** The field before a packet's content, of `filled` bytes more than it needs. */
function fieldOf(field: Buffer, filled: number): Buffer {
	if (field.length === 0 && filled === 0) return field;
	if (field.length === 0)
		return filled === 1
			? Buffer.of(0)
			: Buffer.concat([Buffer.of(filled - 1, 0), Buffer.alloc(filled - 2, 255)]);
	const length = field.length + filled;
	return Buffer.concat([Buffer.of(length), field, Buffer.alloc(filled, 255)]);
}

/** A picture as a packet of its elementary stream, shown at `time`. */
function shownAt(time: number, units: readonly Uint8Array[]): Buffer {
	const stamp = [
		0x21 | (Math.floor(time / 2 ** 30) << 1),
		...[(time >> 22) & 255, ((time >> 14) & 254) | 1, (time >> 7) & 255, ((time << 1) & 254) | 1],
	];
	const begin = Buffer.of(0, 0, 0, 1);
	return Buffer.concat([
		Buffer.from([0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, ...stamp]),
		...units.flatMap(unit => [begin, unit]),
	]);
}

const delimiter = Uint8Array.of(0x09, 0xf0);

export interface Segment {
	bytes: Buffer;
	seconds: number;
}

/** A silent video of so many seconds as segments of HLS: H.264 in MPEG transport streams, a bar that grows. */
export function segments(seconds: number): Segment[] {
	const packets = new Packets();
	const perSegment = rate * segmentSeconds;
	const all = Math.round(seconds * rate);
	const found: Buffer[][] = [];
	let before: Picture | undefined;
	for (let i = 0; i < all; i++) {
		const number = i % perSegment;
		const isKey = number === 0;
		const now: Picture =
			isKey || !before ? picture(width, height, colour(200, 0.4, 0.3)) : copyOf(before);
		box(now, 0, 0, Math.ceil((width * (i + 1)) / all), 16, colour(40, 0.7, 0.6));
		const unit = slice(now, isKey ? undefined : before, number, i / perSegment);
		before = now;
		const time = ticks + (i * ticks) / rate;
		const sets = isKey ? [sequence(width, height), parameters()] : [];
		if (isKey) found.push([packets.of(programs, pat), packets.of(program, pmt)]);
		found.at(-1)?.push(packets.of(video, shownAt(time, [delimiter, ...sets, unit]), clockOf(time)));
	}
	return found.map((parts, i) => ({
		bytes: Buffer.concat(parts),
		seconds: Math.min(segmentSeconds, seconds - i * segmentSeconds),
	}));
}

/** The playlist that names the one rendition there is. */
export const multivariant = (rendition: string): string =>
	[
		"#EXTM3U",
		"#EXT-X-VERSION:5",
		"#EXT-X-INDEPENDENT-SEGMENTS",
		`#EXT-X-STREAM-INF:BANDWIDTH=300000,AVERAGE-BANDWIDTH=300000,CODECS="avc1.42c01e",RESOLUTION=${width}x${height},CLOSED-CAPTIONS=NONE`,
		`${rendition}\n`,
	].join("\n");

/** The playlist of a rendition: seconds and address of each segment. */
export const rendition = (parts: readonly (readonly [seconds: number, address: string])[]) =>
	[
		"#EXTM3U",
		"#EXT-X-VERSION:3",
		`#EXT-X-TARGETDURATION:${segmentSeconds}`,
		"#EXT-X-PLAYLIST-TYPE:VOD",
		...parts.flatMap(([seconds, address]) => [`#EXTINF:${seconds},`, address]),
		"#EXT-X-ENDLIST\n",
	].join("\n");
