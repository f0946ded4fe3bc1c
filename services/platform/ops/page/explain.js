import { get } from "./api.js";
import { byId, element } from "./dom.js";
import { clock, moment } from "./words.js";

const dayOf = at => moment(at).split(",").slice(0, 2).join(",");

/** What happened, as a line of time; a new day says so. */
function timeline(entries) {
	let day;
	return element(
		"ol",
		{ class: "timeline" },
		entries.map(({ at, source, text, by }) => {
			const isNew = dayOf(at) !== day;
			day = dayOf(at);
			return element(
				"li",
				{ "data-source": source },
				...(isNew ? [element("p", { class: "day" }, day)] : []),
				element(
					"p",
					{ class: "head" },
					element("time", { datetime: at }, clock(at)),
					element("span", { class: "mark" }, source),
				),
				element("p", {}, text),
				...(by ? [element("p", { class: "fine" }, `by ${by}`)] : []),
			);
		}),
	);
}

const refusals = {
	404: "There is no payment of this id.",
	0: "The gateway does not answer; try again.",
};

/** The box for a payment's id, and the story under it. */
export function explainBox() {
	const story = byId("story");
	const field = byId("payment");
	byId("ask").addEventListener("submit", async event => {
		event.preventDefault();
		const id = field.value.trim();
		story.replaceChildren(element("p", { class: "fine" }, "Asking."));
		try {
			const { summary, entries } = await get(`/api/payments/${encodeURIComponent(id)}/explain`);
			if (field.value.trim() !== id) return;
			story.replaceChildren(element("p", { class: "lead" }, summary), timeline(entries));
		} catch ({ status, message }) {
			story.replaceChildren(element("p", { class: "bad" }, refusals[status] ?? message));
		}
	});
	return { clear: () => story.replaceChildren() };
}
