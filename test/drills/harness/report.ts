import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../support/node.ts";
import { html, Markup } from "./markup.ts";
import { amount, plot } from "./plot.ts";
import type { Result } from "./results.ts";

/** px inside a card on a wide screen and on a phone. */
const WIDTHS = { wide: 980, narrow: 336 };
/** How many counts of a drill the summary names. */
const KEY_COUNTS = 4;
const LINES_PER_PLOT = 4;

/**
 * Draws the results of the drills in a directory as one page, `index.html` in it.
 * @returns the path of the page
 * @throws Error where a file is not JSON
 */
export function writeReport(dir = join(root, "bench", "results")): string {
	// Those of the benches (`bench-gateway.json`) have a page of their own.
	const files = readdirSync(dir).filter(name => /^(?!bench-).*\.json$/.test(name));
	const results = files.sort().map(name => {
		try {
			return JSON.parse(readFileSync(join(dir, name), "utf8")) as Result;
		} catch (cause) {
			throw new Error(`${join(dir, name)} is not a result of a drill`, { cause });
		}
	});
	const file = join(dir, "index.html");
	writeFileSync(file, page(results));
	return file;
}

/** The whole page: no script, and nothing from elsewhere. */
export function page(results: readonly Result[]): string {
	const css = new Markup(readFileSync(join(import.meta.dirname, "report.css"), "utf8"));
	const broke = results.filter(r => r.broken.length > 0).map(r => r.drill);
	const lead =
		results.length === 0
			? html`No drill has been run at full size yet.`
			: broke.length === 0
				? html`<strong>${results.length} of ${results.length} drills held.</strong>`
				: html`<strong>${broke.length} of ${results.length} drills did not hold: ${broke.join(", ")}.</strong>`;
	return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Zeolite: drills</title>
<style>
${css}</style>
<h1>Drills</h1>
<p class="lead">${lead} Faults under load on a real mesh, drawn from <code>bench/results</code> by <code>npm run drills -- --report</code>.</p>
${results.length > 0 ? summary(results) : ""}
${results.map(detail)}
</html>
`.text;
}

function summary(results: readonly Result[]): Markup {
	const heads = ["Drill", "Must hold", "Outcome", "Counts", "When", "Version", "Machine"];
	const rows = results.map(r => {
		const counts = Object.entries(r.counts).slice(0, KEY_COUNTS);
		return html`<tr><th scope="row"><a href="#${r.drill}">${r.drill}</a></th><td>${r.mustHold}</td><td>${badge(r)}</td><td>${counts.map(([name, n]) => `${amount(n)} ${words(name)}`).join(", ")}</td><td>${day(r.at)}</td><td>${r.version}</td><td>${r.machine.cores} cores, ${amount(r.machine.memoryGb)} GB</td></tr>
`;
	});
	return html`<table class="summary">
<thead><tr>${heads.map(head => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>
${rows}</tbody></table>`;
}

/** Everything of one drill. */
function detail(r: Result): Markup {
	const { machine } = r;
	const size = Object.entries(r.size).map(([name, value]) => `${words(name)} ${text(value)}`);
	const facts = [
		`${day(r.at)}, ${r.at.slice(11, 16)} UTC`,
		`version ${r.version}${r.commit && ` (${r.commit})`}`,
		`Node ${r.node}`,
		[machine.cpu, `${machine.cores} cores`, `${amount(machine.memoryGb)} GB`]
			.filter(Boolean)
			.join(", "),
		`ran ${amount(r.seconds)} s`,
		`seed ${r.seed}`,
		...size,
	];
	return html`<section id="${r.drill}">
<header><h2>${r.drill}: ${r.title}</h2>${badge(r)}</header>
<p class="holds">Must hold: ${r.mustHold}</p>
${r.broken.length > 0 ? html`<div class="broken"><h3>Did not hold</h3><ul>${r.broken.map(b => html`<li>${b}</li>`)}</ul></div>` : ""}
${counts(r)}
${spreads(r)}
${plots(r)}
${caught(r)}
<h3>Run</h3><p class="soft">${facts.join(" · ")}</p>
</section>
`;
}

function counts(r: Result): Markup {
	const values = Object.entries(r.figures).flatMap(([name, f]) =>
		"value" in f ? [{ name, value: f.value, unit: f.unit }] : [],
	);
	const all = [
		...Object.entries(r.counts).map(([name, value]) => ({ name, value, unit: "" })),
		...values,
	];
	const tile = ({ name, value, unit }: (typeof all)[number]) =>
		html`<div><dt>${words(name)}</dt><dd>${amount(value)}${unit && html` <small>${unit}</small>`}</dd></div>`;
	return html`<dl class="counts">${all.map(tile)}</dl>`;
}

function spreads(r: Result): Markup | string {
	const rows = Object.entries(r.figures).flatMap(([name, f]) => {
		if (!("median" in f)) return [];
		const cell = (value: number) => html`<td>${f.n === 0 ? "–" : amount(value)}</td>`;
		const unit = f.unit && `, ${f.unit}`;
		return html`<tr><th scope="row">${words(name)}${unit}</th>${[f.median, f.p99, f.max].map(cell)}<td>${amount(f.n)}</td></tr>`;
	});
	if (rows.length === 0) return "";
	const heads = ["", "median", "p99", "max", "of"].map(head => html`<th scope="col">${head}</th>`);
	return html`<h3>Times and ratios</h3><table class="figures"><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table>`;
}

/** One plot for each unit, so that what can be compared is. */
function plots(r: Result): Markup[] {
	const units = Map.groupBy(r.series, s => s.unit);
	const together = [...units.values()].filter(all => all.length > 1).flat();
	const longest = Math.max(0, ...together.map(s => words(s.name).length));
	const drawn = [...units].flatMap(([unit, all]) => {
		const figures: Markup[] = [];
		for (let i = 0; i < all.length; i += LINES_PER_PLOT) {
			const lines = all.slice(i, i + LINES_PER_PLOT).map(s => ({ ...s, name: words(s.name) }));
			const draw = (width: number, names: number) =>
				plot({ unit, lines, marks: r.marks, seconds: r.seconds, width, names });
			const names = lines.map((s, k) =>
				lines.length > 1
					? html`<span class="key l${k + 1}">${s.name}</span>`
					: html`<span>${s.name}</span>`,
			);
			figures.push(
				html`<figure><figcaption>${names}${unit && html`<span class="soft">${unit}</span>`}</figcaption><div class="wide">${draw(WIDTHS.wide, longest)}</div><div class="narrow">${draw(WIDTHS.narrow, 0)}</div></figure>`,
			);
		}
		return figures;
	});
	const kinds = [...Map.groupBy(r.marks, m => m.label)].map(([label, m]) =>
		m.length > 1 ? `${label} × ${amount(m.length)}` : label,
	);
	if (drawn.length > 0 && kinds.length > 0)
		drawn.push(html`<p class="soft">Dashed lines: ${kinds.join(", ")}.</p>`);
	return drawn;
}

/** The planted defects that the drill was run with. */
function caught(r: Result): Markup {
	const items = r.caught.map(({ defect, why, broken }) => {
		const [first] = broken;
		const said = first
			? html`<div class="soft">The drill said: ${first}${broken.length > 1 ? ` (and ${broken.length - 1} more)` : ""}</div>`
			: html`<div><span class="badge bad">not caught</span></div>`;
		return html`<li><strong>${defect}</strong>${why && `: ${why}`}${said}</li>`;
	});
	return html`<h3>Planted defects</h3>${items.length > 0 ? html`<ul>${items}</ul>` : html`<p class="soft">None has been run against it yet.</p>`}`;
}

const badge = (r: Result): Markup =>
	r.broken.length === 0
		? html`<span class="badge good">held</span>`
		: html`<span class="badge bad">${r.broken.length} broken</span>`;

const day = (iso: string): string => iso.slice(0, 10);
/** `notEnrolled` as `not enrolled`. */
const words = (name: string): string =>
	name.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
const text = (value: unknown): string =>
	typeof value === "number"
		? amount(value)
		: typeof value === "string"
			? value
			: JSON.stringify(value);
