import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

const sampleMicros = 500;

/** What the bench asks of a process that it measures. */
export type Asked = { profile: "start" } | { profile: "stop"; file: string };

/** Says that this process is ready; it ends with the bench, and profiles itself when asked to. */
export function isReady(): void {
	const session = new Session();
	process.on("disconnect", () => process.exit());
	process.on("message", async (asked: Asked) => {
		if (asked.profile === "start") {
			session.connect();
			await session.post("Profiler.enable");
			await session.post("Profiler.setSamplingInterval", { interval: sampleMicros });
			await session.post("Profiler.start");
		} else {
			const { profile } = await session.post("Profiler.stop");
			session.disconnect();
			writeFileSync(asked.file, JSON.stringify(profile));
		}
		process.send?.("done");
	});
	process.send?.("ready");
}
