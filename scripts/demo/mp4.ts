/** One picture of a video, as a NAL unit. */
export interface Sample {
	unit: Uint8Array;
	/** Whether it stands for itself. */
	isKey: boolean;
}

const u8 = (...values: number[]): Buffer => Buffer.from(values);
const u16 = (...values: number[]): Buffer =>
	Buffer.concat(values.map(value => u8((value >> 8) & 255, value & 255)));
const u32 = (...values: number[]): Buffer => {
	const bytes = Buffer.alloc(values.length * 4);
	for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
	return bytes;
};

const atom = (name: string, ...parts: readonly Uint8Array[]): Buffer => {
	const body = Buffer.concat(parts);
	return Buffer.concat([u32(body.length + 8), Buffer.from(name, "latin1"), body]);
};

const matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
const undetermined = 0x55c4;

/**
 * H.264 pictures as an MP4 file (ISO/IEC 14496-12 and -15) whose index stands first.
 * @param rate pictures per second
 */
export function mp4(
	samples: readonly Sample[],
	{
		width,
		height,
		rate,
		sps,
		pps,
	}: { width: number; height: number; rate: number; sps: Uint8Array; pps: Uint8Array },
): Buffer {
	const scale = 1_000;
	const each = scale / rate;
	const duration = each * samples.length;
	const data = samples.map(({ unit }) => Buffer.concat([u32(unit.length), unit]));
	const keys = samples.flatMap(({ isKey }, i) => (isKey ? [i + 1] : []));
	const config = atom(
		"avcC",
		u8(1, sps[1] as number, sps[2] as number, sps[3] as number, 0xff, 0xe1),
		u16(sps.length),
		sps,
		u8(1),
		u16(pps.length),
		pps,
	);
	const entry = atom(
		"avc1",
		u32(0),
		u16(0, 1),
		u32(0, 0, 0, 0),
		u16(width, height),
		u32(0x480000, 0x480000, 0),
		u16(1),
		Buffer.alloc(32),
		u16(0x18, 0xffff),
		config,
	);
	const index = (offset: number) =>
		atom(
			"moov",
			atom(
				"mvhd",
				u32(0, 0, 0, scale, duration, 0x10000),
				u16(0x100, 0),
				u32(0, 0),
				matrix,
				u32(0, 0, 0, 0, 0, 0, 2),
			),
			atom(
				"trak",
				atom(
					"tkhd",
					u32(3, 0, 0, 1, 0, duration, 0, 0),
					u16(0, 0, 0, 0),
					matrix,
					u32(width << 16, height << 16),
				),
				atom(
					"mdia",
					atom("mdhd", u32(0, 0, 0, scale, duration), u16(undetermined, 0)),
					atom("hdlr", u32(0, 0), Buffer.from("vide"), u32(0, 0, 0), Buffer.from("video\0")),
					atom(
						"minf",
						atom("vmhd", u32(1), u16(0, 0, 0, 0)),
						atom("dinf", atom("dref", u32(0, 1), atom("url ", u32(1)))),
						atom(
							"stbl",
							atom("stsd", u32(0, 1), entry),
							atom("stts", u32(0, 1, samples.length, each)),
							atom("stss", u32(0, keys.length, ...keys)),
							atom("stsc", u32(0, 1, 1, samples.length, 1)),
							atom("stsz", u32(0, 0, samples.length, ...data.map(({ length }) => length))),
							atom("stco", u32(0, 1, offset)),
						),
					),
				),
			),
		);
	const type = atom("ftyp", Buffer.from("isom"), u32(512), Buffer.from("isomiso2avc1mp41"));
	const head = type.length + index(0).length + 8;
	return Buffer.concat([type, index(head), atom("mdat", ...data)]);
}
