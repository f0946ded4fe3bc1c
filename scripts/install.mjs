// Runs before `npm start` and `npm test`, on whatever Node (20 or newer) the machine has: it makes
// a fresh clone runnable. Plain JavaScript, because that Node may not strip types.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const NODE_WANTED = 24;
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, "node_modules");
const onWindows = process.platform === "win32";

const modifiedAt = file => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const major = version => Number.parseInt(version.replace(/^v/, ""), 10) || 0;

/** npm puts node_modules/.bin first on the path; npm ci must not run on a Node it is removing. */
function pathWithoutModules() {
	const parts = (process.env.PATH ?? "").split(path.delimiter);
	return parts
		.filter(part => !/[\\/]node_modules[\\/]\.bin[\\/]?$/.test(part))
		.join(path.delimiter);
}

function run(program, args, PATH, stdio) {
	return spawnSync(program, args, {
		cwd: root,
		env: { ...process.env, PATH },
		shell: onWindows,
		stdio,
		encoding: "utf8",
	});
}

function fail(message) {
	console.error(message);
	process.exit(1);
}

function install() {
	const startedAt = Date.now();
	process.stdout.write("Installing packages (npm ci --include=dev) ... ");
	const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
	const result = run("npm", args, pathWithoutModules(), ["ignore", "ignore", "inherit"]);
	if (result.status !== 0) {
		const reason = result.error?.message ?? result.signal ?? `exit ${result.status}`;
		fail(`failed (${reason}). Nothing was started; run the same command again once it is mended.`);
	}
	console.log(`done in ${Math.ceil((Date.now() - startedAt) / 1000)} s`);
}

/** The version of the `node` that npm starts its next script with. */
function nextNode() {
	const PATH = [path.join(modules, ".bin"), process.env.PATH ?? ""].join(path.delimiter);
	return run("node", ["--version"], PATH, "pipe").stdout?.trim() || process.version;
}

const lockedAt = modifiedAt(path.join(root, "package-lock.json"));
if (modifiedAt(path.join(modules, ".package-lock.json")) < lockedAt) install();

if (major(process.version) < NODE_WANTED) {
	const version = nextNode();
	if (major(version) < NODE_WANTED)
		fail(
			`Zeolite needs Node ${NODE_WANTED} or newer and this is ${version}: the "node" package that ` +
				`brings it is not complete. Run "npm rebuild node", or install Node ${NODE_WANTED}.`,
		);
}
