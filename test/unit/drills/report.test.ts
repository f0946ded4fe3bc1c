import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { html } from "../../drills/harness/markup.ts";
import { amount, apart, plot, thinned, ticks } from "../../drills/harness/plot.ts";
import { page, writeReport } from "../../drills/harness/report.ts";
import type { Result } from "../../drills/harness/results.ts";

const line = (name: string, ...points: [number, number][]) => ({ name, points });

const result = (rest: Partial<Result> = {}): Result => ({
	drill: "nats",
	title: "nats-server killed under load",
	mustHold: "no hung call",
	size: { kills: 15 },
	seed: 7,
	at: "2026-03-04T05:06:07.000Z",
	version: "0.1.0",
	commit: "abc1234",
	node: "v24.0.0",
	machine: { cpu: "a CPU", cores: 2, memoryGb: 4 },
	seconds: 60,
	counts: { kills: 15, notEnrolled: 0 },
	figures: {
		goodput: { unit: "%", value: 91.25 },
		"time to ready": { unit: "ms", median: 1200, p99: 3400.5, max: 4000, n: 15 },
	},
	series: [
		{ ...line("ok", [0, 10], [30, 20], [60, 15]), unit: "1/s" },
		{ ...line("shed", [0, 0], [60, 2]), unit: "1/s" },
		{ ...line("lag", [0, 1], [60, 3]), unit: "ms" },
	],
	marks: [{ at: 30, label: "NATS killed" }],
	broken: [],
	caught: [],
	...rest,
});
const drawing = { unit: "ms", marks: [], seconds: 60, width: 600, names: 0 };

test("every value in markup is escaped, markup is not, and a list is its members", () => {
	const evil = `<script>"&'`;
	assert.equal(
		html`<p title="${evil}">${[html`<b>${evil}</b>`, 1]}</p>`.text,
		'<p title="&lt;script&gt;&quot;&amp;&#39;"><b>&lt;script&gt;&quot;&amp;&#39;</b>1</p>',
	);
});

