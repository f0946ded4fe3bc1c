const gone = "[redacted]";
const deepest = 5;
const mostEntries = 50;
const longestText = 16_384;

const names =
	"pass(?:word|wd|phrase)|secret|token|authorization|cookie|signature|bearer|credential|(?:api|service|private|session)[-_]?key|card[-_]?number|cvc|cvv";
const secretName = new RegExp(names, "i");

/** `password=…`, `"token": "…"`, also where the quotes are escaped. */
const named = new RegExp(
	`((?:${names})[\\w-]{0,20}\\\\*["']?\\s*[:=]\\s*)(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*'|\\\\+"[^"]*"|[^\\s,&;}\\]]+)`,
	"gi",
);
const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const inUrl = /(:\/\/)[^\s/@]+@/g;
const bearer = /(?<![\w-])(Bearer\s+)[^\s"',;]+/gi;
const forms = [
	/(?<![\w-])eyJ[\w-]*\.[\w-]+\.[\w-]*/g,
	/(?<![\w-])ses_[\w-]+\.[\w-]+\.[\w-]+/g,
	/(?<![A-Za-z0-9-])(?:sk|rk)_(?:live|test)_\w+/g,
	/(?<![\w-])whsec_[\w+/=]+/g,
	/(?<![\w-])v1=[0-9a-f]{64}(?![\w-])/g,
];
const cardLike = /(?<![\w-])\d(?:[ -]?\d){13,18}(?![\w-])/g;

/** The check digit of card numbers (ISO/IEC 7812-1, annex B). */
function isCard(digits: string): boolean {
	let sum = 0;
	for (let i = 0; i < digits.length; i++) {
		const digit = Number(digits[digits.length - 1 - i]) * (i % 2 === 1 ? 2 : 1);
		sum += digit > 9 ? digit - 9 : digit;
	}
	return sum % 10 === 0;
}

function redactText(whole: string): string {
	const text = whole.length > longestText ? `${whole.slice(0, longestText)}…` : whole;
	let clean = text
		.replace(key, gone)
		.replace(inUrl, `$1${gone}@`)
		.replace(bearer, `$1${gone}`)
		.replace(named, `$1${gone}`);
	for (const form of forms) clean = clean.replace(form, gone);
	return clean.replace(cardLike, found => (isCard(found.replace(/\D/g, "")) ? gone : found));
}

function redactEntries(value: object, left: number): Record<string, unknown> {
	const entries = Object.entries(value).filter(([name]) => name !== "ctx");
	return Object.fromEntries(
		entries
			.slice(0, mostEntries)
			.map(([name, item]) => [
				redactText(name),
				secretName.test(name) && item !== undefined ? gone : redactValue(item, left - 1),
			]),
	);
}

/** An error of the same class; a request's context, which Moleculer hangs on errors, is left out. */
function redactError(error: Error, left: number): Error {
	const copy = Object.create(Object.getPrototypeOf(error)) as Error;
	Object.assign(copy, redactEntries(error, left));
	const text = { message: error.message, name: error.name, stack: error.stack ?? "" };
	for (const [name, value] of Object.entries(text))
		Object.defineProperty(copy, name, { value: redactText(String(value)) });
	if (error.cause !== undefined)
		Object.defineProperty(copy, "cause", { value: redactValue(error.cause, left - 1) });
	return copy;
}

function redactValue(value: unknown, left: number): unknown {
	if (typeof value === "string") return redactText(value);
	if (typeof value !== "object" || value === null || value instanceof Date) return value;
	if (left === 0) return "[deep]";
	if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
	if (value instanceof Error) return redactError(value, left);
	if (Array.isArray(value))
		return value.slice(0, mostEntries).map(item => redactValue(item, left - 1));
	return redactEntries(value, left);
}

/**
 * A copy of what is to be logged, without what must not be: values of fields that are named as secrets are (password,
 * token, signature, …), and in any text what has the form of one: tokens of ours, Stripe's keys, signatures, private
 * keys, credentials in a URL, card numbers.
 */
export const redact = (value: unknown): unknown => redactValue(value, deepest);
