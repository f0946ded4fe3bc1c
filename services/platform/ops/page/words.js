/** A number as short as it is still true: 0, 0.4, 12.3, 1,204. */
export const count = value =>
	value.toLocaleString("en", { maximumFractionDigits: value > 0 && value < 100 ? 1 : 0 });

/** A rate; what is less than can be said is not said to be nothing. */
export const rate = value => (value > 0 && value < 0.05 ? "<0.1" : count(value));

/** A duration as latency is read: `0.4 ms`, `12 ms`, `1.2 s`. */
export function latency(ms) {
	if (ms === undefined) return "–";
	if (ms < 10) return `${ms.toFixed(1)} ms`;
	return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** A round trip, which is measured in whole ms. */
export const trip = ms => (ms === undefined ? "–" : ms < 1 ? "<1 ms" : `${Math.round(ms)} ms`);

const units = [
	["d", 86_400_000],
	["h", 3_600_000],
	["min", 60_000],
	["s", 1_000],
];

/** A time span in its largest unit: `4 s`, `3 min`. */
export function age(ms) {
	const [unit, length] = units.find(([, length]) => ms >= length) ?? ["s", 1_000];
	return `${Math.max(0, Math.floor(ms / length))} ${unit}`;
}

/** How long ago something was. */
export const since = (at, now = Date.now()) => age(now - Date.parse(at));

/** A share of 0 to 1 in percent. */
export function share(value) {
	if (value === 0) return "0 %";
	return value < 0.001 ? "<0.1 %" : `${count(value * 100)} %`;
}

export const mebibytes = bytes => `${Math.round(bytes / 1_048_576)} MiB`;

const two = number => String(number).padStart(2, "0");

/** The time of the day here. */
export const clock = at => {
	const date = new Date(at);
	return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
};

/** Day and time here, for what may be of another day. */
export const moment = at => {
	const date = new Date(at);
	const day = date.toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
	return `${day}, ${clock(at)}`;
};

/** `1 node`, `7 nodes`. */
export const some = (number, one, many = `${one}s`) =>
	`${count(number)} ${number === 1 ? one : many}`;

/** The end of a long name, which is what tells it from others. */
export const tail = (name, length) => (name.length > length ? `…${name.slice(1 - length)}` : name);
