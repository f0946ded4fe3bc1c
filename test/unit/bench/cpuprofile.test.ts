import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readProfile } from "../../../bench/harness/cpuprofile.ts";

const frame = (id: number, functionName: string, url: string, children: number[] = []) => ({
	id,
	callFrame: { functionName, url, lineNumber: 9 },
	children,
});

const modules = "file:///srv/app/node_modules";
const profile = {
	nodes: [
		frame(1, "(root)", "", [2, 3, 4, 6, 8]),
		frame(2, "(idle)", ""),
		frame(3, "(garbage collector)", ""),
		frame(4, "publish", `${modules}/nats/lib/protocol.js`, [5]),
		frame(5, "writev", ""),
		frame(6, "end", "node:_http_outgoing", [7]),
		frame(7, "writeLatin1String", ""),
		frame(8, "verify", "file:///srv/app/kernel/tokens.ts", [9]),
		frame(9, "get", ""),
	],
	samples: [2, 3, 5, 7, 8, 9, 4, 2],
	timeDeltas: [0, 1_000, 20, 300, 40, 5, 6, 7],
};

test("a profile by part: a socket write is its caller's, what has no source is whoever called it, idle is nobody's", t => {
	const dir = mkdtempSync(join(tmpdir(), "zeolite-"));
	t.after(() => rmSync(dir, { recursive: true }));
	const file = join(dir, "x.cpuprofile");
	writeFileSync(file, JSON.stringify(profile));
	const { groups, functions } = readProfile(file);
	assert.deepEqual(groups, [
		{ name: "socket write: NATS", micros: 300 },
		{ name: "socket write: HTTP", micros: 40 },
		{ name: "garbage collection", micros: 20 },
		{ name: "own: kernel", micros: 11 },
		{ name: "nats.js", micros: 7 },
	]);
	assert.deepEqual(
		functions.map(({ name }) => name),
		[
			"writev",
			"writeLatin1String",
			"(garbage collector)",
			"publish nats/lib/protocol.js:10",
			"get",
			"verify kernel/tokens.ts:10",
		],
	);
});
