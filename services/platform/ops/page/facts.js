import { get, post } from "./api.js";
import { byId, element, keep, say, set } from "./dom.js";
import { age, moment, since, some } from "./words.js";

const cell = (label, ...children) =>
	element("td", { role: "cell", class: "number", "data-label": label }, ...children);

function showServices(items) {
	const busy = items.filter(
		({ pending = 0, parked = 0, reason }) => pending > 0 || parked > 0 || reason,
	);
	const rest = items.length - busy.length;
	say(
		byId("facts-words"),
		busy.length === 0
			? "Nothing waits, nothing is parked."
			: `${some(rest, "other service")}: nothing waits, nothing is parked.`,
	);
	byId("facts-words").hidden = busy.length > 0 && rest === 0;
	byId("fact-table").hidden = busy.length === 0;
	keep(byId("fact-rows"), busy, {
		key: ({ service }) => service,
		make: ({ service }) =>
			element(
				"tr",
				{ role: "row" },
				element("th", { role: "rowheader", scope: "row" }, service),
				cell("Waiting"),
				cell("Oldest"),
				cell("Parked"),
			),
		update(row, { pending, oldestMs, parked, reason }) {
			const [, waiting, oldest, given] = row.children;
			say(waiting, reason ?? (pending === undefined ? "–" : String(pending)));
			say(oldest, oldestMs === undefined ? "–" : age(oldestMs));
			say(given, parked === undefined ? "–" : String(parked));
			set(given, "data-state", parked > 0 ? "bad" : undefined);
			set(waiting, "data-state", reason ? "bad" : undefined);
		},
	});
}

/** What a replay came to. */
function outcome({ state, lastError }) {
	if (state === "done") return ["good", "Done. It is parked no more."];
	if (state === "parked") return ["bad", `Parked again: ${lastError ?? "it failed"}`];
	if (state === "trying") return ["warning", "It is being tried already."];
	return ["warning", "This service does not know it any more."];
}

/** The dialogue about one parked fact. */
function dialogue(onReplayed) {
	const dialog = byId("fact");
	const button = byId("replay");
	const words = byId("replay-words");
	let shown;

	const tell = (state, text) => {
		set(words, "data-state", state);
		say(words, text);
	};

	button.addEventListener("click", async () => {
		const { service, factId } = shown;
		button.disabled = true;
		tell(undefined, "It is tried.");
		try {
			const path = `/api/ops/facts/${encodeURIComponent(service)}/${encodeURIComponent(factId)}/replay`;
			const answer = await post(path);
			if (shown.factId !== factId) return;
			tell(...outcome(answer));
			button.disabled = answer.state !== "parked";
		} catch ({ message }) {
			tell("bad", `${message}. Nothing is lost: it is parked still.`);
			button.disabled = false;
		}
		onReplayed();
	});

	return fact => {
		shown = fact;
		const { name, service, factId, subjectId, tries, writtenAt, parkedAt, lastError, data } = fact;
		say(byId("fact-title"), name);
		const says = [
			["Given up by", service],
			["Subject", subjectId],
			["Fact", factId],
			["Written", moment(writtenAt)],
			["Parked", `${moment(parkedAt)}, after ${some(tries, "try", "tries")}`],
			["Last error", lastError ?? "–"],
		];
		byId("fact-says").replaceChildren(
			...says.map(([term, text]) =>
				element("div", {}, element("dt", {}, term), element("dd", {}, text)),
			),
		);
		say(byId("fact-data"), JSON.stringify(data, null, 2));
		button.disabled = false;
		tell(undefined, "");
		dialog.showModal();
	};
}

/** Facts by service, and those that were given up. */
export function factView(onReplayed) {
	const look = dialogue(onReplayed);
	const facts = new WeakMap();

	const make = ({ name, service, subjectId }) => {
		const item = element(
			"li",
			{ class: "with-button" },
			element(
				"div",
				{},
				element(
					"p",
					{ class: "head" },
					element("strong", {}, name),
					element("span", { class: "mark" }, service),
					element("span", { class: "when" }),
				),
				element("p", { class: "reason" }),
				element("p", { class: "fine" }, element("code", {}, subjectId)),
			),
			element(
				"button",
				{
					type: "button",
					"aria-label": `Look at ${name} in ${service}, ${subjectId}`,
					onclick: () => look(facts.get(item)),
				},
				"Look",
			),
		);
		return item;
	};

	return async ({ items, silent }) => {
		const all = [...items, ...silent];
		showServices(all.sort((a, b) => a.service.localeCompare(b.service)));
		const consumers = items.filter(({ parked = 0 }) => parked > 0);
		const lists = await Promise.all(
			consumers.map(({ service }) => get(`/api/ops/facts/${encodeURIComponent(service)}`)),
		);
		const parked = lists.flatMap(list => list.items);
		byId("parked").hidden = parked.length === 0;
		keep(byId("parked-list"), parked, {
			key: ({ service, factId }) => `${service} ${factId}`,
			make,
			update(item, fact) {
				facts.set(item, fact);
				say(item.querySelector(".when"), `${since(fact.parkedAt)} ago`);
				say(item.querySelector(".reason"), fact.lastError ?? "");
			},
		});
	};
}
