import type { Caller } from "../../../kernel/contract.ts";
import type { Contracts } from "../../../kernel/contracts.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Around } from "./explain.ts";

/** What consumers and the ledger say of a payment; whoever is away is shown to be. */
export async function around(
	payment: PaymentDoc,
	mesh: Caller,
	contracts: Contracts,
	running: ReadonlySet<string>,
): Promise<Omit<Around, "events">> {
	const told = Object.values(payment.log).flatMap(({ facts = {} }) =>
		Object.entries(facts).map(([name, id]) => ({ name: name.replaceAll("/", "."), id })),
	);
	const asked = new Map<string, string[]>();
	for (const { name, id } of told)
		for (const group of contracts.consumersOf(name).filter(group => running.has(group)))
			asked.set(group, [...(asked.get(group) ?? []), id]);
	const receipts = new Map<string, Record<string, string | null>>();
	for (const [group, ids] of asked) {
		const states = await mesh
			.call(`${group}.facts.receipts` as never, { ids } as never)
			.then(answer => answer as Record<string, string>)
			.catch(() => null);
		for (const id of ids)
			receipts.set(id, {
				...receipts.get(id),
				[group]: states ? (states[id] ?? "has not met it yet") : null,
			});
	}
	const transfers = await mesh
		.call("ledger.entries", { subjectId: payment.id })
		.then(({ items }) => items)
		.catch(() => null);
	return { receipts, transfers };
}
