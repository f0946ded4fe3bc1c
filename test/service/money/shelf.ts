import type { Fact } from "../../../kernel/contract.ts";

/** What the test's own service sells and saw; it runs in the test's process. */
export const shelf = {
	priceMinor: 9_999,
	currency: "USD",
	/** Nothing is handed out for the time being. */
	closed: false,
	owners: new Set<string>(),
	handedOut: new Set<string>(),
	captured: [] as Fact<"payment.captured">[],
	failed: [] as Fact<"payment.failed">[],
};

export const emptyShelf = (): void => {
	Object.assign(shelf, { priceMinor: 9_999, currency: "USD", closed: false });
	for (const set of [shelf.owners, shelf.handedOut]) set.clear();
	for (const list of [shelf.captured, shelf.failed]) list.length = 0;
};
