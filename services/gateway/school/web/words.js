const locale = "en";

/** An amount in major units as people write it; nothing is free. */
export const price = (amount, currency) =>
	amount === 0
		? "Free"
		: new Intl.NumberFormat(locale, { style: "currency", currency }).format(amount);

/** Minor units in the digits that Intl has for a currency. */
export function minor(amountMinor, currency) {
	const format = new Intl.NumberFormat(locale, { style: "currency", currency });
	return format.format(amountMinor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** `1 lecture`, `7 lectures`. */
export const some = (count, one, many = `${one}s`) =>
	`${count.toLocaleString(locale)} ${count === 1 ? one : many}`;

/** A length of time as it is read: `4 min`, `1 h 20 min`. */
export function length(seconds) {
	if (seconds < 60) return `${Math.round(seconds)} s`;
	const minutes = Math.round(seconds / 60);
	const hours = Math.floor(minutes / 60);
	if (hours === 0) return `${minutes} min`;
	return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** A place in a video: `1:04`, `1:02:09`. */
export function clock(seconds) {
	const whole = Math.floor(seconds);
	const two = part => String(part).padStart(2, "0");
	const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
	return hours > 0
		? `${hours}:${two(minutes)}:${two(whole % 60)}`
		: `${minutes}:${two(whole % 60)}`;
}

export const day = at =>
	new Date(at).toLocaleDateString(locale, { day: "numeric", month: "long", year: "numeric" });

const steps = [
	["year", 31_536_000],
	["month", 2_592_000],
	["day", 86_400],
	["hour", 3_600],
	["minute", 60],
];

/** How long ago something was, in words. */
export function since(at, now = Date.now()) {
	const seconds = (now - Date.parse(at)) / 1_000;
	const [unit, size] = steps.find(([, size]) => seconds >= size) ?? [];
	if (!unit) return "just now";
	const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
	return format.format(-Math.floor(seconds / size), unit);
}

const sizes = ["bytes", "kB", "MB", "GB"];

/** `3.4 MB`. */
export function size(bytes) {
	const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), sizes.length - 1);
	const value = bytes / 1_000 ** step;
	return `${value.toLocaleString(locale, { maximumFractionDigits: value < 10 && step > 0 ? 1 : 0 })} ${sizes[step]}`;
}

export const percent = value => `${Math.floor(value)} %`;

/** First letters of a name, two at most. */
export const initials = name =>
	name
		.trim()
		.split(/\s+/)
		.slice(0, 2)
		.map(word => [...word][0] ?? "")
		.join("")
		.toUpperCase();
