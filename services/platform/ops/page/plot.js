import { drawn, set } from "./dom.js";

const width = 120;
const height = 32;
const foot = 1;

/** A curve over the last two minutes; `update(values, words)` draws it anew. It begins at nothing, so that heights compare. */
export function curve() {
	const floor = drawn("path", { class: "floor", d: `M0,${height - foot}H${width}` });
	const area = drawn("path", { class: "area" });
	const line = drawn("path", { class: "line" });
	const svg = drawn(
		"svg",
		{ class: "curve", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
		floor,
		area,
		line,
	);
	return {
		svg,
		/** @param ticks how many points the width has. */
		update(values, words, ticks = 60) {
			const most = Math.max(...values, 0);
			const step = width / (ticks - 1);
			const from = width - step * (values.length - 1);
			const y = value => height - foot - (most > 0 ? (value / most) * (height - 4) : 0);
			const points = values.map(
				(value, i) => `${(from + i * step).toFixed(1)},${y(value).toFixed(1)}`,
			);
			const path = points.length > 1 ? `M${points.join("L")}` : "";
			set(line, "d", path);
			set(area, "d", path && `${path}L${width},${height}L${from.toFixed(1)},${height}Z`);
			set(svg, "aria-label", words);
		},
	};
}
