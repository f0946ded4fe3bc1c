import type { Picture } from "./picture.ts";

/** Bits of a NAL unit, the first one highest. */
class Bits {
	readonly #bytes: number[] = [];
	#free = 0;

	/** `count` bits of `value`, up to 31. */
	put(value: number, count: number): this {
		for (let i = count - 1; i >= 0; i--) {
			if (this.#free === 0) {
				this.#bytes.push(0);
				this.#free = 8;
			}
			this.#free--;
			this.#bytes[this.#bytes.length - 1] =
				(this.#bytes.at(-1) as number) | (((value >> i) & 1) << this.#free);
		}
		return this;
	}

	/** Exp-Golomb codes (H.264, 9.1). */
	ue(...values: readonly number[]): this {
		for (const value of values) {
			const length = 31 - Math.clz32(value + 1);
			this.put(0, length).put(value + 1, length + 1);
		}
		return this;
	}

	/** Whole bytes, after zeros up to where a byte begins. */
	aligned(bytes: Uint8Array): this {
		this.#free = 0;
		for (const byte of bytes) this.#bytes.push(byte);
		return this;
	}

	/** The NAL unit: with its header, its end, and no three bytes in it that would begin another (7.4.1). */
	unit(header: number): Uint8Array {
		this.put(1, 1);
		const unit = [header];
		let zeros = 0;
		for (const byte of this.#bytes) {
			if (zeros >= 2 && byte <= 3) {
				unit.push(3);
				zeros = 0;
			}
			unit.push(byte);
			zeros = byte === 0 ? zeros + 1 : 0;
		}
		return Uint8Array.from(unit);
	}
}

const block = 16;
/** I_PCM in a slice of I macroblocks (table 7-11); in one of P macroblocks five are before it. */
const pcm = 25;
const frameNumberBits = 8;

/** Sequence parameters: constrained baseline, level 3.0, one reference, pictures in the order they are shown. */
export const sequence = (width: number, height: number): Uint8Array =>
	new Bits()
		.put(66, 8)
		.put(0xc0, 8)
		.put(30, 8)
		.ue(0, frameNumberBits - 4, 2, 1)
		.put(0, 1)
		.ue(width / block - 1, height / block - 1)
		.put(0b1100, 4)
		.unit(0x67);

/** Picture parameters: variable-length codes, and slices that turn the deblocking filter off. */
export const parameters = (): Uint8Array =>
	new Bits().ue(0, 0).put(0, 2).ue(0, 0, 0).put(0, 3).ue(0, 0, 0).put(0b100, 3).unit(0x68);

/** The samples of one macroblock as I_PCM has them. */
function samples({ width, planes }: Picture, column: number, row: number): Uint8Array {
	const bytes = new Uint8Array(384);
	let at = 0;
	for (const [i, plane] of planes.entries()) {
		const size = i === 0 ? block : block / 2;
		const stride = i === 0 ? width : width / 2;
		for (let y = 0; y < size; y++) {
			const from = (row * size + y) * stride + column * size;
			bytes.set(plane.subarray(from, from + size), at);
			at += size;
		}
	}
	return bytes;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/**
 * One picture as a NAL unit: the raw samples of each macroblock (I_PCM) that differs from the picture before, which is
 * the whole of it where there is none.
 * @param number of the picture since the last whole one. @param key counts the whole ones.
 */
export function slice(
	picture: Picture,
	before: Picture | undefined,
	number: number,
	key: number,
): Uint8Array {
	const bits = new Bits().ue(0, before ? 5 : 7, 0).put(number, frameNumberBits);
	// Of a picture with a reference: no other number of them, none reordered, none dropped. Else: its id, nothing kept.
	if (before) bits.put(0, 3);
	else bits.ue(key % 2).put(0, 2);
	bits.ue(0, 1);
	let skipped = 0;
	for (let row = 0; row < picture.height / block; row++)
		for (let column = 0; column < picture.width / block; column++) {
			const bytes = samples(picture, column, row);
			if (before && same(bytes, samples(before, column, row))) {
				skipped++;
				continue;
			}
			if (before) bits.ue(skipped, pcm + 5);
			else bits.ue(pcm);
			bits.aligned(bytes);
			skipped = 0;
		}
	if (before && skipped > 0) bits.ue(skipped);
	return bits.unit(before ? 0x41 : 0x65);
}
