/**
 * Text that somebody wrote, as it is kept: composed (NFC), lines ended by `\n`, no two empty lines in a row, nothing
 * around it, and none of the characters that are not seen and change how others are (controls, and the embeddings,
 * overrides and isolates of the Unicode bidirectional algorithm, UAX #9). Markup is text like any other.
 */
export const plainText = (text: string): string =>
	text
		.normalize("NFC")
		.replace(/\r\n?|[\u2028\u2029]/g, "\n")
		.replace(/[\u202a-\u202e\u2066-\u2069\ufeff]|(?![\n\t])\p{Cc}/gu, "")
		.replace(/[^\S\n]+$/gm, "")
		.replace(/\n{3,}/g, "\n\n")
		.trim();
