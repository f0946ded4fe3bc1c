import type { Stage } from "./stage.ts";

const answerMs = 5_000;

/** A process's `/metrics`: values by name with labels, as they stand there. */
export async function metricsOf(url: string): Promise<Map<string, number>> {
	const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(answerMs) });
	const lines = (await answer.text()).split("\n").filter(line => line && !line.startsWith("#"));
	return new Map(
		lines.map(line => {
			const at = line.lastIndexOf(" ");
			return [line.slice(0, at), Number(line.slice(at + 1))];
		}),
	);
}

/** What a process holds on to. */
export interface Held {
	/** Calls to other nodes that wait for their answer. */
	pending: number;
	handles: number;
	/** Resident, MB. */
	memory: number;
}

/** What each process holds now, by its name. */
export async function heldBy(stage: Stage): Promise<Map<string, Held>> {
	const parts = [...stage.parts.values()];
	return new Map(
		await Promise.all(
			parts.map(async ({ name, url }): Promise<[string, Held]> => {
				const metrics = await metricsOf(url);
				return [
					name,
					{
						pending: metrics.get("moleculer_transit_requests_active") ?? Number.NaN,
						handles: metrics.get("nodejs_active_handles_total") ?? Number.NaN,
						memory: Math.round((metrics.get("process_resident_memory_bytes") ?? 0) / 1e6),
					},
				];
			}),
		),
	);
}
