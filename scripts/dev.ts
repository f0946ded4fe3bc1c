// npm run dev: start.ts with its prompt, started again whenever a source changes.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, fstatSync, watch } from "node:fs";
import { isatty } from "node:tty";

const folders = ["kernel", "mixins", "models", "services"];
const settleMs = 100;
const source = /\.ts$|^\.env$/;

const say = (text: string) => process.stderr.write(`${text}\n`);

/** A prompt on /dev/null would end with it at once. */
const prompts = isatty(0) || fstatSync(0).isFIFO() || fstatSync(0).isSocket();

let node: ChildProcess | undefined;
let leaving = false;
let changed: string | undefined;
let settling: NodeJS.Timeout | undefined;

/** The node has the terminal to itself: this process never reads its own input. */
function start(): void {
	changed = undefined;
	node = spawn(process.execPath, ["start.ts", ...(prompts ? ["--repl"] : [])], {
		stdio: "inherit",
	});
	node.once("exit", (code, signal) => {
		node = undefined;
		if (leaving || (code === 0 && !changed)) process.exit(code ?? 0);
		if (changed) start();
		else say(`It ended (${code ?? signal}); it starts again when a source changes`);
	});
}

/** Starts again once the last of several changes is a moment old, and not before the old node has let go. */
function restart(file: string): void {
	if (!source.test(file)) return;
	clearTimeout(settling);
	settling = setTimeout(() => {
		// It is draining for an earlier change already.
		if (changed) return;
		say(`\n${file} has changed`);
		changed = file;
		if (node) node.kill("SIGTERM");
		else start();
	}, settleMs);
}

for (const folder of folders)
	if (existsSync(folder))
		watch(folder, { recursive: true }, (_, file) => restart(`${folder}/${file}`));
watch(".", (_, file) => restart(file ?? ""));

for (const signal of ["SIGINT", "SIGTERM"] as const)
	process.on(signal, () => {
		leaving = true;
		if (!node) process.exit(0);
		// Ctrl+C reaches the node by itself, and a second signal would end it before it has drained.
		if (signal === "SIGTERM" || !isatty(0)) node.kill(signal);
	});
start();
