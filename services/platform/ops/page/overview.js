import { byId, element, keep, say, set } from "./dom.js";
import { curve } from "./plot.js";
import { age, latency, rate, share, some } from "./words.js";

/** The sentence at the top: what is wrong, or that nothing is. */
export function showTroubles(troubles) {
	const bad = troubles.filter(({ severity }) => severity === "bad").length;
	const state = byId("state");
	set(state, "data-state", bad > 0 ? "bad" : troubles.length > 0 ? "warning" : "good");
	say(
		byId("state-title"),
		troubles.length === 0
			? "All is well"
			: `${some(troubles.length, "thing")} to look at${bad > 0 && bad < troubles.length ? `, ${bad} of them bad` : ""}`,
	);
	const seen = new Map();
	const keyed = troubles.map(trouble => {
		const times = (seen.get(trouble.text) ?? 0) + 1;
		seen.set(trouble.text, times);
		return { ...trouble, key: `${trouble.text} ${times}` };
	});
	keep(byId("troubles"), keyed, {
		key: ({ key }) => key,
		make: () => element("li"),
		update(item, { severity, text }) {
			set(item, "data-state", severity);
			say(item, text);
		},
	});
}

function tile(title, withCurve) {
	const value = element("span", { class: "value" });
	const more = element("span", { class: "more" });
	const plot = withCurve ? curve() : undefined;
	byId("tiles").append(
		element(
			"div",
			{ class: "tile" },
			element("dt", {}, title),
			element("dd", {}, value, more, ...(plot ? [plot.svg] : [])),
		),
	);
	return {
		say(text, detail = "", state = "") {
			say(value, text);
			say(more, detail);
			set(value, "data-state", state || undefined);
		},
		plot,
	};
}

const last = values => values.at(-1) ?? 0;
const inWords = (what, values, word) =>
	`${what} over the last two minutes: now ${word(last(values))}, at most ${word(Math.max(0, ...values))}`;

/** The figures of the whole mesh. */
export function tiles() {
	const calls = tile("Calls per second", true);
	const slow = tile("p99", true);
	const failed = tile("Failed", true);
	const nodes = tile("Nodes", false);
	const waiting = tile("Facts waiting", false);
	const parked = tile("Facts parked", false);
	return {
		mesh({ total, history, nodes: all }) {
			const rates = history.map(({ callsPerSecond }) => callsPerSecond);
			const times = history.map(({ p99Ms = 0 }) => p99Ms);
			const faults = history.map(({ faultShare }) => faultShare);
			calls.say(rate(total.callsPerSecond));
			calls.plot.update(rates, inWords("Calls per second", rates, rate));
			slow.say(latency(total.p99Ms));
			slow.plot.update(times, inWords("p99", times, latency));
			failed.say(
				share(total.faultShare),
				`${share(total.refusedShare)} refused`,
				total.faultShare > 0 ? "bad" : "",
			);
			failed.plot.update(faults, inWords("Share of failed calls", faults, share));
			const there = all.filter(({ state }) => state !== "gone");
			const ready = there.filter(({ state }) => state === "ready").length;
			nodes.say(String(there.length), `${ready} ready`, ready < there.length ? "bad" : "");
		},
		facts({ items }) {
			const pending = items.reduce((sum, { pending = 0 }) => sum + pending, 0);
			const oldest = Math.max(0, ...items.map(({ oldestMs = 0 }) => oldestMs));
			const given = items.reduce((sum, { parked = 0 }) => sum + parked, 0);
			waiting.say(String(pending), pending > 0 ? `oldest ${age(oldest)}` : "");
			parked.say(String(given), "", given > 0 ? "bad" : "");
		},
	};
}
