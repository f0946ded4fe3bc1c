/** Characters beyond Latin-1 that the standard fonts of PDF have (WinAnsiEncoding, ISO 32000-1 annex D). */
const beyondLatin1 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

const isPrintable = (letter: string): boolean => {
	const code = letter.codePointAt(0) ?? 0;
	return (
		(code >= 0x20 && code <= 0x7e) ||
		(code >= 0xa0 && code <= 0xff) ||
		beyondLatin1.includes(letter)
	);
};

/**
 * Text as the standard fonts of PDF can show it: white space as spaces, what only controls is left out. Null where a letter
 * of it cannot be shown: half a name is nobody's.
 */
export function printable(text: string): string | null {
	const line = text.normalize("NFC").replace(/\s+/gu, " ").replace(/\p{C}/gu, "").trim();
	return line !== "" && [...line].every(isPrintable) ? line : null;
}
