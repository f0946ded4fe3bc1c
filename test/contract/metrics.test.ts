import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { split } from "../../deploy/split.ts";
import { alerts as drill } from "../drills/alerts.ts";
import { root } from "../support/node.ts";
import { startEmbedded } from "../support/process.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const operations = read("docs/operations.md");

/** What Prometheus itself makes of a target or a rule. */
const ofPrometheus: Record<string, readonly string[]> = {
	up: [],
	ALERTS: ["alertname", "alertstate", "severity"],
};
/** What every series of a target has. */
const ofTarget = ["job", "instance"];

interface Metric {
	type: string;
	/** Of its series, where there are any. */
	labels: Set<string>;
}

/** A real node's metrics by name. */
const exposed = new Map<string, Metric>();

/** Names under which a metric's series are asked for. */
const seriesOf = (name: string, type: string): string[] =>
	type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];

before(async t => {
	// With a collector, even one that is away: without, there are no metrics of it.
	const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
	const product = await startEmbedded(t as never, collector);
	const { url } = product;
	for (const path of ["/api/courses", "/api/auth/me", "/nowhere"]) await fetch(`${url}${path}`);
	const text = await (await fetch(`${url}/metrics`)).text();
	for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
		for (const series of seriesOf(name, type)) exposed.set(series, { type, labels: new Set() });
	for (const [, name = "", labels = ""] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm))
		for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) exposed.get(name)?.labels.add(label);
	await product.end("SIGTERM");
});

interface Row {
	name: string;
	labels: string[];
	unit: string;
	meaning: string;
}

/** The table of all metrics. */
const rows: Row[] = [
	...operations.matchAll(/^\| `([a-z]\w+)(?:\{([\w,]+)\})?` \| ([^|]+) \| ([^|]+) \|$/gm),
].map(([, name = "", labels = "", unit = "", meaning = ""]) => ({
	name,
	labels: labels.split(",").filter(Boolean),
	unit: unit.trim(),
	meaning: meaning.trim(),
}));
const labelsOf = new Map(rows.map(({ name, labels }) => [name, labels]));

/** What a client library brings along; the table names the ones that are looked at. */
const isBrought = (name: string): boolean => /^(process|nodejs)_/.test(name);

const baseOf = (series: string): string =>
	exposed.get(series)?.type === "histogram" ? series.replace(/_(bucket|sum|count)$/, "") : series;

test("the table lists every metric of a node, with its labels, and no other", () => {
	const names = new Set([...exposed.keys()].map(baseOf));
	assert.deepEqual(
		rows.filter(({ name }) => !names.has(name)).map(({ name }) => name),
		[],
		"not there",
	);
	assert.deepEqual(
		[...names].filter(name => !isBrought(name) && !labelsOf.has(name)),
		[],
		"not listed",
	);
	for (const [series, { labels }] of exposed) {
		if (labels.size === 0 || !labelsOf.has(baseOf(series))) continue;
		labels.delete("le");
		assert.deepEqual([...labels].sort(), labelsOf.get(baseOf(series))?.toSorted(), series);
	}
});

test("names say their unit, as Prometheus has it", () => {
	for (const { name, unit } of rows) {
		const { type } = exposed.get(name) ?? exposed.get(`${name}_count`) ?? { type: "" };
		if (!isBrought(name)) assert.equal(name.endsWith("_total"), type === "counter", name);
		const isMoleculers = name === "moleculer_request_time";
		assert.equal(/_seconds(_total)?$/.test(name), unit === "s", name);
		assert.equal(isMoleculers, unit === "ms", name);
		assert.equal(name.endsWith("_bytes"), unit === "bytes", name);
	}
});

