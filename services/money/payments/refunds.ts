import { iso } from "../../../kernel/clock.ts";
import {
	codeOf,
	invalidField,
	isOutage,
	platformProblem,
	problem,
} from "../../../kernel/errors.ts";
import { derivedId } from "../../../kernel/ids.ts";
import type { PaymentDoc, RefundDoc } from "../../../models/money/payment.model.ts";
import { Calls } from "./calls.ts";
import { payments as contract, type Usage } from "./payments.contract.ts";
import { Records } from "./records.ts";
import {
	askedAgain,
	endsAlready,
	isToBeThawed,
	refundableShare,
	refundStep,
	refused,
	requested,
	reserved,
	thawed,
	unanswered,
	withdrawn,
} from "./refund-steps.ts";
import { isMoving } from "./states.ts";
import type { Till, TillNeeds } from "./till.ts";

const dayMs = 24 * 3_600_000;
/** Providers forget idempotency keys after a day: until then a call is repeated under its key, afterwards never. */
const keysLiveMs = 23 * 3_600_000;
/** What nobody says is used. */
export const everything: Usage = { part: 1, of: 1 };

/** What the owner of what was bought does about a refund. */
export interface Owner {
	/** How much is unused, as it stands. */
	usage(payment: PaymentDoc): Promise<Usage>;
	/** Freezes it for this refund and says how much is unused; the same on every repeat. @throws REFUND_PENDING */
	hold(payment: PaymentDoc, refundId: string): Promise<Usage>;
	/** Ends the freeze of this refund, if there is one. */
	release(payment: PaymentDoc, refundId: string): Promise<void>;
}

export interface RefundsNeeds extends TillNeeds {
	till: Pick<Till, "settle">;
	owner: Owner;
	windowDays: number;
}

/** A refund that is to be made. */
export interface RefundOrder {
	id: string;
	/** `share`: what is unused, within the window, once; `all`: what is left, once no more can come back; else minor units. */
	amount: "share" | "all" | number;
	reason?: string | undefined;
	endsAccess: boolean;
	/** Whether what was bought is frozen meanwhile. */
	holds: boolean;
}

/**
 * Gives money back: a saga that lies in the payment. Asked for → frozen → its amount taken from the headroom and the
 * call written down, in one → provider → fact. Up to the call it is withdrawn when it comes to nothing; from there on
 * only the provider's answer ends it, asked for under the refund's id for ever.
 */
export class Refunds {
	readonly #needs: RefundsNeeds;
	readonly #records: Records;
	readonly #calls: Calls;

	constructor(needs: RefundsNeeds) {
		this.#needs = needs;
		this.#records = new Records(needs);
		this.#calls = new Calls(needs);
	}

	/** What a refund of the unused share would come to now, and why it would be refused if so. */
	async quote(payment: PaymentDoc) {
		const usage = await this.#needs.owner.usage(payment);
		const amountMinor = refundableShare(payment, usage, this.#stepOf(payment));
		const reason =
			codeOf(this.#refusal(payment, { id: "", amount: "share" })) ??
			(amountMinor === 0 ? "NOTHING_REFUNDABLE" : undefined);
		return {
			refundable: reason === undefined,
			amountMinor: reason === undefined ? amountMinor : 0,
			progressPercentage: usage.progressPercentage ?? 0,
			...(reason && { reason }),
		};
	}

	/**
	 * Writes a refund down; of several at once one is. One that is written down already is as it stands.
	 * @throws ALREADY_REFUNDED, REFUND_WINDOW_CLOSED, NOTHING_REFUNDABLE, REFUND_PENDING, VALIDATION_ERROR
	 */
	async begin(payment: PaymentDoc, order: RefundOrder): Promise<PaymentDoc> {
		const { id, amount, reason, endsAccess, holds } = order;
		let refusal: Error | undefined;
		const { payment: begun } = await this.#records.change(payment, now => {
			refusal = undefined;
			if (now.refunds[id]) return null;
			refusal = this.#refusal(now, order);
			if (refusal) return null;
			const wantedMinor = amount === "all" ? this.#left(now) : amount;
			return requested(
				now,
				{
					id,
					endsAccess,
					holds,
					...(typeof wantedMinor === "number" && { wantedMinor }),
					...(reason && { reason }),
				},
				this.#now(),
			);
		});
		if (refusal) throw refusal;
		return begun;
	}

