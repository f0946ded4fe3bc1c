/** Bytes of a file from `offset` on: as many as were asked for, or fewer where it ends. */
export type ReadBytes = (offset: number, length: number) => Promise<Buffer>;

/** Boxes and elements that are looked at before a file is taken for one that does not tell. */
const mostSteps = 64;
/** A WebM file tells its duration near its beginning, before the first cluster. */
const webmHead = 65_536;

/**
 * How long a video is, seconds, from its header: ISO base media files (MP4, MOV: ISO/IEC 14496-12 §8.2.2) and WebM
 * (RFC 9559 §5.1.2.10). Undefined for what is neither, or does not tell.
 * @param size bytes of the file.
 */
export async function durationOf(read: ReadBytes, size: number): Promise<number | undefined> {
	const head = await read(0, 16);
	const seconds =
		head.length >= 4 && head.readUInt32BE(0) === ebml.header
			? webmDuration(await read(0, Math.min(size, webmHead)))
			: head.toString("latin1", 4, 8) === "ftyp"
				? await mp4Duration(read, size)
				: undefined;
	return seconds !== undefined && seconds > 0 && seconds < 1e6 ? seconds : undefined;
}

interface Box {
	type: string;
	/** Where its content begins. */
	start: number;
	/** Where it ends. */
	end: number;
}

/** The box at `offset`; null where none fits into what is there. */
async function boxAt(read: ReadBytes, offset: number, limit: number): Promise<Box | null> {
	const head = await read(offset, 16);
	if (head.length < 8) return null;
	const short = head.readUInt32BE(0);
	const type = head.toString("latin1", 4, 8);
	if (short === 1 && head.length < 16) return null;
	const length =
		short === 0 ? limit - offset : short === 1 ? Number(head.readBigUInt64BE(8)) : short;
	const start = offset + (short === 1 ? 16 : 8);
	const end = offset + length;
	return end < start || end > limit ? null : { type, start, end };
}

/** Looks for `moov`, wherever it lies, and in it for `mvhd`. */
async function mp4Duration(read: ReadBytes, size: number): Promise<number | undefined> {
	let [offset, limit] = [0, size];
	for (let step = 0; step < mostSteps && offset < limit; step++) {
		const box = await boxAt(read, offset, limit);
		if (!box) return undefined;
		if (box.type === "mvhd") return movieDuration(await read(box.start, 32));
		[offset, limit] = box.type === "moov" ? [box.start, box.end] : [box.end, limit];
	}
	return undefined;
}

const unknown32 = 0xffff_ffff;
const unknown64 = 0xffff_ffff_ffff_ffffn;

/** Of the content of an `mvhd` box: version, times, timescale, duration. */
function movieDuration(bytes: Buffer): number | undefined {
	const isLong = bytes[0] === 1;
	if (bytes.length < (isLong ? 32 : 20)) return undefined;
	const timescale = bytes.readUInt32BE(isLong ? 20 : 12);
	const units = isLong ? bytes.readBigUInt64BE(24) : bytes.readUInt32BE(16);
	if (units === unknown32 || units === unknown64) return undefined;
	return Number(units) / timescale;
}

/** Ids of the elements that are read (RFC 9559 §5.1). */
const ebml = {
	header: 0x1a45_dfa3,
	segment: 0x1853_8067,
	info: 0x1549_a966,
	timestampScale: 0x2a_d7b1,
	duration: 0x4489,
	cluster: 0x1f43_b675,
};

/** A variable-length integer (RFC 8794 §4); its marker bit is kept in ids and not in sizes. Null where it is cut. */
function vint(bytes: Buffer, offset: number, isId: boolean) {
	const first = bytes[offset] ?? 0;
	const length = Math.clz32(first) - 23;
	if (first === 0 || offset + length > bytes.length) return null;
	const mask = isId ? 0xff : 0xff >> length;
	let value = first & mask;
	let isUnknown = value === mask;
	for (const byte of bytes.subarray(offset + 1, offset + length)) {
		value = value * 256 + byte;
		isUnknown &&= byte === 0xff;
	}
	return { value, next: offset + length, isUnknown };
}

const uint = (bytes: Buffer): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

const float = (bytes: Buffer): number | undefined =>
	bytes.length === 4 ? bytes.readFloatBE() : bytes.length === 8 ? bytes.readDoubleBE() : undefined;

/** Goes through `head`, into the segment and its info; both come before the first cluster. */
function webmDuration(head: Buffer): number | undefined {
	let nanoseconds = 1_000_000;
	let units: number | undefined;
	let offset = 0;
	for (let step = 0; step < mostSteps && offset < head.length; step++) {
		const id = vint(head, offset, true);
		const size = id && vint(head, id.next, false);
		if (!id || !size || id.value === ebml.cluster) break;
		const isInside = id.value === ebml.segment || id.value === ebml.info;
		const content = head.subarray(size.next, size.next + size.value);
		if (id.value === ebml.timestampScale) nanoseconds = uint(content);
		if (id.value === ebml.duration) units = float(content);
		if (!isInside && size.isUnknown) break;
		offset = isInside ? size.next : size.next + size.value;
	}
	return units === undefined ? undefined : (units * nanoseconds) / 1e9;
}
