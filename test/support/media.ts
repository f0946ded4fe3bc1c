/** A box of an ISO base media file: its length, its type, what is in it. */
export function box(type: string, ...content: Buffer[]): Buffer {
	const body = Buffer.concat(content);
	const head = Buffer.alloc(8);
	head.writeUInt32BE(8 + body.length);
	head.write(type, 4, "latin1");
	return Buffer.concat([head, body]);
}

/** The box that says how long a film is, in `timescale` units of a second. */
export function mvhd(units: number, timescale: number): Buffer {
	const bytes = Buffer.alloc(100);
	bytes.writeUInt32BE(timescale, 12);
	bytes.writeUInt32BE(units, 16);
	return box("mvhd", bytes);
}

const ftyp = box("ftyp", Buffer.from("isom\0\0\0\x01isommp42", "latin1"));

/** A file that is an MP4 by its header and says that it is so long; nothing in it can be played. */
export function mp4(seconds: number, { bytes = 64, moovLast = false } = {}): Buffer {
	const moov = box("moov", mvhd(Math.round(seconds * 1_000), 1_000));
	const mdat = box("mdat", Buffer.alloc(bytes, 0x5a));
	return Buffer.concat(moovLast ? [ftyp, mdat, moov] : [ftyp, moov, mdat]);
}

/** An EBML element: id, length in one byte or eight, content. */
export function element(id: string, ...content: Buffer[]): Buffer {
	const body = Buffer.concat(content);
	const size = Buffer.alloc(8);
	size.writeBigUInt64BE(BigInt(body.length));
	size[0] = 0x01;
	const length = body.length < 127 ? Buffer.from([0x80 | body.length]) : size;
	return Buffer.concat([Buffer.from(id, "hex"), length, body]);
}

/** A file that is a WebM by its header and says that it is so long. */
export function webm(seconds: number): Buffer {
	const duration = Buffer.alloc(8);
	duration.writeDoubleBE(seconds * 1_000);
	const scale = Buffer.from([0x0f, 0x42, 0x40]);
	const info = element("1549a966", element("2ad7b1", scale), element("4489", duration));
	return Buffer.concat([
		element("1a45dfa3", element("4282", Buffer.from("webm"))),
		element("18538067", element("ec", Buffer.alloc(40)), info),
	]);
}