	/**
	 * Goes on with a refund from where it stands, as far as the provider answers; on one that has ended it does nothing.
	 * @throws NOTHING_REFUNDABLE for one that comes to nothing, which is then withdrawn @throws REFUND_PENDING while what
	 *   was bought is frozen for another one @throws whatever kept the owner from answering
	 */
	async proceed(payment: PaymentDoc, refundId: string): Promise<PaymentDoc> {
		const refund = payment.refunds[refundId];
		if (refund?.status === "requested") return this.#reserve(payment, refund);
		if (refund?.status === "pending") return this.#resume(payment, refund);
		return this.#thaw(payment, refundId);
	}

	/**
	 * Goes on with a refund that was just asked for; what keeps it from going on for now is left to the reconciler.
	 * @throws NOTHING_REFUNDABLE, REFUND_PENDING; it is withdrawn then
	 */
	async attempt(begun: PaymentDoc, refundId: string): Promise<PaymentDoc> {
		try {
			return await this.proceed(begun, refundId);
		} catch (error) {
			if (codeOf(error) === "REFUND_PENDING")
				await this.withdraw(begun, refundId, "another refund is under way");
			if (!isOutage(error)) throw error;
			this.#needs.warn(`The refund ${refundId} goes on later`, error);
			return this.#records.get(begun.id);
		}
	}

	/**
	 * Gives back all that is left of a payment that led to nothing, once; where nothing is left it does nothing.
	 * @throws SERVICE_UNAVAILABLE while another refund or a dispute is under way: what it leaves goes back then
	 */
	async giveBack(id: string, reason: string): Promise<PaymentDoc> {
		const refundId = derivedId("rfd", id, "nothing bought");
		const payment = await this.#records.get(id);
		try {
			const order = { amount: "all", reason, endsAccess: false, holds: false } as const;
			await this.attempt(await this.begin(payment, { ...order, id: refundId }), refundId);
		} catch (error) {
			const code = codeOf(error);
			if (code === "REFUND_PENDING") throw busy();
			if (code !== "NOTHING_REFUNDABLE" && code !== "ALREADY_REFUNDED") throw error;
		}
		const after = await this.#records.get(id);
		const isLeft = after.refundableMinor || isMoving(after, refundId);
		if (!after.refunds[refundId] && isLeft) throw busy();
		return after;
	}

	/** Takes back one that was only asked for, then thaws what was frozen. */
	async withdraw(payment: PaymentDoc, refundId: string, why: string): Promise<PaymentDoc> {
		const after = await this.#records.step(payment, now => withdrawn(now, refundId, why));
		return this.#thaw(after, refundId);
	}

