import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { create, type Font, type GlyphRun } from "fontkit";
import type { Letters } from "./runs.ts";

const sans = "noto-sans/700Bold/NotoSans_700Bold.ttf";
const own = (name: string): string =>
	`noto-sans-${name.toLowerCase()}/700Bold/NotoSans${name}_700Bold.ttf`;

/** The scripts that names are drawn in, each with the file of its typeface. */
const scripts: readonly { letters: RegExp; file: string }[] = [
	{ letters: /\p{Script=Latin}/u, file: sans },
	{ letters: /\p{Script=Greek}/u, file: sans },
	{ letters: /\p{Script=Cyrillic}/u, file: sans },
	{ letters: /\p{Script=Devanagari}/u, file: sans },
	{ letters: /\p{Script=Bengali}/u, file: own("Bengali") },
	{ letters: /\p{Script=Gujarati}/u, file: own("Gujarati") },
	{ letters: /\p{Script=Gurmukhi}/u, file: own("Gurmukhi") },
	{ letters: /\p{Script=Kannada}/u, file: own("Kannada") },
	{ letters: /\p{Script=Malayalam}/u, file: own("Malayalam") },
	{ letters: /\p{Script=Oriya}/u, file: own("Oriya") },
	{ letters: /\p{Script=Tamil}/u, file: own("Tamil") },
	{ letters: /\p{Script=Telugu}/u, file: own("Telugu") },
	{ letters: /\p{Script=Arabic}/u, file: own("Arabic") },
	{ letters: /\p{Script=Hebrew}/u, file: own("Hebrew") },
];

/** Glyphs where they stand, in units of the typeface, and the text that they show. */
export interface Piece {
	text: string;
	glyphs: { id: number; advanceWidth: number; codePoints: number[] }[];
	positions: { xAdvance: number; yAdvance: number; xOffset: number; yOffset: number }[];
	advanceWidth: number;
	/** One letter in its own glyph: nothing else needs to say what it shows. */
	isPlain: boolean;
}

/** The file of a typeface, opened. */
export interface Typeface {
	/** As pdfkit takes it. What is laid out with it is a piece, which pdfkit hands over as the text's `features`. */
	font: Font;
	/** How far it reaches above and below the line that it stands on, as shares of its size. */
	ascent: number;
	descent: number;
	unitsPerEm: number;
	has(codePoint: number): boolean;
	/**
	 * A run, laid out. From left to right it is one piece; from right to left it is one for each cluster of letters, from
	 * the left, because readers of PDF turn around what stands in such text.
	 */
	layOut(text: string, isRightToLeft: boolean): Piece[];
}

/** A typeface for the letters of one script. */
export interface Face extends Letters {
	typeface: Typeface;
}

/** A space of no width, for a glyph that adds no letter. */
const nothing = 0x200b;

/**
 * What the glyphs of a cluster stand for, to who copies text: each for its own letter, and the first that has none (a
 * ligature, a conjunct, a positional form) for the letters that are left.
 */
function meanings(ids: readonly number[], letters: string, glyphOf: (code: number) => number) {
	const left = Array.from(letters, letter => letter.codePointAt(0) as number);
	const parts = Array.from(letters.normalize("NFD"), letter => letter.codePointAt(0) as number);
	const found = ids.map(id => {
		const own = left.findIndex(code => glyphOf(code) === id);
		if (own >= 0) return left.splice(own, 1);
		const part = parts.find(code => glyphOf(code) === id);
		return part === undefined ? [] : [part];
	});
	const unnamed = found.find(codes => codes.length === 0);
	unnamed?.push(...left);
	return found.map(codes => (codes.length === 0 ? [nothing] : codes));
}

const pieceOf = (
	text: string,
	glyphs: Piece["glyphs"],
	positions: Piece["positions"],
	isPlain: boolean,
): Piece => ({
	text,
	glyphs,
	positions,
	isPlain,
	advanceWidth: positions.reduce((sum, { xAdvance }) => sum + xAdvance, 0),
});

/** Opens a file. HarfBuzz lays out: what pdfkit has for it knows too little of Indic scripts. */
async function open(file: string): Promise<Typeface> {
	const path = fileURLToPath(import.meta.resolve(`@expo-google-fonts/${file}`));
	const [data, harfbuzz] = await Promise.all([readFile(path), import("harfbuzzjs")]);
	const face = new harfbuzz.Face(new harfbuzz.Blob(data));
	const shaper = new harfbuzz.Font(face);
	const letters = new Set(face.collectUnicodes());
	const font = create(data) as Font;
	const glyphOf = (code: number) => font.glyphForCodePoint(code).id;

	function layOut(text: string, isRightToLeft: boolean): Piece[] {
		const buffer = new harfbuzz.Buffer();
		buffer.addText(text);
		buffer.guessSegmentProperties();
		buffer.setDirection(isRightToLeft ? harfbuzz.Direction.RTL : harfbuzz.Direction.LTR);
		harfbuzz.shape(shaper, buffer);
		const infos = buffer.getGlyphInfos();
		const places = buffer.getGlyphPositions();
		const starts = [...new Set(infos.map(({ cluster }) => cluster))];
		const ends = starts.toSorted((a, b) => a - b);
		const clusters = starts.map(start => {
			const part = text.slice(start, ends[ends.indexOf(start) + 1]);
			const ids = infos.flatMap(({ cluster, codepoint }) => (cluster === start ? codepoint : []));
			const codes = meanings(ids, part, glyphOf);
			const positions = places.filter((_, index) => infos[index]?.cluster === start);
			const glyphs = ids.map((id, index) => ({
				id,
				advanceWidth: font.getGlyph(id).advanceWidth,
				codePoints: codes[index] ?? [nothing],
			}));
			const isPlain = ids.length === 1 && glyphOf(part.codePointAt(0) ?? 0) === ids[0];
			return pieceOf(part, glyphs, positions, isPlain && [...part].length === 1);
		});
		if (isRightToLeft) return clusters;
		const glyphs = clusters.flatMap(cluster => cluster.glyphs);
		const positions = clusters.flatMap(cluster => cluster.positions);
		return [pieceOf(text, glyphs, positions, false)];
	}

	const layout = (_text: string, piece: unknown) => {
		const { glyphs, positions, advanceWidth } = piece as Piece;
		const copies = positions.map(position => ({ ...position }));
		return { glyphs, positions: copies, advanceWidth } as unknown as GlyphRun;
	};

	return {
		font: Object.assign(font, { layout }),
		ascent: font.ascent / font.unitsPerEm,
		descent: -font.descent / font.unitsPerEm,
		unitsPerEm: font.unitsPerEm,
		has: code => letters.has(code),
		layOut,
	};
}

const opened = new Map<string, Promise<Typeface>>();

function typefaceOf(file: string): Promise<Typeface> {
	let typeface = opened.get(file);
	if (!typeface) {
		typeface = open(file);
		typeface.catch(() => opened.delete(file));
		opened.set(file, typeface);
	}
	return typeface;
}

/** What is needed to draw a text, as far as there is a typeface for it. Each file is read once, when it is first needed. */
export function facesFor(text: string): Promise<Face[]> {
	const needed = scripts.filter(({ letters, file }) => file === sans || letters.test(text));
	return Promise.all(
		needed.map(async ({ letters, file }) => {
			const typeface = await typefaceOf(file);
			return { letters, typeface, has: (code: number) => typeface.has(code) };
		}),
	);
}
