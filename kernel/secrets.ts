import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Whether two secrets are the same, in a time that tells neither their length nor where they differ. */
export const isSameSecret = (a: string, b: string): boolean =>
	timingSafeEqual(digest(a), digest(b));

/**
 * Reads a secret kept in `dataDir`, or makes it once (32 random bytes, hex), readable by its owner alone.
 */
export function keptSecret(
	dataDir: string,
	name: string,
	make = () => randomBytes(32).toString("hex"),
): string {
	const file = join(dataDir, name);
	mkdirSync(dataDir, { recursive: true, mode: 0o700 });
	try {
		writeFileSync(file, make(), { mode: 0o600, flag: "wx" });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
	}
	return readFileSync(file, "utf8");
}