	/** First it is decided that the refund comes to nothing: a run beside this one can then neither go on nor freeze. */
	async #thaw(payment: PaymentDoc, refundId: string): Promise<PaymentDoc> {
		if (!isToBeThawed(payment, refundId)) return payment;
		await this.#needs.owner.release(payment, refundId);
		return this.#records.step(payment, now => thawed(now, refundId));
	}

	async #reserve(payment: PaymentDoc, refund: RefundDoc): Promise<PaymentDoc> {
		const { owner } = this.#needs;
		const usage = refund.holds ? await owner.hold(payment, refund.id) : everything;
		const { payment: after, changed } = await this.#records.change(payment, now =>
			reserved(
				now,
				refund.id,
				refund.wantedMinor ?? refundableShare(now, usage, this.#stepOf(now)),
				this.#now(),
			),
		);
		if (changed) return this.#ask(after, refund.id);
		if (after.refunds[refund.id]?.status !== "requested") return after;
		const ended = await this.withdraw(after, refund.id, "nothing is left to be given back");
		if (ended.refunds[refund.id]?.status === "pending") return ended;
		throw problem(contract, "NOTHING_REFUNDABLE");
	}

	/** Asks how one stands whose outcome is not known; where the provider does not have it, asks for it again. */
	async #resume(payment: PaymentDoc, refund: RefundDoc): Promise<PaymentDoc> {
		const known = await this.#needs.till.settle(payment.id, { again: true });
		const { status, gatewayId } = known.refunds[refund.id] ?? {};
		if (status !== "pending" || gatewayId) return known;
		if (this.#needs.clock.now() - Date.parse(refund.createdAt) > keysLiveMs) {
			const failure = {
				code: "never_arrived",
				message: "The provider does not have it and would not know its key any more",
			};
			return this.#records.step(known, now => refused(now, refund.id, failure, this.#needs.clock));
		}
		const asked = await this.#records.step(known, now => askedAgain(now, refund.id, this.#now()));
		return this.#ask(asked, refund.id);
	}

	/** Makes the call that was written down, and writes down the answer, or that there was none. */
	async #ask(payment: PaymentDoc, refundId: string): Promise<PaymentDoc> {
		const { clock } = this.#needs;
		const { gatewayId: id, chargeId = "", currency } = payment;
		const amountMinor = payment.refunds[refundId]?.amountMinor;
		const provider = this.#calls.of(payment);
		if (!provider || !id || !amountMinor)
			return this.#records.step(payment, now =>
				unanswered(now, refundId, "its provider is not set up"),
			);
		const outcome = await this.#calls.try(`refund ${refundId}`, () =>
			provider.refund({ key: refundId, id, chargeId, amountMinor, currency }),
		);
		if ("error" in outcome)
			return this.#records.step(payment, now => unanswered(now, refundId, outcome.error));
		const { answer } = outcome;
		if ("refused" in answer)
			return this.#records.step(payment, now => refused(now, refundId, answer.refused, clock));
		return this.#records.follow(payment, now => refundStep(now, answer.refund, clock));
	}

	/** Why a refund may not begin; undefined where it may. */
	#refusal(
		payment: PaymentDoc,
		{ id, amount }: Pick<RefundOrder, "id" | "amount">,
	): Error | undefined {
		const { windowDays, clock } = this.#needs;
		const { capturedAt, refundableMinor = 0, refundedMinor = 0, amountMinor } = payment;
		if (!capturedAt) return problem(contract, "NOTHING_REFUNDABLE", "It was not captured");
		if (amount === "share" && endsAlready(payment)) return problem(contract, "ALREADY_REFUNDED");
		if (payment.openRefund || (amount === "all" && isMoving(payment, id)))
			return problem(contract, "REFUND_PENDING");
		if (refundedMinor >= amountMinor) return problem(contract, "ALREADY_REFUNDED");
		if (refundableMinor === 0) return problem(contract, "NOTHING_REFUNDABLE");
		if (amount === "share" && clock.now() - Date.parse(capturedAt) > windowDays * dayMs)
			return problem(contract, "REFUND_WINDOW_CLOSED");
		if (typeof amount !== "number") return undefined;
		if (amount > refundableMinor)
			return invalidField("/amount", "TOO_LARGE", "is more than what can be given back");
		return amount % this.#stepOf(payment) === 0
			? undefined
			: invalidField("/amount", "TOO_FINE", "the provider does not move such small amounts");
	}

	/** All that is left, rounded down to what the provider moves. */
	#left(payment: PaymentDoc): number {
		return refundableShare(payment, everything, this.#stepOf(payment));
	}

	#stepOf(payment: PaymentDoc): number {
		return this.#calls.of(payment)?.step(payment.currency) ?? 1;
	}

	#now(): string {
		return iso(this.#needs.clock.now());
	}
}

const busy = () => platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 5 });
