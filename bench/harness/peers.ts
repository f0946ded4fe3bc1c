import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

const folder = join(import.meta.dirname, "..", "peers");
const built = join(folder, "node_modules", ".bench");

/** Where a program of `bench/peers/src` is once it is built. */
export const peer = (...path: string[]): string => join(built, ...path);

const modifiedAt = (file: string): number =>
	statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The root's packages must not be what npm and tsc of the peers find. */
const path = (process.env.PATH ?? "")
	.split(delimiter)
	.filter(part => !/node_modules[\\/]\.bin[\\/]?$/.test(part))
	.join(delimiter);

function run(program: string, args: string[]): void {
	const result = spawnSync(program, args, {
		cwd: folder,
		env: { ...process.env, PATH: path },
		stdio: ["ignore", "inherit", "inherit"],
	});
	if (result.status !== 0)
		throw new Error(
			`${program} ${args[0]} failed in bench/peers: ${result.error ?? result.status}`,
		);
}

/** Installs what the peers need, by their own lockfile, and builds them: where that is missing or older than its sources. */
export function bringPeers(say: (line: string) => void): void {
	const lock = join(folder, "package-lock.json");
	if (modifiedAt(join(folder, "node_modules", ".package-lock.json")) < modifiedAt(lock)) {
		say("installing the peers (npm ci in bench/peers)");
		run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
	}
	const sources = [...globSync("src/**/*.ts", { cwd: folder }), "tsconfig.json"];
	const newest = Math.max(...sources.map(source => modifiedAt(join(folder, source))));
	if (modifiedAt(peer("nest", "gateway.js")) >= newest) return;
	say("building the peers (tsc)");
	run(process.execPath, [join(folder, "node_modules", "typescript", "bin", "tsc"), "-p", "."]);
}
