import { drawn, keep, say, set } from "./dom.js";
import { latency, rate, tail, trip } from "./words.js";

/** From this width on, px, the cells stand around NATS; below they stand on both sides of it. */
const wideFrom = 680;
const sixth = Math.PI / 3;

const points = radius =>
	Array.from({ length: 6 }, (_, i) =>
		[Math.cos(i * sixth), Math.sin(i * sixth)].map(part => (part * radius).toFixed(1)).join(),
	).join(" ");

/** Places around an ellipse, the same way apart along it, the first one at the top. */
function around(number, width, height, radius) {
	const rx = width / 2 - radius - 4;
	const ry = height / 2 - radius * 0.87 - 4;
	const steps = 720;
	const at = i => {
		const angle = (i / steps) * 2 * Math.PI - Math.PI / 2;
		return { x: width / 2 + rx * Math.cos(angle), y: height / 2 + ry * Math.sin(angle) };
	};
	const lengths = [0];
	for (let i = 1; i <= steps; i++) {
		const [a, b] = [at(i - 1), at(i)];
		lengths.push(lengths[i - 1] + Math.hypot(b.x - a.x, b.y - a.y));
	}
	const whole = lengths[steps];
	return Array.from({ length: number }, (_, n) =>
		at(lengths.findIndex(length => length >= (whole * n) / number)),
	);
}

/** NATS in the middle and the cells around it. */
function ring(number, width) {
	const height = number > 2 ? Math.min(560, Math.max(440, width * 0.5)) : 240;
	const room = number > 2 ? 2.2 * (width + height) - 1_300 : width * 2;
	const radius = Math.max(34, Math.min(number > 8 ? 86 : 94, room / (number * 2.15)));
	const sides = [
		{ x: width * 0.2, y: height / 2 },
		{ x: width * 0.8, y: height / 2 },
	];
	return {
		height,
		radius,
		hub: { x: width / 2, y: height / 2, radius: 46 },
		cells: number > 2 ? around(number, width, height, radius) : sides.slice(0, number),
	};
}

/** NATS above, its line down the middle, and the cells left and right of it as in a honeycomb. */
function spine(number, width) {
	const radius = Math.min(94, (width - 34) / 4);
	const pitch = radius * 1.86;
	const top = 92;
	const cells = Array.from({ length: number }, (_, i) => ({
		x: i % 2 === 0 ? radius + 2 : width - radius - 2,
		y: top + radius * 0.9 + Math.floor(i / 2) * pitch + (i % 2) * (pitch / 2),
	}));
	const last = cells.at(-1)?.y ?? top;
	return {
		height: last + radius * 0.87 + 6,
		radius,
		hub: { x: width / 2, y: 40, radius: 36 },
		cells,
		spineTo: last,
	};
}

/** All in one process: one cell, and no NATS. */
const alone = width => ({
	height: 280,
	radius: Math.min(150, width / 2 - 6),
	hub: undefined,
	cells: [{ x: width / 2, y: 140 }],
});

function layout(number, width, isOneProcess) {
	if (isOneProcess) return alone(width);
	return width >= wideFrom ? ring(number, width) : spine(number, width);
}

const cellOfLattice = 22;
let latticeOf = {};

/** A honeycomb over the whole drawing, as one path: three edges of each cell, the others are its neighbours'. */
function honeycomb(width, height) {
	if (latticeOf.width === width && latticeOf.height === height) return latticeOf.path;
	const [a, b] = [cellOfLattice, cellOfLattice * Math.sin(sixth)];
	let path = "";
	for (let column = 0; column * 1.5 * a < width + a; column++)
		for (let row = 0; row * 2 * b < height + b; row++) {
			const x = column * 1.5 * a;
			const y = row * 2 * b + (column % 2) * b;
			path += `M${(x - a / 2).toFixed(1)},${(y - b).toFixed(1)}h${a}l${a / 2},${b.toFixed(1)}l${-a / 2},${b.toFixed(1)}`;
		}
	latticeOf = { width, height, path };
	return path;
}

/** What a cell is called: what it runs, in a word. */
export function titleOf({ services, state }) {
	const domains = [...new Set(services.map(({ domain }) => domain))];
	if (domains.length === 0) return state === "gone" ? "node" : "console";
	return domains.length < 3 ? domains.join(" + ") : `${services.length} services`;
}

const stateWords = {
	ready: "ready",
	degraded: "not whole",
	unready: "not ready",
	silent: "no answer",
	gone: "gone",
	missing: "runs nowhere",
};
export const stateOf = state => stateWords[state] ?? state;

/** The lines in a cell, as many as it has room for. */
function linesOf(node, radius, isOneProcess) {
	const names = node.services.map(({ name }) => name);
	const lines = [];
	const title = { text: titleOf(node), kind: "title" };
	if (radius < 50) return [title];
	const room = isOneProcess ? 12 : radius < 76 ? 1 : 3;
	lines.push(title);
	if (!isOneProcess) lines.push({ text: tail(node.nodeId, radius < 76 ? 14 : 18), kind: "id" });
	if (isOneProcess)
		for (let i = 0; i < names.length; i += 3)
			lines.push({ text: names.slice(i, i + 3).join("  ·  "), kind: "service" });
	else if (names.length > 0 && (names.length > 1 || names[0] !== title.text)) {
		const most = names.length > room ? room - 1 : room;
		for (const name of names.slice(0, most)) lines.push({ text: name, kind: "service" });
		const more = names.length - most;
		if (more > 0)
			lines.push({ text: most > 0 ? `and ${more} more` : `${more} services`, kind: "service" });
	}
	lines.push(
		node.state === "ready"
			? { text: figuresOf(node), kind: "figures" }
			: { text: stateOf(node.state), kind: "figures" },
	);
	return lines;
}

