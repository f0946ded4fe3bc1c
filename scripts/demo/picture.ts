/** Small pictures, drawn by code: Y'CbCr 4:2:0 planes as a video has them. */

export interface Picture {
	/** Pixels, multiples of 16. */
	width: number;
	height: number;
	/** One byte a pixel, then a quarter as many for Cb, then for Cr; 16 to 240, never 0. */
	planes: readonly [Uint8Array, Uint8Array, Uint8Array];
}

type Colour = readonly [y: number, cb: number, cr: number];

const clamped = (value: number): number => Math.min(235, Math.max(16, Math.round(value)));

/** BT.601, studio swing. @param h degrees. @param s, l 0 to 1 */
export function colour(h: number, s: number, l: number): Colour {
	const channel = (n: number) => {
		const k = (n + h / 30) % 12;
		return l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
	};
	const [r, g, b] = [channel(0), channel(8), channel(4)];
	return [
		clamped(16 + 65.481 * r + 128.553 * g + 24.966 * b),
		clamped(128 - 37.797 * r - 74.203 * g + 112 * b),
		clamped(128 + 112 * r - 93.786 * g - 18.214 * b),
	];
}

export function picture(width: number, height: number, [y, cb, cr]: Colour): Picture {
	const quarter = (width / 2) * (height / 2);
	return {
		width,
		height,
		planes: [
			new Uint8Array(width * height).fill(y),
			new Uint8Array(quarter).fill(cb),
			new Uint8Array(quarter).fill(cr),
		],
	};
}

export const copyOf = ({ width, height, planes: [y, cb, cr] }: Picture): Picture => ({
	width,
	height,
	planes: [y.slice(), cb.slice(), cr.slice()],
});

function dot({ width, height, planes }: Picture, x: number, y: number, [l, cb, cr]: Colour): void {
	if (x < 0 || y < 0 || x >= width || y >= height) return;
	planes[0][y * width + x] = l;
	const at = (y >> 1) * (width >> 1) + (x >> 1);
	planes[1][at] = cb;
	planes[2][at] = cr;
}

export function box(
	canvas: Picture,
	left: number,
	top: number,
	width: number,
	height: number,
	fill: Colour,
): void {
	for (let y = top; y < top + height; y++)
		for (let x = left; x < left + width; x++) dot(canvas, x, y, fill);
}

/** Fills a convex polygon. */
export function shape(
	canvas: Picture,
	corners: readonly (readonly [x: number, y: number])[],
	fill: Colour,
): void {
	const ys = corners.map(([, y]) => y);
	for (let y = Math.ceil(Math.min(...ys)); y <= Math.max(...ys); y++) {
		const crossings = corners.flatMap(([x1, y1], i) => {
			const [x2, y2] = corners[(i + 1) % corners.length] as readonly [number, number];
			const isCrossed = y1 <= y !== y2 <= y;
			return isCrossed ? [x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)] : [];
		});
		for (let x = Math.ceil(Math.min(...crossings)); x <= Math.max(...crossings); x++)
			dot(canvas, x, y, fill);
	}
}

/** Seven rows of five dots a letter, each row a digit to base 32. */
const letters: Readonly<Record<string, string>> = {
	A: "ehhvhhh",
	B: "uhhuhhu",
	C: "ehggghe",
	D: "uhhhhhu",
	E: "vgguggv",
	F: "vgguggg",
	G: "ehgnhhe",
	H: "hhhvhhh",
	I: "e44444e",
	J: "72222ic",
	K: "hikokih",
	L: "ggggggv",
	M: "hrllhhh",
	N: "hhpljhh",
	O: "ehhhhhe",
	P: "uhhuggg",
	Q: "ehhhlid",
	R: "uhhukih",
	S: "fgge11u",
	T: "v444444",
	U: "hhhhhhe",
	V: "hhhhha4",
	W: "hhhllla",
	X: "hha4ahh",
	Y: "hhha444",
	Z: "v1248gv",
	0: "ehjlphe",
	1: "4c4444e",
	2: "eh1248v",
	3: "v2421he",
	4: "26aiv22",
	5: "vgu11he",
	6: "68guhhe",
	7: "v124888",
	8: "ehhehhe",
	9: "ehhf12c",
	".": "00000cc",
	",": "0000cc8",
	"-": "000e000",
	"'": "4480000",
	"!": "4444404",
	"?": "eh12404",
	":": "0cc0cc0",
	"&": "cik8lid",
};

/** Width of a letter with its gap, dots. */
const advance = 6;

/** Writes a line of capitals. @param size pixels of a dot */
export function write(
	canvas: Picture,
	text: string,
	left: number,
	top: number,
	size: number,
	fill: Colour,
): void {
	for (const [i, letter] of [...text.toUpperCase()].entries())
		for (const [row, digit] of [...(letters[letter] ?? "0000000")].entries())
			for (let column = 0; column < 5; column++)
				if (Number.parseInt(digit, 32) & (16 >> column))
					box(canvas, left + (i * advance + column) * size, top + row * size, size, size, fill);
}

/** Breaks a text into lines of at most `most` letters. */
export function lines(text: string, most: number): string[] {
	const found = [""];
	for (const word of text.split(" ")) {
		const last = found.at(-1) as string;
		if (last && last.length + 1 + word.length > most) found.push(word);
		else found[found.length - 1] = last ? `${last} ${word}` : word;
	}
	return found;
}
