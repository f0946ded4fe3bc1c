/** Text as search and sorting see it: lower case, without accents. */
const folded = (text: string): string =>
	text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** The words of a text, folded, each once: letters and digits. */
export const wordsOf = (text: string): string[] => [
	...new Set(folded(text).match(/[\p{L}\p{N}]+/gu) ?? []),
];

const beginningsOf = (word: string): string[] => {
	const letters = [...word];
	return letters.map((_, last) => letters.slice(0, last + 1).join(""));
};

/** What a title is found and sorted by: every beginning of each of its words, and its folded text. */
export const titleKeys = (title: string): { words: Record<string, true>; titleKey: string } => ({
	words: Object.fromEntries(
		wordsOf(title)
			.flatMap(beginningsOf)
			.map(key => [key, true]),
	),
	titleKey: folded(title).trim(),
});
