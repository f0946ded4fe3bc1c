import { stateOf, titleOf } from "./crystal.js";
import { byId, element, keep, say, set } from "./dom.js";
import { mebibytes, rate, share, since, trip } from "./words.js";

const columns = [
	["State", ""],
	["Up", "number"],
	["Version", "number"],
	["Memory", "number"],
	["Event loop", "number"],
	["NATS", "number"],
	["Calls/s", "number"],
];

function make({ nodeId }) {
	return element(
		"tr",
		{ role: "row", id: `node-${encodeURIComponent(nodeId)}`, tabindex: "-1" },
		element(
			"th",
			{ role: "rowheader", scope: "row" },
			element("span", { class: "title" }),
			element("code", {}, nodeId),
			element("span", { class: "fine" }),
		),
		columns.map(([label, kind]) =>
			element("td", { role: "cell", "data-label": label, class: kind || undefined }),
		),
	);
}

function natsOf({ links, roundTripMs }) {
	if (links.length === 0) return "–";
	const lost = links.filter(({ isThere }) => !isThere).map(({ name }) => name);
	return lost.length > 0 ? `lost: ${lost.join(", ")}` : trip(roundTripMs);
}

function cellsOf(node) {
	const { state, reason, startedAt, goneAt, version, memoryBytes, busy, lagMs } = node;
	const why = reason && state !== "silent" ? `: ${reason}` : "";
	const when = goneAt ? ` since ${since(goneAt)}` : "";
	return [
		`${state === "silent" ? reason : stateOf(state)}${when}${why}`,
		startedAt ? since(startedAt) : "–",
		version ?? "–",
		memoryBytes ? mebibytes(memoryBytes) : "–",
		busy === undefined ? "–" : `${share(busy)}${lagMs >= 20 ? `, ${lagMs} ms late` : ""}`,
		natsOf(node),
		version ? rate(node.callsPerSecond) : "–",
	];
}

/** Every node with how it is: the drawing in words. */
export function showNodes({ nodes }) {
	keep(byId("node-rows"), nodes, {
		key: ({ nodeId }) => nodeId,
		make,
		update(row, node) {
			const [head, ...cells] = row.children;
			const [title, , services] = head.children;
			say(title, titleOf(node));
			say(services, node.services.map(({ name }) => name).join(", "));
			for (const [i, text] of cellsOf(node).entries()) say(cells[i], text);
			set(cells[0], "data-state", node.state);
		},
	});
}

/** Nodes whose calls go past others. */
export function showBreakers({ breakers }) {
	byId("breakers-words").hidden = breakers.length > 0;
	keep(byId("breaker-list"), breakers, {
		key: ({ seenBy, nodeId, action }) => `${seenBy} ${nodeId} ${action}`,
		make: ({ seenBy, nodeId, action }) =>
			element(
				"li",
				{},
				element("p", { class: "head" }, element("strong", {}, action), element("span")),
				element("p", {}, "of ", element("code", {}, nodeId)),
				element("p", { class: "fine" }, "seen by ", element("code", {}, seenBy)),
			),
		update(item, { state }) {
			const mark = item.querySelector(".head span");
			say(mark, state === "open" ? "open" : "half open: one call goes through");
			set(mark, "data-state", state === "open" ? "bad" : "warning");
			set(mark, "class", "mark");
		},
	});
}
