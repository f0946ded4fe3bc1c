import { get } from "./api.js";
import { byId, element, keep, say, set } from "./dom.js";
import { curve } from "./plot.js";
import { latency, rate, share, some } from "./words.js";

const cell = (label, attributes = {}, ...children) =>
	element("td", { role: "cell", "data-label": label, ...attributes }, ...children);

/** Cells of what calls came to, after the name. */
function figureCells() {
	const made = {
		rate: cell("per s", { class: "number" }),
		curve: cell("", { class: "plot" }),
		p99: cell("p99", { class: "number" }),
		failed: cell("Failed", { class: "number" }),
		refused: cell("Refused", { class: "number" }),
	};
	return {
		all: Object.values(made),
		curve: made.curve,
		update({ callsPerSecond, p99Ms, faultShare, refusedShare }) {
			say(made.rate, rate(callsPerSecond));
			say(made.p99, latency(p99Ms));
			say(made.failed, share(faultShare));
			say(made.refused, share(refusedShare));
			set(made.failed, "data-state", faultShare > 0 ? "bad" : undefined);
		},
	};
}

const parts = new WeakMap();

/** Calls by service; a service opens into its actions. */
export function callTable() {
	const rows = byId("call-rows");
	const open = new Set();
	let services = [];
	let actions = [];

	function serviceRow({ service }) {
		const figures = figureCells();
		const plot = curve();
		const nodes = element("span", { class: "fine" });
		const button = element(
			"button",
			{ type: "button", class: "fold", "aria-expanded": "false", onclick: () => toggle(service) },
			service,
		);
		figures.curve.append(plot.svg);
		const row = element(
			"tr",
			{ role: "row" },
			element("th", { role: "rowheader", scope: "row" }, button, " ", nodes),
			figures.all,
		);
		parts.set(row, { figures, plot, nodes, button });
		return row;
	}

	function actionRow({ action }) {
		const figures = figureCells();
		const row = element(
			"tr",
			{ role: "row", class: "action" },
			element("th", { role: "rowheader", scope: "row" }, element("code", {}, action)),
			figures.all,
		);
		parts.set(row, { figures });
		return row;
	}

	/** A service is followed by its actions where it is open. */
	function draw() {
		const shown = services.flatMap(item => [
			item,
			...(open.has(item.service) ? actions.filter(({ service }) => service === item.service) : []),
		]);
		keep(rows, shown, {
			key: ({ action, service }) => action ?? service,
			make: item => (item.action ? actionRow(item) : serviceRow(item)),
			update(row, item) {
				const { figures, plot, nodes, button } = parts.get(row);
				figures.update(item);
				if (item.action) return;
				plot.update(item.calls, `Calls of ${item.service} over the last two minutes`);
				say(nodes, item.nodes === 0 ? "nowhere" : `on ${some(item.nodes, "node")}`);
				set(button, "aria-expanded", open.has(item.service));
			},
		});
	}

	async function ask() {
		if (open.size === 0) return;
		actions = (await get("/api/ops/calls")).items;
		draw();
	}

	function toggle(service) {
		if (!open.delete(service)) open.add(service);
		draw();
		ask().catch(() => {});
	}

	return {
		update(mesh) {
			services = mesh.services;
			draw();
			ask().catch(() => {});
		},
	};
}