const figuresOf = ({ callsPerSecond, p99Ms }) =>
	`${rate(callsPerSecond)}/s${p99Ms === undefined ? "" : ` · ${latency(p99Ms)}`}`;

const lineHeight = { title: 19, id: 15, service: 15, figures: 19 };

function writeLines(group, lines) {
	const whole = lines.reduce((sum, { kind }) => sum + lineHeight[kind], 0);
	let y = -whole / 2;
	const placed = lines.map((line, i) => {
		y += lineHeight[line.kind];
		return { ...line, key: `${i} ${line.kind}`, y: y - 4 };
	});
	keep(group, placed, {
		key: line => line.key,
		make: line => drawn("text", { class: line.kind, "text-anchor": "middle" }),
		update(text, line) {
			set(text, "y", line.y);
			say(text, line.text);
		},
	});
}

/** Thicker the more is called, by powers of ten. */
const weight = callsPerSecond =>
	Math.min(11, 1.5 + 2.6 * Math.log10(1 + callsPerSecond)).toFixed(2);

/** The colour of a link: of the worse of what its node is and what its links are. */
const linkState = ({ state, links }) =>
	state === "ready" && links.some(({ isThere }) => !isThere) ? "degraded" : state;

const anchorOf = nodeId => `#node-${encodeURIComponent(nodeId)}`;

/** Missing services as a cell of their own. */
function cellsOf({ nodes, services }) {
	const missing = services.filter(({ nodes }) => nodes === 0);
	const ghost = {
		nodeId: "nowhere",
		state: "missing",
		links: [],
		callsPerSecond: 0,
		services: missing.map(({ service }) => ({ name: service, domain: "missing" })),
	};
	return missing.length > 0 ? [...nodes, ghost] : nodes;
}

/** The mesh as it is: nodes as cells, what they run in them, NATS between them, links by state and weight. */
export function crystal(parent) {
	const lattice = drawn("g", { class: "lattice", "aria-hidden": "true" });
	const links = drawn("g", { class: "links" });
	const hubCell = drawn("polygon");
	const hubName = drawn("text", { class: "title", "text-anchor": "middle", y: 0 });
	const hubTime = drawn("text", { class: "figures", "text-anchor": "middle", y: 16 });
	const hub = drawn("g", { class: "hub" }, hubCell, hubName, hubTime);
	const cells = drawn("g", { class: "cells" });
	const svg = drawn("svg", { role: "group" }, lattice, links, hub, cells);
	parent.append(svg);
	say(hubName, "NATS");
	let mesh;

	function draw() {
		const width = Math.floor(parent.clientWidth);
		if (!mesh || width === 0) return;
		const isOneProcess = mesh.mode === "embedded";
		const all = cellsOf(mesh);
		const plan = layout(all.length, width, isOneProcess);
		set(svg, "viewBox", `0 0 ${width} ${plan.height.toFixed(0)}`);
		set(svg, "height", plan.height.toFixed(0));
		set(svg, "width", width);
		const words = `${all.length === 1 ? "1 cell" : `${all.length} cells`}; the table of nodes says the same`;
		set(svg, "aria-label", words);

		const path = honeycomb(width, plan.height);
		keep(lattice, [path], {
			key: () => "path",
			make: () => drawn("path"),
			update: (drawing, d) => set(drawing, "d", d),
		});
		set(hub, "display", plan.hub ? undefined : "none");
		if (plan.hub) {
			const times = all.flatMap(({ roundTripMs }) => roundTripMs ?? []).sort((a, b) => a - b);
			set(hub, "transform", `translate(${plan.hub.x.toFixed(1)} ${plan.hub.y.toFixed(1)})`);
			set(hubCell, "points", points(plan.hub.radius));
			say(hubTime, times.length > 0 ? trip(times[Math.floor(times.length / 2)]) : "");
			set(hub, "data-state", times.length > 0 ? "ready" : "unready");
		}
		const placed = all.map((node, i) => ({ node, at: plan.cells[i] }));

		const from = at => (plan.spineTo ? { x: plan.hub.x, y: at.y } : plan.hub);
		const lines = plan.hub
			? placed.map(({ node, at }) => ({
					key: node.nodeId,
					state: linkState(node),
					weight: weight(node.callsPerSecond),
					from: from(at),
					to: at,
				}))
			: [];
		if (plan.spineTo)
			lines.unshift({
				key: " spine",
				state: "ready",
				weight: weight(mesh.total.callsPerSecond),
				from: plan.hub,
				to: { x: plan.hub.x, y: plan.spineTo },
			});
		keep(links, lines, {
			key: line => line.key,
			make: () => drawn("line"),
			update(line, { state, weight, from, to }) {
				set(line, "data-state", state);
				set(line, "stroke-width", weight);
				for (const [name, value] of Object.entries({ x1: from.x, y1: from.y, x2: to.x, y2: to.y }))
					set(line, name, value.toFixed(1));
			},
		});

		keep(cells, placed, {
			key: ({ node }) => node.nodeId,
			make: ({ node }) =>
				drawn(
					"a",
					{ href: node.state === "missing" ? "#state" : anchorOf(node.nodeId) },
					drawn("polygon"),
					drawn("g"),
				),
			update(cell, { node, at }) {
				const [shape, text] = cell.children;
				set(cell, "data-state", node.state);
				set(cell, "transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
				set(cell, "aria-label", `${titleOf(node)} ${node.nodeId}: ${stateOf(node.state)}`);
				set(shape, "points", points(plan.radius));
				writeLines(text, linesOf(node, plan.radius, isOneProcess));
			},
		});
	}

	new ResizeObserver(draw).observe(parent);
	return {
		update(now) {
			mesh = now;
			draw();
		},
	};
}
