import { setTimeout as pause } from "node:timers/promises";
import type { Caller } from "../../../kernel/contract.ts";
import type { Contracts } from "../../../kernel/contracts.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { Fulfilment, Payable, Quote, Usage } from "./payments.contract.ts";
import { everything, type Owner } from "./refunds.ts";

const subject = ({ id: paymentId, userId, payable }: PaymentDoc) => ({
	id: payable.id,
	userId,
	paymentId,
});

const fulfilmentWaitMs = 2_000;
const fulfilmentPollMs = 50;

type Role = "payable" | "fulfilment" | "usage" | "hold" | "release";

/** Speaks to whoever owns a kind of payable, by the roles their contracts provide. */
export class PayableOwner implements Owner {
	readonly #mesh: Caller;
	readonly #contracts: Contracts;

	constructor(mesh: Caller, contracts: Contracts) {
		this.#mesh = mesh;
		this.#contracts = contracts;
	}

	/** What it costs this user; undefined where nobody sells such things. */
	async quote({ kind, id }: Payable, userId: string): Promise<Quote | undefined> {
		return this.#call<Quote>("payable", kind, { id, userId });
	}

	/** What the payment led to; null as long as there is nothing. */
	async fulfilment(payment: PaymentDoc): Promise<object | null> {
		const found = await this.#call<Fulfilment>(
			"fulfilment",
			payment.payable.kind,
			subject(payment),
		);
		return found?.enrollment ?? null;
	}

	/** Waits 2 s for what a payment leads to; what is captured stays so whether or not it comes. */
	async awaitFulfilment(payment: PaymentDoc): Promise<object | null> {
		if (!payment.capturedAt) return null;
		const until = performance.now() + (payment.status === "captured" ? fulfilmentWaitMs : 0);
		for (;;) {
			const found = await this.fulfilment(payment).catch(() => null);
			if (found || performance.now() >= until) return found;
			await pause(fulfilmentPollMs);
		}
	}

	/** All of it, where nobody says. */
	async usage(payment: PaymentDoc): Promise<Usage> {
		const params = subject(payment);
		return (await this.#call<Usage>("usage", payment.payable.kind, params)) ?? everything;
	}

	async hold(payment: PaymentDoc, refundId: string): Promise<Usage> {
		const params = { ...subject(payment), refundId };
		return (await this.#call<Usage>("hold", payment.payable.kind, params)) ?? everything;
	}

	async release(payment: PaymentDoc, refundId: string): Promise<void> {
		await this.#call("release", payment.payable.kind, { ...subject(payment), refundId });
	}

	async #call<T>(role: Role, kind: string, params: object): Promise<T | undefined> {
		const action = this.#contracts.provider(`${role}:${kind}`);
		if (!action) return undefined;
		return (await this.#mesh.call(action as never, params as never)) as T;
	}
}
