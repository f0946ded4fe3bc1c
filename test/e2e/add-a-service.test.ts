import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { send } from "../support/http.ts";
import { publishCourse } from "../support/journey.ts";
import { root } from "../support/node.ts";
import { startEmbedded } from "../support/process.ts";

/** The files that `docs/add-a-service.md` shows: path → text. */
function shown(): [path: string, text: string][] {
	const guide = readFileSync(join(root, "docs/add-a-service.md"), "utf8");
	return [...guide.matchAll(/`((?:models|services)\/[^`\s]+\.ts)`[^`]*```ts\n([\s\S]*?)```/g)].map(
		match => [match[1] as string, match[2] as string],
	);
}

/** A copy of the sources that git knows, with the installed packages. */
function copyOfProject(): string {
	const copy = mkdtempSync(join(tmpdir(), "zeolite-copy-"));
	const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
		cwd: root,
		encoding: "utf8",
	});
	for (const file of files.split("\n").filter(Boolean))
		cpSync(join(root, file), join(copy, file), { force: true });
	symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
	return copy;
}

test("following docs/add-a-service.md adds a service: one folder and its model", async t => {
	const files = shown();
	assert.deepEqual(
		files.map(([path]) => path),
		[
			"models/learning/bookmark.model.ts",
			"services/learning/bookmarks/bookmarks.contract.ts",
			"services/learning/bookmarks/bookmarks.service.ts",
		],
	);
	const copy = copyOfProject();
	t.after(() => rmSync(copy, { recursive: true }));
	for (const [path, text] of files) {
		mkdirSync(dirname(join(copy, path)), { recursive: true });
		writeFileSync(join(copy, path), text);
	}
	const run = (...args: string[]) =>
		spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8" });
	const types = run("node_modules/typescript/bin/tsc");
	assert.equal(types.status, 0, types.stdout);
	const walls = run("scripts/walls.ts");
	assert.equal(walls.status, 0, walls.stderr);

	const product = await startEmbedded(t, {}, copy);
	const { teacher, courseId } = await publishCourse(product.url);
	const add = () =>
		send(product.url, "POST", "/api/bookmarks", { token: teacher.token, body: { courseId } });
	const [first, second] = [await add(), await add()];
	assert.deepEqual([first.status, second.status], [201, 200], JSON.stringify(first.body));
	assert.equal(second.body.id, first.body.id);
	const mine = await send(product.url, "GET", "/api/bookmarks", { token: teacher.token });
	assert.deepEqual(mine.body.items, [first.body]);
	const unknown = await send(product.url, "POST", "/api/bookmarks", {
		token: teacher.token,
		body: { courseId: "crs_unknown" },
	});
	assert.equal(unknown.body.code, "COURSE_NOT_FOUND");
	const { body } = await send(product.url, "GET", "/openapi.json");
	assert.ok(body.paths["/api/bookmarks"].post);
});
