import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { html, Markup } from "../../test/drills/harness/markup.ts";
import { amount } from "../../test/drills/harness/plot.ts";
import { type Run, readResult } from "../harness/results.ts";
import { cacheTables } from "./cache.ts";
import { markdown, type Table } from "./format.ts";
import { gatewayTables } from "./gateway.ts";
import { latencyTables } from "./latency.ts";
import { memoryTables } from "./memory.ts";
import { nodesTables } from "./nodes.ts";
import { gatewayPlots, latencyPlots, memoryPlots, nodesPlots, purchasesPlots } from "./plots.ts";
import { purchasesTables } from "./purchases.ts";

const root = join(import.meta.dirname, "..", "..");
const css = [
	join(root, "test", "drills", "harness", "report.css"),
	join(import.meta.dirname, "bench.css"),
];
const documents = join(root, "docs", "benchmarks.md");

interface Section {
	bench: string;
	title: string;
	run: Run;
	tables: Table[];
	plots: Markup[];
}

function section<T>(
	bench: string,
	title: string,
	tables: (result: T) => Table[],
	plots: (result: T) => Markup[],
): Section[] {
	const run = readResult<T>(bench);
	return run ? [{ bench, title, run, tables: tables(run), plots: plots(run) }] : [];
}

/** What has been run, in the order it is shown. */
const sections = (): Section[] => [
	...section("gateway", "Throughput and CPU time of the gateway", gatewayTables, gatewayPlots),
	...section("latency", "Latency at a constant rate", latencyTables, latencyPlots),
	...section("nodes", "Cost of a request with more nodes", nodesTables, nodesPlots),
	...section("memory", "Memory of an idle node", memoryTables, memoryPlots),
	...section("purchases", "Purchases", purchasesTables, purchasesPlots),
	...section("cache", "What Redis saves", cacheTables, () => []),
];

const about = ({ at, version, commit, node, machine, rounds, seed, seconds }: Run): string =>
	[
		`${at.slice(0, 10)}, ${at.slice(11, 16)} UTC`,
		`version ${version} (${commit})`,
		`Node ${node}`,
		`${machine.cpu || "unknown CPU"}, ${machine.cores} cores, ${amount(machine.memoryGb)} GB`,
		`${rounds} rounds`,
		`seed ${seed}`,
		`${amount(seconds)} s`,
	].join(" · ");

const tableMarkup = ({ title, head, rows }: Table): Markup =>
	html`${title ? html`<h3>${title}</h3>` : ""}<div class="scroll"><table class="figures"><thead><tr>${head.map(cell => html`<th scope="col">${cell}</th>`)}</tr></thead><tbody>
${rows.map(([first = "", ...others]) => html`<tr><th scope="row">${first}</th>${others.map(cell => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table></div>`;

/** The page: no script, and nothing from elsewhere. */
export function page(all: readonly Section[]): string {
	const style = new Markup(css.map(file => readFileSync(file, "utf8")).join(""));
	const drawn = all.map(
		({ bench, title, run, tables, plots }) =>
			html`<section id="${bench}"><header><h2>${title}</h2></header>
${tables.slice(0, 1).map(tableMarkup)}
${plots}
${tables.slice(1).map(tableMarkup)}
<h3>Run</h3><p class="soft">${about(run)}</p>
</section>
`,
	);
	return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Zeolite: benches</title>
<style>
${style}</style>
<h1>Benches</h1>
<p class="lead">Each dot is a round; what is compared ran in the same round, seconds apart. Bars reach from quartile to quartile. Drawn from <code>bench/results</code> by <code>npm run bench -- --report</code>; how it is measured: <code>docs/benchmarks.md</code>.</p>
${drawn}
</html>
`.text;
}

/** The document with the figures of the kept runs between the marks of each bench. @throws Error for a mark without its end */
export function withFigures(text: string, all: readonly Section[] = sections()): string {
	return text.replaceAll(/<!-- figures: (\w+) -->\n[\s\S]*?<!-- end -->/g, (_, bench: string) => {
		const found = all.find(one => one.bench === bench);
		const figures = found
			? `${about(found.run)}\n\n${markdown(found.tables)}`
			: "It has not been run at full size yet.";
		return `<!-- figures: ${bench} -->\n\n${figures}\n\n<!-- end -->`;
	});
}

/** Draws the page and writes the figures into the documents. @returns the files */
export function writeReport(): string[] {
	const all = sections();
	const file = join(root, "bench", "results", "bench.html");
	writeFileSync(file, page(all));
	writeFileSync(documents, withFigures(readFileSync(documents, "utf8"), all));
	return [file, documents];
}
