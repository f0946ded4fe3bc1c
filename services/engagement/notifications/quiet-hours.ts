/** A time of each day in which nobody is to be disturbed. */
export interface QuietHours {
	/** `HH:MM` by the clock of the zone; the first quiet minute. */
	from: string;
	/** The first minute that is not; before `from`, it is the next day's. */
	to: string;
	/** IANA name. */
	timeZone: string;
}

const minuteMs = 60_000;
const dayMinutes = 1_440;

const formats = new Map<string, Intl.DateTimeFormat>();
const keptFormats = 500;

/** @throws RangeError for what is no time zone. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
	const known = formats.get(timeZone);
	if (known) return known;
	const made = new Intl.DateTimeFormat("en-GB", {
		timeZone,
		hourCycle: "h23",
		hour: "2-digit",
		minute: "2-digit",
	});
	if (formats.size >= keptFormats) formats.clear();
	formats.set(timeZone, made);
	return made;
}

/** Whether the time zone database has a zone of this name; offsets such as `+02:00` are none. */
export function isTimeZone(name: string): boolean {
	if (!/^[A-Za-z]/.test(name)) return false;
	try {
		formatOf(name);
		return true;
	} catch {
		return false;
	}
}

const minutesOf = (time: string): number => {
	const [hours = 0, minutes = 0] = time.split(":").map(Number);
	return hours * 60 + minutes;
};

/** What the clock of a zone shows at an instant (ms), minutes since midnight. */
const shownAt = (ms: number, timeZone: string): number => minutesOf(formatOf(timeZone).format(ms));

const isWithin = (minute: number, from: number, to: number): boolean =>
	from < to ? minute >= from && minute < to : minute >= from || minute < to;

/**
 * When quiet hours that hold at `now` are over: the first instant at which the clock of the zone shows a time outside
 * them, also where it is put forward or back meanwhile. `now` itself where they do not hold.
 * @param now ms
 * @returns ms
 */
export function afterQuietHours(now: number, { from, to, timeZone }: QuietHours): number {
	const [first, end] = [minutesOf(from), minutesOf(to)];
	const isQuiet = (ms: number) => isWithin(shownAt(ms, timeZone), first, end);
	if (first === end || !isQuiet(now)) return now;
	const minute = Math.floor(now / minuteMs) * minuteMs;
	const left = (end - shownAt(minute, timeZone) + dayMinutes) % dayMinutes;
	const next = minute + left * minuteMs;
	// Where the clock is put forward or back on the way, it shows another time then.
	if (shownAt(next, timeZone) === end) return next;
	for (let ms = minute + minuteMs; ; ms += minuteMs) if (!isQuiet(ms)) return ms;
}
