/** Letters that Unicode does not take apart and people type without their stroke or as two (UTS #10 treats them so). */
const plainLetters: Readonly<Record<string, string>> = {
	ß: "ss",
	æ: "ae",
	œ: "oe",
	ø: "o",
	ł: "l",
	đ: "d",
	ð: "d",
	þ: "th",
	ħ: "h",
	ı: "i",
	ς: "σ",
};

/** Characters of a word that search looks at. */
const longestWord = 40;

/** Text as search and sorting see it: lower case, without accents. */
export const folded = (text: string): string =>
	text
		.normalize("NFKD")
		.replace(/\p{M}/gu, "")
		.toLowerCase()
		.replace(/[ßæœøłđðþħıς]/g, letter => plainLetters[letter] as string);

const cut = (word: string): string => [...word].slice(0, longestWord).join("");

/** The words of a text, folded, each once: letters and digits, the first 40 of each. */
export const wordsOf = (text: string): string[] => [
	...new Set((folded(text).match(/[\p{L}\p{N}]+/gu) ?? []).map(cut)),
];

const beginningsOf = (word: string): string[] => {
	const letters = [...word];
	return letters.map((_, last) => letters.slice(0, last + 1).join(""));
};

/** What a course is found and sorted by: every beginning of each word of title and category, and the folded title. */
export const searchKeys = (
	title: string,
	category = "",
): { words: Record<string, true>; titleKey: string } => ({
	words: Object.fromEntries(
		wordsOf(`${title} ${category}`)
			.flatMap(beginningsOf)
			.map(key => [key, true]),
	),
	titleKey: folded(title).trim(),
});
