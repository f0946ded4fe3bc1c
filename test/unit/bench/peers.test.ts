import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..", "..");
const read = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), "utf8"));

interface Lock {
	packages: Record<string, { resolved?: string; hasInstallScript?: boolean }>;
}

test("the peers' lockfile names no host, and nothing of it runs when it is installed", () => {
	const { packages } = read("bench", "peers", "package-lock.json") as Lock;
	for (const [path, { resolved, hasInstallScript }] of Object.entries(packages)) {
		assert.equal(resolved, undefined, `${path} names where it was got from`);
		assert.ok(!hasInstallScript, `${path} has an install script`);
	}
});

test("what the peers and the product both use is of the same version, and every version is exact", () => {
	const { dependencies: product } = read("package.json");
	const { dependencies, devDependencies } = read("bench", "peers", "package.json");
	const same = ["nats", "moleculer", "moleculer-web", "jsonwebtoken", "prom-client"];
	for (const name of [...same, "rate-limiter-flexible"])
		assert.equal(dependencies[name], product[name], name);
	for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
		assert.match(version as string, /^\d+\.\d+\.\d+$/, name);
});
