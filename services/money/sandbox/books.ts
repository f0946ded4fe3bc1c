import { randomBytes } from "node:crypto";
import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Params } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { derivedId, newId } from "../../../kernel/ids.ts";
import { isSameSecret } from "../../../kernel/secrets.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type {
	SandboxDispute,
	SandboxIntentDoc,
	SandboxRefund,
} from "../../../models/money/sandbox-intent.model.ts";
import {
	disputeEffect,
	type Effect,
	processingEffect,
	refundEffect,
	refundEndEffect,
	refundIdOf,
} from "./aftermath.ts";
import { sandbox } from "./sandbox.contract.ts";

const perPage = 100;

const refusal = (code: string, message: string) => ({ refused: { id: "refused", code, message } });

/** Why no refund was made. */
function refundRefusal({ status, dispute, refundableMinor }: SandboxIntentDoc) {
	if (status !== "paid") return refusal("not_paid", "The payment is not paid");
	if (dispute && dispute.status !== "won")
		return refusal("charge_disputed", "The payment is disputed");
	if (refundableMinor < 1)
		return refusal("charge_already_refunded", "All of the payment went back already");
	return refusal("amount_too_large", "Less than that is left of the payment");
}

/** The sandbox's record of payments, as a provider keeps it: every change is one guarded update of one document. */
export class Books {
	readonly #intents: Collection<SandboxIntentDoc>;
	readonly #clock: Clock;

	constructor(intents: Collection<SandboxIntentDoc>, clock: Clock) {
		this.#intents = intents;
		this.#clock = clock;
	}

	/** @param id the sandbox's own, or the payment's. @throws INTENT_NOT_FOUND */
	async find(id: string): Promise<SandboxIntentDoc> {
		const intent = (await this.#intents.get(id)) ?? (await this.#intents.findOne({ key: id }));
		if (!intent) throw problem(sandbox, "INTENT_NOT_FOUND");
		return intent;
	}

	/** @throws PAYMENT_NOT_FOUND unless the secret is the payment's. */
	async findBySecret(key: string, secret: string): Promise<SandboxIntentDoc> {
		const intent = await this.#intents.findOne({ key });
		if (!intent || !isSameSecret(intent.clientSecret, secret))
			throw problem(sandbox, "PAYMENT_NOT_FOUND");
		return intent;
	}

	/** Makes a payment, or finds the one that was made under this key. */
	async open({ key, method, amountMinor, currency, title }: Params<"sandbox.open">) {
		const id = derivedId(method === "stripe" ? "pi_sandbox" : "order_sandbox", key, "intent");
		try {
			await this.#intents.insert({
				id,
				key,
				method,
				amountMinor,
				currency,
				title,
				clientSecret: `${id}_secret_${randomBytes(24).toString("hex")}`,
				status: "open",
				refundableMinor: amountMinor,
				webhooks: {},
				createdAt: iso(this.#clock.now()),
			});
		} catch (error) {
			if (!isDuplicate(error)) throw error;
		}
		const intent = await this.find(key);
		const isSame =
			intent.method === method &&
			intent.amountMinor === amountMinor &&
			intent.currency === currency;
		return isSame
			? { opened: intent }
			: refusal("idempotency_error", "This key was used for another payment");
	}

	/** Closes a payment that is open; any other is answered as it is. */
	async cancel(id: string): Promise<SandboxIntentDoc> {
		const guard = { id, status: "open" };
		const canceled = await this.#intents.advance(guard, { $set: { status: "canceled" } });
		return canceled ?? this.find(id);
	}

	/**
	 * Gives money back, or finds the refund that was made under this key.
	 * @returns `isSilent` where its answer is to get lost.
	 */
	async refund(id: string, key: string, amountMinor: number) {
		const intent = await this.#intents.get(id);
		if (!intent) return refusal("resource_missing", "The sandbox has no such payment");
		const order = { id: refundIdOf(intent, key), key, amountMinor };
		const made = await this.#apply(refundEffect(intent, order, this.#clock.now()));
		const current = made ?? (await this.find(id));
		const refund = current.refunds?.[key];
		if (!refund) return refundRefusal(current);
		if (refund.amountMinor !== amountMinor)
			return refusal("idempotency_error", "This key was used for a refund of another amount");
		return { intent: current, refund, isSilent: Boolean(made) && intent.refundsGo === "timeout" };
	}

	/** Gives money back without anybody's key. @throws NOT_POSSIBLE */
	async refundByHand(intent: SandboxIntentDoc, amountMinor: number): Promise<SandboxIntentDoc> {
		const order = { id: refundIdOf(intent, newId("hand")), amountMinor };
		return this.#must(refundEffect(intent, order, this.#clock.now()));
	}

	/** @throws NOT_POSSIBLE */
	async settleRefund(
		intent: SandboxIntentDoc,
		refundId: string,
		status: Exclude<SandboxRefund["status"], "pending">,
	): Promise<SandboxIntentDoc> {
		return this.#must(refundEndEffect(intent, refundId, status, this.#clock.now()));
	}

	/**
	 * Opens or decides its dispute; one that is decided at once is opened first. Of what a refund takes meanwhile it is
	 * opened for what is left then.
	 * @throws NOT_POSSIBLE
	 */
	async dispute(
		intent: SandboxIntentDoc,
		status: SandboxDispute["status"],
		amountMinor?: number,
	): Promise<SandboxIntentDoc> {
		const now = this.#clock.now();
		let opened = intent;
		while (!opened.dispute) {
			const effect = disputeEffect(opened, "open", amountMinor, now);
			if (!effect) throw problem(sandbox, "NOT_POSSIBLE");
			const changed = await this.#apply(effect);
			if (changed && status === "open") return changed;
			const before = opened.refundableMinor;
			opened = changed ?? (await this.find(intent.id));
			if (!changed && opened.refundableMinor === before) throw problem(sandbox, "NOT_POSSIBLE");
		}
		return this.#must(disputeEffect(opened, status, amountMinor, now));
	}

	/** @throws NOT_POSSIBLE */
	async process(intent: SandboxIntentDoc): Promise<SandboxIntentDoc> {
		return this.#must(processingEffect(intent, this.#clock.now()));
	}

	/** How a payment's refunds go from now on, and what it costs. */
	async behave(
		{ id }: SandboxIntentDoc,
		refunds: "succeed" | NonNullable<SandboxIntentDoc["refundsGo"]> | undefined,
		feeMinor: number | undefined,
	): Promise<SandboxIntentDoc> {
		const behaved = await this.#intents.advance(
			{ id },
			{
				$set: { feeMinor, ...(refunds !== "succeed" && { refundsGo: refunds }) },
				...(refunds === "succeed" && { $unset: { refundsGo: true as const } }),
			},
		);
		return behaved as SandboxIntentDoc;
	}

	/** What is paid, in the order of ids, up to 100 after one. */
	async paidAfter(after = ""): Promise<{ items: SandboxIntentDoc[]; next?: string }> {
		const found = await this.#intents.find(
			{ id: { $gt: after }, status: "paid" },
			{ sort: { id: 1 }, limit: perPage + 1 },
		);
		const items = found.slice(0, perPage);
		const last = items.at(-1);
		return { items, ...(found.length > perPage && last && { next: last.id }) };
	}

	async #apply({ guard, change }: Effect): Promise<SandboxIntentDoc | null> {
		return this.#intents.advance(guard, change);
	}

	async #must(effect: Effect | null): Promise<SandboxIntentDoc> {
		const changed = effect && (await this.#apply(effect));
		if (!changed) throw problem(sandbox, "NOT_POSSIBLE");
		return changed;
	}
}
