import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { publishCourse } from "../support/journey.ts";
import { root } from "../support/node.ts";
import { startEmbedded } from "../support/process.ts";

const secret = "a-secret-for-tests-0123456789abcdef";
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The first code block of a language after the heading. */
const sample = (language: string): string => {
	const section = readme.slice(readme.indexOf("## Other systems' servers"));
	return new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(section)?.[1] ?? "";
};

const clients = [
	{
		language: "js",
		command: process.execPath,
		file: "client.mjs",
		ask: (target: string) => `\nconsole.log(JSON.stringify(await call("GET", "${target}")));\n`,
	},
	{
		language: "python",
		command: "python3",
		file: "client.py",
		ask: (target: string) => `\nprint(json.dumps(call("GET", "${target}")))\n`,
	},
];

test("the README's clients of other systems' servers work as written", async t => {
	const { url } = await startEmbedded(t, { SERVICE_SECRET_KEY: secret });
	const { courseId } = await publishCourse(url);
	const folder = mkdtempSync(join(tmpdir(), "zeolite-clients-"));
	for (const { language, command, file, ask } of clients)
		await t.test(language, () => {
			const text = sample(language);
			assert.ok(text.includes("x-service-signature"), "the README has no such client");
			assert.ok(text.trim().split("\n").length <= 24, "it is no small sample any more");
			const path = join(folder, file);
			writeFileSync(path, text + ask(`/api/courses/internal/${courseId}`));
			const run = (key: string) =>
				spawnSync(command, [path], {
					env: { ...process.env, ZEOLITE_URL: url, SERVICE_SECRET_KEY: key },
					encoding: "utf8",
					timeout: 60_000,
				});
			const right = run(secret);
			assert.equal(right.status, 0, right.stderr);
			assert.equal(JSON.parse(right.stdout).id, courseId);
			const wrong = run("another secret");
			assert.notEqual(wrong.status, 0);
			assert.match(wrong.stderr, /401/);
		});
});