/** A query's metrics, each with the labels that it is chosen by, and the labels that results are grouped by. */
function asked(query: string) {
	const selected: { metric: string; labels: string[] }[] = [];
	const grouped: string[] = [];
	const made: string[] = [];
	parser.parse(query).iterate({
		enter({ type, name, from, to, node }) {
			const text = query.slice(from, to);
			assert.ok(!type.isError, `${query}: at ${from}`);
			if (name === "VectorSelector")
				selected.push({ metric: query.slice(from, node.getChild("Identifier")?.to), labels: [] });
			if (name === "LabelName" && node.parent?.name.endsWith("LabelMatcher"))
				selected.at(-1)?.labels.push(text);
			else if (name === "LabelName") grouped.push(text);
			if (name === "LabelReplace") made.push(/"(\w+)", "\$/.exec(query)?.[1] ?? "");
		},
	});
	return { selected, grouped, made };
}

const labelsThere = (metric: string): string[] => {
	const own = labelsOf.get(baseOf(metric)) ?? [...(exposed.get(metric)?.labels ?? [])];
	return [
		...ofTarget,
		...(ofPrometheus[metric] ?? own),
		...(metric.endsWith("_bucket") ? ["le"] : []),
	];
};

/** Holds a query against what is there. */
function assertThere(query: string, where: string): void {
	const { selected, grouped, made } = asked(query);
	assert.ok(selected.length > 0, `${where}: ${query}`);
	for (const { metric, labels } of selected) {
		assert.ok(metric in ofPrometheus || exposed.has(metric), `${where}: no metric ${metric}`);
		if (!(metric in ofPrometheus) && !isBrought(metric))
			assert.ok(labelsOf.has(baseOf(metric)), `${where}: ${metric} is not in the table`);
		const there = labelsThere(metric);
		for (const label of labels)
			assert.ok(there.includes(label), `${where}: ${metric} has no label ${label}`);
		for (const label of grouped)
			assert.ok([...there, ...made].includes(label), `${where}: ${metric} has no label ${label}`);
		const { type } = exposed.get(metric) ?? {};
		if (type === "counter") assert.match(query, /\b(rate|increase|irate)\(/, `${where}: ${query}`);
	}
}

test("a query for what is not there is seen", () => {
	assertThere("sum by (reason) (rate(zeolite_shed_total[5m])) > 1", "here");
	for (const wrong of [
		"zeolite_facts_waiting > 1",
		"sum by (reason) (rate(zeolite_shed_total[5m])",
		'sum(rate(zeolite_shed_total{cause="lag"}[5m]))',
		"sum by (cause) (rate(zeolite_shed_total[5m]))",
		"sum(zeolite_shed_total)",
		"zeolite_fact_receipt_lag_seconds > 30",
		"vector(1)",
	])
		assert.throws(() => assertThere(wrong, "here"), assert.AssertionError, wrong);
});

interface Rule {
	alert: string;
	expr: string;
	for?: string;
	labels: { severity: string };
	annotations: { summary: string; description: string; runbook_url: string };
}
const { groups } = parse(read("deploy/alerts.yaml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap(group => group.rules);

test("alerts ask for metrics that are there, and each has a section that says what to do", () => {
	const runbooks = operations.split(/^## Alerts$/m)[1] ?? "";
	const sections = new Map(
		runbooks.split(/^### /m).map(text => [text.slice(0, text.indexOf("\n")), text] as const),
	);
	sections.delete("");
	for (const { alert, expr, labels, annotations } of rules) {
		assertThere(expr, alert);
		assert.match(labels.severity, /^(page|ticket)$/, alert);
		assert.ok(annotations.summary && annotations.description, alert);
		assert.equal(annotations.runbook_url, `docs/operations.md#${alert.toLowerCase()}`);
		for (const [, label = ""] of annotations.summary.matchAll(/\$labels\.(\w+)/g))
			assert.ok(
				asked(expr).selected.some(({ metric }) => labelsThere(metric).includes(label)),
				`${alert}: ${label}`,
			);
		assert.ok((sections.get(alert)?.length ?? 0) > 100, `${alert} has no section`);
	}
	assert.deepEqual(
		[...sections.keys()].filter(name => /^Zeolite/.test(name)).sort(),
		rules.map(({ alert }) => alert).sort(),
	);
});

test("the drill of alerts fires every one", () => {
	const text = read("test/drills/alerts.ts");
	const fired = drill.full.faults.flat();
	for (const { alert } of rules) {
		const fault = new RegExp(
			`^\\t\\t(\\w+): \\{\\n[^}]*?fires(?:Then)?: \\[[^\\]]*"${alert}"`,
			"m",
		).exec(text)?.[1];
		assert.ok(fault && (fired as string[]).includes(fault), alert);
	}
});

interface Panel {
	id: number;
	type: string;
	title: string;
	description?: string;
	gridPos: { x: number; y: number; w: number; h: number };
	datasource?: { type: string; uid: string };
	targets?: { refId: string; expr: string; datasource: { uid: string } }[];
	fieldConfig?: { defaults: { unit?: string } };
}
interface Dashboard {
	uid: string;
	title: string;
	schemaVersion: number;
	tags: string[];
	annotations: { list: { expr?: string }[] };
	templating: { list: { name: string; type: string; definition?: string }[] };
	panels: Panel[];
}
const dashboards = globSync("deploy/grafana/dashboards/*.json", { cwd: root })
	.sort()
	.map(file => ({ file, dashboard: JSON.parse(read(file)) as Dashboard }));

/** What Grafana puts in for its own variables. */
const filledIn = (query: string): string =>
	query.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*");

test("every metric of the dashboards is there", () => {
	for (const { file, dashboard } of dashboards) {
		for (const { title, targets = [] } of dashboard.panels)
			for (const { expr } of targets) assertThere(filledIn(expr), `${file}: ${title}`);
		for (const { expr } of dashboard.annotations.list) if (expr) assertThere(expr, file);
		for (const { definition } of dashboard.templating.list) {
			const [, query = ""] = /^label_values\((.+), \w+\)$/.exec(definition ?? "") ?? [];
			if (definition) assertThere(query, file);
		}
	}
});

test("dashboards are whole: unique ids, a grid without overlaps, one data source to choose", () => {
	assert.deepEqual(
		dashboards.map(({ dashboard }) => dashboard.uid),
		["zeolite-facts", "zeolite-gateway", "zeolite-mesh", "zeolite-runtime"],
	);
	for (const { file, dashboard } of dashboards) {
		const { uid, panels, templating, schemaVersion } = dashboard;
		assert.equal(file, join("deploy/grafana/dashboards", `${uid}.json`));
		assert.equal(schemaVersion, 41, file);
		assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, file);
		const variables = new Set(templating.list.map(({ name }) => name));
		assert.ok(variables.has("datasource"), file);
		for (const { gridPos, ...panel } of panels) {
			const where = `${file}: ${panel.title}`;
			assert.ok(gridPos.x + gridPos.w <= 24, where);
			const over = panels.filter(
				({ gridPos: { x, y, w, h } }) =>
					x < gridPos.x + gridPos.w &&
					gridPos.x < x + w &&
					y < gridPos.y + gridPos.h &&
					gridPos.y < y + h,
			);
			assert.deepEqual(
				over.map(({ title }) => title),
				[panel.title],
				where,
			);
			if (panel.type === "row") continue;
			assert.match(panel.type, /^(stat|timeseries)$/, where);
			assert.ok(panel.description && panel.fieldConfig?.defaults.unit, where);
			assert.match(panel.datasource?.uid ?? "", /^\$\{datasource\}$/, where);
			const ids = panel.targets?.map(({ refId }) => refId) ?? [];
			assert.ok(ids.length > 0 && new Set(ids).size === ids.length, where);
			for (const { expr } of panel.targets ?? [])
				for (const [, name = ""] of expr.matchAll(/\$(?!__)([a-z]\w*)/g))
					assert.ok(variables.has(name), `${where}: ${name}`);
		}
	}
});

test("Prometheus and Grafana of docker-compose.yml find the processes, the rules and the dashboards", () => {
	const { services } = parse(read("docker-compose.yml"), { merge: true }) as {
		services: Record<string, { volumes: string[]; entrypoint?: string[]; profiles: string[] }>;
	};
	const { prometheus, grafana } = services;
	assert.ok(prometheus && grafana);
	const mounted = ({ volumes }: { volumes: string[] }) =>
		new Map(
			volumes
				.filter(volume => volume.startsWith("./"))
				.map(volume => volume.split(":"))
				.map(([from = "", to = "", mode]) => {
					assert.equal(mode, "ro", from);
					return [to, from.slice(2)] as const;
				}),
		);
	const config = parse(read("deploy/prometheus.yaml")) as {
		rule_files: string[];
		scrape_configs: {
			job_name: string;
			authorization: { credentials_file: string };
			dns_sd_configs: { names: string[]; type: string; port: number }[];
		}[];
	};
	const [scraping] = config.scrape_configs;
	assert.ok(scraping);
	assert.equal(scraping.job_name, "zeolite");
	assert.deepEqual(
		scraping.dns_sd_configs,
		split.map(({ name, port }) => ({ names: [name], type: "A", port })),
	);
	const [, , command = ""] = prometheus.entrypoint ?? [];
	assert.ok(
		command.includes(`printenv METRICS_TOKEN > ${scraping.authorization.credentials_file};`),
	);
	const [, file = ""] = /--config\.file=(\S+)/.exec(command) ?? [];
	assert.equal(mounted(prometheus).get(file), "deploy/prometheus.yaml");
	assert.deepEqual(
		config.rule_files.map(rule => mounted(prometheus).get(rule)),
		["deploy/alerts.yaml"],
	);
	const { providers } = parse(read("deploy/grafana/provisioning/dashboards/zeolite.yaml")) as {
		providers: { options: { path: string } }[];
	};
	assert.deepEqual(
		providers.map(({ options }) => mounted(grafana).get(options.path)),
		["deploy/grafana/dashboards"],
	);
	assert.equal(mounted(grafana).get("/etc/grafana/provisioning"), "deploy/grafana/provisioning");
	for (const service of [prometheus, grafana])
		assert.deepEqual(service.profiles, ["observability"]);
});
