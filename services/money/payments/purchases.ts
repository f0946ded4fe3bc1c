import { invalidField, problem } from "../../../kernel/errors.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Order } from "./order.ts";
import type { PayableOwner } from "./owner.ts";
import { payments as contract, type Payable, type Quote } from "./payments.contract.ts";
import { isPrice } from "./price.ts";
import { payableKeyOf, type Till } from "./till.ts";

export interface PurchasesNeeds {
	payments: Collection<PaymentDoc>;
	till: Till;
	owner: PayableOwner;
}

/** From what a client wants to pay for to a payment of what that costs. */
export class Purchases {
	readonly #needs: PurchasesNeeds;

	constructor(needs: PurchasesNeeds) {
		this.#needs = needs;
	}

	/**
	 * The payment for an order: made, or the one that is there. One of this id was made by the same request before it
	 * was cut off.
	 * @throws AMOUNT_MISMATCH, VALIDATION_ERROR, what the owner throws (ALREADY_ENROLLED), SERVICE_UNAVAILABLE
	 */
	async create(
		order: Order & { id: string; provider: string },
	): Promise<{ payment: PaymentDoc; made: boolean }> {
		const { payments, till } = this.#needs;
		const { id, userId, payable, method, provider } = order;
		const before = await payments.findOne({ id, userId });
		if (before) return { payment: await till.open(before), made: true };
		const quote = await this.#quote(order);
		const paid = await this.#paidAlready(userId, payable);
		if (paid) return { payment: paid, made: false };
		return till.create({ id, userId, payable, method, provider, quote });
	}

	async #quote({ payable, userId, amount, currency }: Order): Promise<Quote> {
		const quote = await this.#needs.owner.quote(payable, userId);
		if (!quote)
			throw invalidField("/payable/kind", "UNKNOWN", `nothing is sold as ${payable.kind}`);
		if (!isPrice(quote, amount, currency))
			throw problem(contract, "AMOUNT_MISMATCH", {
				amount: toMajor(quote.amountMinor, quote.currency),
				amountMinor: quote.amountMinor,
				currency: quote.currency,
			});
		return quote;
	}

	/** One that is captured and has not led to anything yet: buying again would pay twice. */
	async #paidAlready(userId: string, payable: Payable): Promise<PaymentDoc | null> {
		const payableKey = payableKeyOf(userId, payable);
		const [last] = await this.#needs.payments.find(
			{ payableKey, status: "captured" },
			{ sort: { createdAt: -1 }, limit: 1 },
		);
		return last && !(await this.#needs.owner.fulfilment(last)) ? last : null;
	}
}
