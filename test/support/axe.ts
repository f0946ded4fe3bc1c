import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { root } from "./node.ts";

const source = readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8");

interface Finding {
	id: string;
	nodes: { target: string[]; failureSummary: string }[];
}

/** That axe finds nothing to say against a page, WCAG 2.2 AA and its own best practices. */
export async function assertAccessible(page: Page, what: string): Promise<void> {
	await page.evaluate(source);
	const { violations } = (await page.evaluate(
		"axe.run(document, { resultTypes: ['violations'] })",
	)) as { violations: Finding[] };
	const found = violations.flatMap(({ id, nodes }) =>
		nodes.map(({ target, failureSummary }) => `${id} at ${target.join(" ")}: ${failureSummary}`),
	);
	assert.deepEqual(found, [], what);
}
