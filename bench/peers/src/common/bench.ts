import { readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";

const dir = process.env.BENCH_DIR ?? "";
const sampleMicros = 500;

export interface Course {
	id: string;
}

export interface Rating {
	courseId: string;
	userId: string;
	stars: number;
	text: string;
}

/** The courses of the bench by their ids. */
export const loadCourses = (): Map<string, Course> =>
	new Map(
		(JSON.parse(readFileSync(join(dir, "courses.json"), "utf8")) as Course[]).map(course => [
			course.id,
			course,
		]),
	);

/** The key that tokens are verified with, PEM. */
export const publicKey = (): string => readFileSync(join(dir, "key.pem"), "utf8");

/** Says that this process is ready; it ends with the bench, and profiles itself when asked to. */
export function isReady(): void {
	const session = new Session();
	process.on("disconnect", () => process.exit());
	process.on("message", async (asked: { profile: "start" | "stop"; file: string }) => {
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
