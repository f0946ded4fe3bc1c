import assert from "node:assert/strict";
import { backOffMs, type Consumer } from "../../kernel/facts/consumer.ts";
import type { StoredFact } from "../../kernel/facts/contract.ts";
import { newId } from "../../kernel/ids.ts";
import type { Node } from "../../kernel/node.ts";

interface Ledger {
	consumer: Consumer;
	transfers: { insert(...args: unknown[]): Promise<unknown> };
}

export interface Parked {
	fact: StoredFact;
	/** Whatever kept the ledger from booking it is over. */
	mend(): void;
}

/**
 * A captured payment that the ledger of this node tried eight times to book and gave up.
 * @param reason what the ledger's store says each time. @param forward moves the node's clock by ms.
 */
export async function parkCapture(
	{ broker }: Pick<Node, "broker">,
	forward: (ms: number) => void,
	reason: string,
): Promise<Parked> {
	const { consumer, transfers } = broker.getLocalService("ledger") as unknown as Ledger;
	const paymentId = newId("pay");
	const fact: StoredFact = {
		id: newId("fct"),
		name: "payment.captured",
		v: 1,
		subjectId: paymentId,
		at: new Date().toISOString(),
		data: {
			paymentId,
			userId: newId("usr"),
			payable: { kind: "course", id: newId("crs") },
			amountMinor: 9_999,
			currency: "USD",
			provider: "sandbox",
		},
	};
	const { insert } = transfers;
	transfers.insert = () => Promise.reject(new Error(reason));
	for (let tries = 1; tries <= 8; tries++) {
		const { done } = await consumer.receive(fact);
		assert.equal(done, tries === 8, `try ${tries}`);
		forward(backOffMs(tries));
	}
	return {
		fact,
		mend() {
			transfers.insert = insert;
		},
	};
}
