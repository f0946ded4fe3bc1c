import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "../../support/node.ts";
import { areHere } from "../../support/servers.ts";

const endMs = 30_000;

interface Bench {
	child: ChildProcess;
	printed(): string;
}

function startBench(): Bench {
	const child = spawn(
		process.execPath,
		[join(root, "bench", "bench.ts"), "gateway", "--small", "--seed", "7"],
		{ stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NATS_URL: "" } },
	);
	let printed = "";
	for (const stream of [child.stdout, child.stderr])
		stream?.setEncoding("utf8").on("data", (text: string) => {
			printed += text;
		});
	return { child, printed: () => printed };
}

/** Processes that a bench started and that are still there. */
const leftBy = ({ pid }: ChildProcess): string[] =>
	readdirSync("/proc").filter(id => {
		if (!/^\d+$/.test(id)) return false;
		try {
			const environment = readFileSync(`/proc/${id}/environ`, "utf8");
			return new RegExp(`NAMESPACE=bench-[\\w-]+-${pid}\\0`).test(environment);
		} catch {
			return false;
		}
	});

/** @throws AssertionError where a process is left after a while */
async function assertNothingLeft(child: ChildProcess): Promise<void> {
	const giveUpAt = Date.now() + endMs;
	while (leftBy(child).length > 0 && Date.now() < giveUpAt) await pause(50);
	assert.deepEqual(leftBy(child), []);
}

if (process.platform === "linux" && (await areHere("nats"))) {
	test("the gateway bench at its smallest: every request answered as it should be, every process gone", async () => {
		const { child, printed } = startBench();
		const [code] = await once(child, "exit");
		assert.equal(code, 0, printed());
		const rows = printed().match(/^\| (?:Zeolite|Bare node:http) \|.*$/gm) ?? [];
		assert.equal(rows.length, 4, printed());
		for (const row of rows) assert.match(row, /\| 200 \|.*\| 0 \|$/);
		await assertNothingLeft(child);
	});

	test("interrupted, it takes with it what it has started", async () => {
		const { child, printed } = startBench();
		while (leftBy(child).length === 0 && child.exitCode === null) await pause(20);
		child.kill("SIGINT");
		const [code] = await once(child, "exit");
		assert.equal(code, 130, printed());
		await assertNothingLeft(child);
	});
}
