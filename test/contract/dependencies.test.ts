import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/node.ts";

/**
 * Packages that come by way of others, whose ranges would let weak versions in: the least that may be installed. What was
 * measured to be resolved is the floor where an advisory names none.
 */
const floors: Readonly<Record<string, string>> = {
	"body-parser": "1.20.3",
	"path-to-regexp": "8.4.0",
	qs: "6.14.2",
	lodash: "4.18.1",
	"@fastify/busboy": "3.2.6",
	jsonwebtoken: "9.0.3",
};

const parts = (version: string): number[] => version.split(/[.-]/).slice(0, 3).map(Number);

const isAtLeast = (version: string, floor: string): boolean => {
	const [have, need] = [parts(version), parts(floor)];
	const at = have.findIndex((number, i) => number !== need[i]);
	return at === -1 || (have[at] as number) > (need[at] as number);
};

test("no package is older than its floor, wherever it is installed", () => {
	const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
		packages: Record<string, { version: string; resolved?: string }>;
	};
	for (const [name, floor] of Object.entries(floors)) {
		const installed = Object.entries(packages).filter(
			([path]) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`),
		);
		assert.ok(installed.length > 0, `${name} is not installed any more: take its floor away`);
		for (const [path, { version }] of installed)
			assert.ok(isAtLeast(version, floor), `${path} is ${version}, less than ${floor}`);
	}
	for (const [path, { resolved }] of Object.entries(packages))
		assert.equal(resolved, undefined, `${path} names where it was got from`);
	assert.ok(!isAtLeast("8.3.9", "8.4.0") && isAtLeast("10.0.0", "9.9.9"));
});
