import { html, nothing, svg } from "./lit-html.js";
import { roundUp } from "./series.js";
import { day, minor } from "./words.js";

const height = 220;
const foot = 26;
const head = 12;

const short = name =>
	new Date(name).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });

/**
 * What came in day by day, as bars, with a table of the same for who does not see them.
 * @param points of `daily`, in minor units of `currency`. @param plots how many there are: one has the whole width.
 */
export function revenuePlot(points, currency, plots = 1) {
	const sum = points.reduce((total, { value }) => total + value, 0);
	const width = Math.min(
		plots > 1 ? 640 : 1_040,
		Math.max(280, (document.querySelector("main")?.clientWidth ?? 640) - 64),
	);
	const top = roundUp(Math.max(...points.map(({ value }) => value), 100));
	const least = Math.min(0, ...points.map(({ value }) => value));
	const range = top - least;
	const y = value => head + ((top - value) / range) * (height - head - foot);
	const step = width / points.length;
	const bar = Math.max(2, step * 0.7);
	const every = Math.ceil(points.length / (width < 480 ? 3 : 6));
	const lines = [top, top / 2, 0];
	return html`<figure class="plot">
		<figcaption><strong>${minor(sum, currency)}</strong> <span class="fine">in ${points.length} days, refunds taken off</span></figcaption>
		${svg`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Revenue by day, ${minor(sum, currency)} in ${points.length} days">
			${lines.map(
				value => svg`<line class="grid" x1="0" x2=${width} y1=${y(value)} y2=${y(value)}></line>
				<text x="0" y=${y(value) - 4}>${minor(value, currency)}</text>`,
			)}
			${points.map(({ day: name, value }, i) => {
				if (value === 0) return nothing;
				const [from, to] = [y(Math.max(value, 0)), y(Math.min(value, 0))];
				return svg`<rect class=${value < 0 ? "out" : "in"} x=${i * step + (step - bar) / 2} y=${from} width=${bar} height=${Math.max(1, to - from)} rx="2"><title>${short(name)}: ${minor(value, currency)}</title></rect>`;
			})}
			${points.map(({ day: name }, i) =>
				i % every === 0 || i === points.length - 1
					? svg`<text class="when" x=${i * step + step / 2} y=${height - 6} text-anchor=${i === 0 ? "start" : i === points.length - 1 ? "end" : "middle"}>${short(name)}</text>`
					: nothing,
			)}
		</svg>`}
		<table class="hidden"><caption>Revenue by day</caption><tbody>${points
			.filter(({ value }) => value !== 0)
			.map(
				({ day: name, value }) =>
					html`<tr><th scope="row">${day(name)}</th><td>${minor(value, currency)}</td></tr>`,
			)}</tbody></table>
	</figure>`;
}
