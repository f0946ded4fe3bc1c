import { byId, element, keep, say } from "./dom.js";
import { clock, since, some } from "./words.js";

function make({ where, code, message, nodeId }) {
	return element(
		"li",
		{},
		element(
			"p",
			{ class: "head" },
			element("strong", {}, where),
			element("span", { class: "mark", "data-state": "bad" }, code),
			element("span", { class: "when" }),
		),
		element("p", {}, message),
		element(
			"p",
			{ class: "fine" },
			element("span"),
			"on ",
			element("code", {}, nodeId),
			element("span"),
		),
	);
}

/** What failed of late. */
export function showErrors({ items, silent }) {
	const words = [
		...(items.length === 0 ? ["Nothing failed."] : []),
		...silent.map(({ nodeId, reason }) => `${nodeId} does not say: ${reason}.`),
	];
	byId("errors-words").hidden = words.length === 0;
	say(byId("errors-words"), words.join(" "));
	keep(byId("error-list"), items, {
		key: ({ nodeId, where, code, message }) => [nodeId, where, code, message].join("\n"),
		make,
		update(item, { at, times, requestId }) {
			const when = item.querySelector(".when");
			const [often, , request] = item.lastElementChild.children;
			say(when, `${clock(at)}, ${since(at)} ago`);
			say(often, times > 1 ? `${some(times, "time")}, ` : "");
			say(request, requestId ? `, request ${requestId}` : "");
		},
	});
}
