import type { Caller } from "../../../kernel/contract.ts";
import type { Contracts } from "../../../kernel/contracts.ts";
import { PayableOwner } from "./owner.ts";
import { Purchases } from "./purchases.ts";
import { Reconciler } from "./reconciler.ts";
import { Refunds } from "./refunds.ts";
import { Till, type TillNeeds } from "./till.ts";

export interface DeskNeeds extends TillNeeds {
	/** The request, so that nested calls carry its token and seed, or the mesh itself. */
	mesh: Caller;
	contracts: Contracts;
	/** How long after its capture a buyer may ask for a refund, days. */
	windowDays: number;
}

/** All that is done to payments, for one cause. */
export interface Desk {
	till: Till;
	refunds: Refunds;
	owner: PayableOwner;
	purchases: Purchases;
	reconciler: Reconciler;
}

export function deskOf(needs: DeskNeeds): Desk {
	const owner = new PayableOwner(needs.mesh, needs.contracts);
	const till = new Till(needs);
	const refunds = new Refunds({ ...needs, till, owner });
	return {
		till,
		refunds,
		owner,
		purchases: new Purchases({ payments: needs.payments, till, owner }),
		reconciler: new Reconciler({ ...needs, till, refunds }),
	};
}
