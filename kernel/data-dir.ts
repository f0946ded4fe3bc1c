import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a process that keeps files on disk keeps them; in the system's temporary directory where it keeps nothing. */
export const filesDir = (dataDir: string): string =>
	dataDir === ":memory:" ? join(tmpdir(), `zeolite-files-${process.pid}`) : join(dataDir, "files");

const isAlive = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
};

/**
 * Keeps a second process out of the embedded store: two would write over each other.
 * @throws Error naming the process that has it.
 */
export function lockDataDir(dataDir: string): void {
	const file = join(dataDir, "pid");
	mkdirSync(dataDir, { recursive: true, mode: 0o700 });
	for (;;)
		try {
			writeFileSync(file, String(process.pid), { flag: "wx" });
			process.once("exit", () => rmSync(file, { force: true }));
			return;
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
			const owner = Number(readFileSync(file, "utf8"));
			if (owner !== process.pid && isAlive(owner))
				throw new Error(`The process ${owner} has ${dataDir}: stop it, or choose another DATA_DIR`);
			rmSync(file, { force: true });
		}
}
