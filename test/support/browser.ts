import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { MISSING } from "./servers.ts";

function chromiumPath(): string | null {
	for (const name of ["chromium", "chromium-browser", "google-chrome"])
		try {
			return execFileSync("which", [name], {
				encoding: "utf8",
				stdio: ["ignore", "pipe", "ignore"],
			}).trim();
		} catch {}
	return null;
}

/** Headless Chromium from the path; null, with a test that says so, where there is none. */
export async function openBrowser(suite: string): Promise<Browser | null> {
	const executablePath = chromiumPath();
	if (executablePath)
		return chromium.launch({
			executablePath,
			args: [
				"--no-sandbox",
				"--disable-gpu",
				"--disable-background-networking",
				"--disable-component-update",
				"--disable-sync",
			],
		});
	const title = `${MISSING}${suite} needs chromium, which this brings: apt-get install chromium`;
	if (process.env.CI)
		test(title, () => {
			throw new Error("with CI set no suite may be skipped for a missing server");
		});
	else test(title, { skip: true });
	return null;
}
