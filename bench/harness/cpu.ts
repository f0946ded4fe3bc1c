import { readdirSync, readFileSync } from "node:fs";

/**
 * How long a process has run on a CPU, all of its threads that live, µs: the scheduler's own count (Linux,
 * `/proc/<pid>/task/<tid>/schedstat`, first field, ns).
 * @throws Error where the process is gone, or the system has no such count
 */
export function cpuMicros(pid: number): number {
	let nanoseconds = 0;
	for (const thread of readdirSync(`/proc/${pid}/task`)) {
		const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
		nanoseconds += Number(text.slice(0, text.indexOf(" ")));
	}
	return nanoseconds / 1_000;
}

/** Memory of a process, MB: resident, and its fair share of pages that processes have in common (`smaps_rollup`). */
export function memoryOf(pid: number): { residentMb: number; shareMb: number } {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
	const mb = (field: string) =>
		Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1_024;
	return { residentMb: mb("Rss"), shareMb: mb("Pss") };
}
