import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../support/node.ts";
import type { Defect, Run } from "../drill.ts";

const copied = [
	"kernel",
	"mixins",
	"models",
	"services",
	"deploy",
	"start.ts",
	"moleculer.config.ts",
	"package.json",
	"tsconfig.json",
];

/** A private copy of the product's sources, gone at the run's end. @param defects planted there. */
export function sourcesWith(run: Pick<Run, "after">, ...defects: readonly Defect[]): string {
	const dir = mkdtempSync(join(tmpdir(), "zeolite-planted-"));
	run.after(() => rmSync(dir, { recursive: true, force: true }));
	for (const name of copied) cpSync(join(root, name), join(dir, name), { recursive: true });
	symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
	for (const defect of defects) plant(dir, defect);
	return dir;
}

/** @throws Error where the text is not there exactly once. */
export function plant(dir: string, { file, from, to }: Pick<Defect, "file" | "from" | "to">): void {
	const path = join(dir, file);
	const parts = readFileSync(path, "utf8").split(from);
	if (parts.length !== 2)
		throw new Error(`${file} has ${JSON.stringify(from)} ${parts.length - 1} times, not once`);
	writeFileSync(path, parts.join(to));
}
