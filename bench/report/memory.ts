import { quartiles } from "../harness/stats.ts";
import type { MemoryResult } from "../modes/memory.ts";
import { spread, type Table } from "./format.ts";

/** The figures of a run. */
export function memoryTables({ variants, slices }: MemoryResult): Table[] {
	const rows = variants.flatMap(({ id, title }) =>
		(["service", "gateway"] as const).map(process => {
			const own = slices.filter(s => s.variant === id && s.process === process);
			const name = process === "service" ? "a node with one service" : "a gateway";
			return [
				`${title}, ${name}`,
				spread(quartiles(own.map(s => s.residentMb))),
				spread(quartiles(own.map(s => s.shareMb))),
			];
		}),
	);
	return [{ head: ["Idle", "resident, MB", "without what is shared, MB"], rows }];
}
