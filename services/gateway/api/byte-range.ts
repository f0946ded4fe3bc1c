/** First and last byte, both included. */
export interface ByteRange {
	first: number;
	last: number;
}

/**
 * The one range of bytes that a `Range` header asks for (RFC 9110 §14.2), cut at the end of what there is. Several ranges,
 * another unit and what cannot be read ask for all of it, as a server may take them.
 * @param size of the whole, bytes.
 * @returns undefined for all of it, `none` for a range that begins behind the end.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | "none" | undefined {
	const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.trim() ?? "") ?? [];
	if (from === undefined || to === undefined || (from === "" && to === "")) return undefined;
	if (from === "") {
		const length = Math.min(Number(to), size);
		return length === 0 ? "none" : { first: size - length, last: size - 1 };
	}
	const first = Number(from);
	if (to !== "" && Number(to) < first) return undefined;
	if (first >= size) return "none";
	return { first, last: Math.min(to === "" ? size - 1 : Number(to), size - 1) };
}

/** A stretch of one piece: its first byte, and how many. */
export interface Stretch {
	index: number;
	start: number;
	length: number;
}

/** Which stretches of pieces, one after the other, make up a range. @param sizes of the pieces, bytes, in order. */
export function stretchesOf(sizes: readonly number[], { first, last }: ByteRange): Stretch[] {
	const stretches: Stretch[] = [];
	let offset = 0;
	for (const [index, size] of sizes.entries()) {
		const start = Math.max(first - offset, 0);
		const end = Math.min(last - offset + 1, size);
		if (start < end) stretches.push({ index, start, length: end - start });
		offset += size;
	}
	return stretches;
}
