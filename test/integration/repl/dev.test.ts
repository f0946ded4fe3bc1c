import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "../../support/node.ts";

const waitMs = 60_000;

/** Stands for the product: says how it was started and what is typed, and drains before it ends. */
const product = `
import { setTimeout as pause } from "node:timers/promises";
import { word } from "./kernel/word.ts";
process.stdin.setEncoding("utf8").on("data", text => {
	if (text.trim() === "exit") process.exit(0);
	if (text.trim() === "crash") process.exit(3);
	console.log(\`typed \${text.trim()}\`);
});
setTimeout(() => process.exit(9), 60_000);
let isDraining = false;
process.on("SIGTERM", async () => {
	if (isDraining) process.exit(1);
	isDraining = true;
	console.log("draining");
	await pause(400);
	console.log("drained");
	process.exit(0);
});
console.log(\`up \${word} \${process.argv.slice(2)}\`);
`;

/** `npm run dev` on a product in a directory of its own. */
async function dev(t: TestContext, stdin: "pipe" | "ignore" = "pipe") {
	const dir = await mkdtemp(path.join(tmpdir(), "zeolite-dev-"));
	await mkdir(path.join(dir, "kernel"));
	const word = path.join(dir, "kernel", "word.ts");
	await writeFile(path.join(dir, "package.json"), '{"type": "module"}');
	await writeFile(path.join(dir, "start.ts"), product);
	await writeFile(word, 'export const word = "one";\n');
	const child = spawn(process.execPath, [path.join(root, "scripts/dev.ts")], {
		cwd: dir,
		stdio: [stdin, "pipe", "pipe"],
	});
	let shown = "";
	for (const stream of [child.stdout, child.stderr])
		stream?.setEncoding("utf8").on("data", (text: string) => {
			shown += text;
		});
	t.after(async () => {
		if (child.exitCode === null && child.signalCode === null) {
			child.kill("SIGTERM");
			const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
			await once(child, "exit");
			clearTimeout(late);
		}
		await rm(dir, { recursive: true, force: true });
	});
	return {
		dir,
		word,
		type: (line: string) => child.stdin?.write(`${line}\n`),
		end: (signal: NodeJS.Signals) => child.kill(signal),
		/** Waits until it has shown this, and forgets all up to there. */
		async shows(expected: RegExp) {
			for (let waited = 0; waited < waitMs; waited += 10) {
				const found = expected.exec(shown);
				if (found) {
					const before = shown.slice(0, found.index);
					shown = shown.slice(found.index + found[0].length);
					return before;
				}
				await pause(10);
			}
			throw new Error(`it never showed ${expected}, but\n${shown}`);
		},
		async exit(): Promise<number | null> {
			if (child.exitCode === null) await once(child, "exit");
			return child.exitCode;
		},
	};
}

test("a change starts it again once the old one has drained, and the input is the new one's", async t => {
	const { word, type, shows, exit } = await dev(t);
	await shows(/up one --repl\n/);
	type("hello");
	await shows(/typed hello\n/);
	await writeFile(word, 'export const word = "two";\n');
	const before = await shows(/up two --repl\n/);
	assert.match(before, /kernel\/word\.ts has changed\n(.*\n)*drained\n$/);
	type("again");
	await shows(/typed again\n/);
	type("exit");
	assert.equal(await exit(), 0);
});

test("several changes at once start it again once", async t => {
	const { dir, word, type, shows } = await dev(t);
	await shows(/up one/);
	await Promise.all([
		writeFile(word, 'export const word = "two";\n'),
		writeFile(path.join(dir, "kernel", "new.ts"), ""),
		appendFile(path.join(dir, "start.ts"), "\n"),
	]);
	await shows(/up two/);
	await pause(500);
	type("still");
	assert.doesNotMatch(await shows(/typed still\n/), /up/);
});

test("a new folder is seen, and what is no source is not", async t => {
	const { dir, shows } = await dev(t);
	await shows(/up one/);
	await writeFile(path.join(dir, "kernel", "notes.txt"), "");
	await mkdir(path.join(dir, "kernel", "facts"));
	// The folder is watched from a moment on that nobody tells.
	const made = path.join(dir, "kernel", "facts", "new.ts");
	const making = setInterval(() => void writeFile(made, "").catch(() => {}), 300);
	t.after(() => clearInterval(making));
	const before = await shows(/up one/);
	clearInterval(making);
	assert.match(before, /kernel\/facts\/new\.ts has changed/);
	assert.doesNotMatch(before, /notes/);
});

test("one that breaks is left until a change mends it", async t => {
	const { word, type, shows } = await dev(t);
	await shows(/up one/);
	await writeFile(word, "export const word = ;\n");
	await shows(/It ended \(1\)/);
	await writeFile(word, 'export const word = "mended";\n');
	await shows(/up mended/);
	type("crash");
	await shows(/It ended \(3\); it starts again when a source changes/);
	await writeFile(word, 'export const word = "three";\n');
	await shows(/up three/);
});

test("a change while the old one drains does not cut that short", async t => {
	const { word, shows } = await dev(t);
	await shows(/up one/);
	await writeFile(word, 'export const word = "two";\n');
	await shows(/draining\n/);
	await writeFile(word, 'export const word = "three";\n');
	assert.match(await shows(/up three/), /drained\n$/);
});

test("ending it while the product starts ends both", async t => {
	const { word, shows, end, exit } = await dev(t);
	await shows(/up one/);
	await writeFile(
		word,
		'console.log("starting"); await new Promise(done => setTimeout(done, 60_000)); export const word = "";\n',
	);
	await shows(/starting\n/);
	end("SIGTERM");
	assert.equal(await exit(), 0);
});

test("ending it drains the product first", async t => {
	const { shows, end, exit } = await dev(t);
	await shows(/up one/);
	end("SIGTERM");
	await shows(/draining\n(.*\n)*drained/);
	assert.equal(await exit(), 0);
});

test("without an input there is no prompt", async t => {
	const { shows } = await dev(t, "ignore");
	await shows(/up one \n/);
});
