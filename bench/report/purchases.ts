import { quartiles } from "../harness/stats.ts";
import type { PurchaseSlice, PurchasesResult } from "../modes/purchases.ts";
import { figure, spread, type Table } from "./format.ts";

/** The figures of a run. */
export function purchasesTables(result: PurchasesResult): Table[] {
	const { startsMs, idleMb, purchases, buyers, slices } = result;
	const of = (mode: PurchaseSlice["mode"], value: (slice: PurchaseSlice) => number) =>
		spread(quartiles(slices.filter(slice => slice.mode === mode).map(value)));
	const row = (title: string, value: (slice: PurchaseSlice) => number) => [
		title,
		of("embedded", value),
		of("mesh", value),
	];
	return [
		{
			head: [`${purchases} purchases by ${buyers} buyers`, "embedded", "mesh"],
			rows: [
				row("purchases per second", slice => slice.perSecond),
				row("one purchase, median ms", slice => slice.medianMs),
				row("one purchase, p99 ms", slice => slice.p99Ms),
				["start-up to the first answer, ms", spread(quartiles(startsMs)), ""],
				["idle, resident MB", figure(idleMb), ""],
			],
		},
	];
}
