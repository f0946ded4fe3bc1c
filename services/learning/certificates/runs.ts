import bidi from "bidi-js";

/** What is to be known of a typeface to tell which letters it draws. */
export interface Letters {
	/** Letters of the script it is for. */
	letters: RegExp;
	has(codePoint: number): boolean;
}

/** A stretch of a line in one typeface and one direction. */
export interface Run<Face> {
	text: string;
	face: Face;
	isRightToLeft: boolean;
}

const unshown = /[[\p{Cc}\p{Default_Ignorable_Code_Point}]--[\u200c\u200d]]/gv;
const scriptless = /^[\p{Script=Common}\p{Script=Inherited}]+$/u;
const joiners = new Set([0x200c, 0x200d]);

const { getEmbeddingLevels } = (bidi as unknown as typeof bidi.default)();
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The letters of a text, each with the marks that stand on it. */
export const lettersOf = (text: string): string[] =>
	Array.from(graphemes.segment(text), ({ segment }) => segment);

/** Text in one line: white space as single spaces, what only controls is left out. */
export const oneLine = (text: string): string =>
	text.normalize("NFC").replace(/\s+/gu, " ").replace(unshown, "").trim();

/** Whether a text is read from the right, by its first letter that has a direction (UAX #9, P2). */
export const startsRight = (text: string): boolean =>
	getEmbeddingLevels(text).paragraphs[0]?.level === 1;

function faceOf<Face extends Letters>(
	letter: string,
	faces: readonly Face[],
	last: Face | undefined,
): Face | undefined {
	const has = (face: Face) =>
		[...letter].every(one => {
			const code = one.codePointAt(0) as number;
			return joiners.has(code) || face.has(code);
		});
	if (!scriptless.test(letter)) return faces.find(face => face.letters.test(letter) && has(face));
	return last && has(last) ? last : faces.find(has);
}

/** Runs as they stand from left to right (UAX #9, L2). */
function inSight<R extends { level: number }>(runs: readonly R[]): R[] {
	const seen = [...runs];
	for (let level = Math.max(...runs.map(run => run.level)); level > 0; level--)
		for (let from = 0; from < seen.length; from++) {
			let to = from;
			while ((seen[to]?.level ?? 0) >= level) to++;
			seen.splice(from, to - from, ...seen.slice(from, to).reverse());
			from = to;
		}
	return seen;
}

/**
 * A line as runs by typeface, from left to right. A letter keeps its marks, and what belongs to no script (spaces, digits,
 * punctuation) goes with what it follows. Null where no typeface has a letter: half a name is nobody's.
 * @param fromRight whether the paragraph that the line is of is read from the right
 */
export function runsOf<Face extends Letters>(
	line: string,
	faces: readonly Face[],
	fromRight = startsRight(line),
): Run<Face>[] | null {
	const { levels } = getEmbeddingLevels(line, fromRight ? "rtl" : "ltr");
	const runs: { text: string; face: Face; level: number }[] = [];
	let at = 0;
	for (const letter of lettersOf(line)) {
		const last = runs.at(-1);
		const face = faceOf(letter, faces, last?.face);
		if (!face) return null;
		const level = levels[at] as number;
		at += letter.length;
		if (last && last.face === face && last.level === level) last.text += letter;
		else runs.push({ text: letter, face, level });
	}
	return inSight(runs).map(({ text, face, level }) => ({
		text,
		face,
		isRightToLeft: level % 2 === 1,
	}));
}

/** A text in lines no wider than `room`, broken at spaces; a word that is wider alone, between its letters. */
export function linesOf(text: string, room: number, widthOf: (text: string) => number): string[] {
	const lines: string[] = [];
	let line = "";
	for (const word of text.split(" ")) {
		const longer = line === "" ? word : `${line} ${word}`;
		if (widthOf(longer) <= room) {
			line = longer;
			continue;
		}
		if (line !== "") lines.push(line);
		line = word;
		if (widthOf(word) <= room) continue;
		line = "";
		let width = 0;
		for (const letter of lettersOf(word)) {
			width += widthOf(letter);
			if (line !== "" && width > room) {
				lines.push(line);
				line = "";
				width = widthOf(letter);
			}
			line += letter;
		}
	}
	return [...lines, line];
}