test("whatever text stands in a result, the page holds no tag of it", () => {
	const evil = `"><script>alert('x')</script>&<img src=x onerror=y>`;
	const texts = { drill: evil, title: evil, mustHold: evil, at: evil, version: evil, commit: evil };
	const text = page([
		result({
			...texts,
			node: evil,
			size: { [evil]: evil, list: [evil] },
			machine: { cpu: evil, cores: 2, memoryGb: 4 },
			counts: { [evil]: 1 },
			figures: { [evil]: { unit: evil, value: 1 } },
			series: [{ name: evil, unit: evil, points: [[0, 1]] }],
			marks: [{ at: 0, label: evil }],
			broken: [evil],
			caught: [{ defect: evil, why: evil, broken: [evil] }],
		}),
	]);
	assert.doesNotMatch(text, /<script|<img|alert\('x/);
	assert.match(text, /&lt;script&gt;/);
});

test("the page needs no other host and no script", () => {
	const text = page([result()]);
	assert.doesNotMatch(text, /(?:src|href)=(?!"#)|url\(|@import|<script|https?:/);
	assert.match(text, /default-src 'none'/);
});

test("a drill that held: what was counted, when and where, and both plots of it by unit", () => {
	const text = page([result()]);
	assert.match(text, /1 of 1 drills held/);
	assert.doesNotMatch(text, /Did not hold|class="badge bad"/);
	for (const part of [
		"no hung call",
		"<dt>not enrolled</dt><dd>0</dd>",
		"<dd>91.25 <small>%</small></dd>",
		"time to ready, ms</th><td>1,200</td><td>3,401</td><td>4,000</td><td>15</td>",
		"2026-03-04, 05:06 UTC",
		"version 0.1.0 (abc1234)",
		"a CPU, 2 cores, 4 GB",
		"kills 15",
		"None has been run against it yet.",
	])
		assert.ok(text.includes(part), part);
	assert.equal(text.split("<figure>").length - 1, 2, "one for 1/s and one for ms");
	assert.equal(text.split("<svg").length - 1, 4, "each for a wide and a narrow screen");
});

test("a broken drill says so at the top, in the table and with every sentence", () => {
	const broken = ["2 payments are paid and nobody is enrolled", "ledger is 12 short"];
	const text = page([result(), result({ drill: "kills", broken })]);
	assert.match(text, /1 of 2 drills did not hold: kills\./);
	assert.equal(text.split('<span class="badge bad">2 broken</span>').length - 1, 2);
	for (const sentence of broken) assert.ok(text.includes(`<li>${sentence}</li>`));
	assert.ok(text.indexOf("Did not hold") > text.indexOf('id="kills"'));
});

test("planted defects: what the drill said, and which it missed", () => {
	const caught = [
		{ defect: "early ack", why: "loses facts", broken: ["1 lost", "2 lost"] },
		{ defect: "no breaker", why: "", broken: [] },
	];
	const text = page([result({ caught })]);
	assert.match(text, /early ack<\/strong>: loses facts.*1 lost \(and 1 more\)/);
	assert.match(text, /no breaker<\/strong><div><span class="badge bad">not caught/);
});

test("nothing measured is a dash, and no drill at all is a page too", () => {
	const figures = { wait: { unit: "ms", median: 0, p99: 0, max: 0, n: 0 } };
	assert.match(page([result({ figures })]), /<td>–<\/td><td>–<\/td><td>–<\/td><td>0<\/td>/);
	assert.match(page([]), /No drill has been run/);
});

test("writeReport reads what is in the directory, in order, and names a file that is broken", t => {
	const dir = mkdtempSync(join(tmpdir(), "zeolite-report-"));
	t.after(() => rmSync(dir, { recursive: true }));
	for (const drill of ["soak", "kills"])
		writeFileSync(join(dir, `${drill}.json`), JSON.stringify(result({ drill })));
	writeFileSync(join(dir, "notes.txt"), "not a result");
	assert.equal(writeReport(dir), join(dir, "index.html"));
	const text = readFileSync(join(dir, "index.html"), "utf8");
	assert.ok(text.indexOf('id="kills"') < text.indexOf('id="soak"'));
	assert.match(text, /2 of 2 drills held/);
	writeFileSync(join(dir, "bad.json"), "{");
	assert.throws(() => writeReport(dir), /bad\.json is not a result/);
});

test("axes: round steps that cover the values, zero among them", () => {
	assert.deepEqual(ticks(0, 100, 4), [0, 50, 100]);
	assert.deepEqual(ticks(0, 0.7, 4), [0, 0.2, 0.4, 0.6, 0.8]);
	assert.deepEqual(ticks(-3, 9, 4), [-5, 0, 5, 10]);
	assert.deepEqual(ticks(0, 0, 4), [0, 0.5, 1]);
	const value = fc
		.double({ min: -1e9, max: 1e9, noNaN: true })
		.filter(v => v === 0 || Math.abs(v) > 1e-6);
	fc.assert(
		fc.property(value, value, fc.integer({ min: 2, max: 10 }), (a, b, count) => {
			const [low, high] = [Math.min(a, b, 0), Math.max(a, b, 0)];
			const all = ticks(low, high, count);
			const slack = (high - low) * 1e-9;
			assert.ok((all[0] as number) <= low + slack && (all.at(-1) as number) >= high - slack);
			assert.ok(all.includes(0) && all.length >= 2 && all.length <= count + 3, `${all}`);
		}),
	);
});

test("a long series keeps its peaks, its order and its gaps' neighbours", () => {
	const points = Array.from({ length: 5_000 }, (_, i): [number, number] => [
		i,
		i === 3_333 ? 99 : 1,
	]);
	points[10] = [10, Number.NaN];
	const kept = thinned(points, 400);
	assert.ok(kept.length <= 402, `${kept.length}`);
	assert.ok(kept.some(([at, value]) => at === 3_333 && value === 99));
	assert.ok(kept.every(([at], i) => i === 0 || at > (kept[i - 1] as [number, number])[0]));
	assert.deepEqual(thinned(points.slice(0, 5), 400), points.slice(0, 5));
});

test("names that would stand on each other are moved apart, in their order, and stay inside", () => {
	assert.deepEqual(apart([10, 50], 15, 100), [10, 50]);
	assert.deepEqual(apart([50, 48, 52], 15, 200), [63, 48, 78]);
	assert.deepEqual(apart([100, 100, 99], 15, 100), [85, 100, 70]);
});

test("a plot: units on both axes, the line from its first point to its last, nothing outside", () => {
	const lag = line("lag", [0, 0], [60, 40]);
	const { text } = plot({ ...drawing, lines: [lag] });
	assert.match(text, /aria-label="lag in ms over time"/);
	assert.match(text, />60 s<\/text>/);
	assert.match(text, /class="line l1" d="M46 160L586 10"/);
	assert.match(plot({ ...drawing, lines: [lag], seconds: 1_200 }).text, />20 min<\/text>/);
	const both = plot({ ...drawing, lines: [lag, line("wait", [0, 5])], names: 4 }).text;
	assert.match(both, /class="name l1".*>lag<.*class="name l2".*>wait</);
});

test("an empty series, one of zeroes and one with holes are drawn without a broken number", () => {
	for (const points of [[], [[0, 0]], [[0, Number.NaN]], [[5, -3]]] as [number, number][][]) {
		const { text } = plot({ ...drawing, lines: [{ name: "x", points }], seconds: 0 });
		assert.doesNotMatch(text, /NaN|Infinity|undefined/);
		assert.equal(
			text.includes("no points"),
			points.every(p => !p.every(Number.isFinite)),
		);
	}
});

test("marks stand at their time; where labels would collide, each kind has one", () => {
	const lines = [line("x", [0, 1])];
	const few = plot({ ...drawing, lines, marks: [{ at: 30, label: "killed" }] }).text;
	assert.match(few, /<title>killed, 30 s<\/title><line x1="316" x2="316"/);
	const marks = Array.from({ length: 40 }, (_, i) => ({ at: i, label: i % 2 ? "odd" : "even" }));
	const many = plot({ ...drawing, lines, marks }).text;
	assert.equal(many.split('<g class="mark">').length - 1, 40);
	assert.equal(many.split(">odd</text>").length - 1, 1);
	assert.equal(many.split(">even</text>").length - 1, 1);
});

test("numbers are read, not printed", () => {
	assert.deepEqual([12_340, 0.25, 3_400.56, -1.23456].map(amount), [
		"12,340",
		"0.25",
		"3,401",
		"-1.235",
	]);
});
