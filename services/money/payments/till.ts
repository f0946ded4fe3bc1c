import { type Clock, iso } from "../../../kernel/clock.ts";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { Change, Guard } from "../../../kernel/store/guard.ts";
import { within } from "../../../kernel/within.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { consequence } from "./consequence.ts";
import {
	payments as contract,
	type Payable,
	type PaymentMethod,
	type PaymentStatus,
	type Quote,
} from "./payments.contract.ts";
import type { Failure, PaymentProvider, Snapshot } from "./providers/port.ts";
import { isOpen, openStatuses, sourcesOf, transitions } from "./states.ts";

const providerTimeoutMs = 5_000;
const openForMs = 24 * 3_600_000;
const rounds = 10;
const batch = 100;

export interface TillNeeds {
	payments: Collection<PaymentDoc>;
	/** By name; one that is missing is not set up any more. */
	providers: ReadonlyMap<string, PaymentProvider>;
	clock: Clock;
	/** Longest wait for a provider, ms. */
	timeoutMs?: number;
	/** Told of each change of status that the table does not allow. */
	onRefused(from: PaymentStatus, to: PaymentStatus): void;
	warn(message: string, error: unknown): void;
}

/** A payment that is to be there. */
export interface Wanted {
	id: string;
	userId: string;
	payable: Payable;
	method: PaymentMethod;
	provider: string;
	quote: Quote;
}

/** The key under which a user's payments for one thing are found, and of which one may be open. */
export const payableKeyOf = (userId: string, { kind, id }: Payable): string =>
	`${userId}:${kind}:${id}`;

/** When a payment that is open expires. */
export const expiryOf = (payment: PaymentDoc): string =>
	iso(Date.parse(payment.createdAt) + openForMs);

const messageOf = (error: unknown): string =>
	(error instanceof Error ? error.message : String(error)).slice(0, 500);

/**
 * What is done to payments. Each step is one guarded update; each call that changes something at a provider is written
 * down before it is made, under the payment's id as its key for ever. Whatever is cut off, the next that comes by
 * (create, verify, webhook, expiry) goes on from what is written.
 */
export class Till {
	readonly #needs: TillNeeds;

	constructor(needs: TillNeeds) {
		this.#needs = needs;
	}

	/** @throws PAYMENT_NOT_FOUND */
	async get(id: string): Promise<PaymentDoc> {
		const payment = await this.#needs.payments.get(id);
		if (!payment) throw problem(contract, "PAYMENT_NOT_FOUND");
		return payment;
	}

	/**
	 * The one open payment of this user for this thing, made where there is none. One of another method or price is
	 * closed first, at the provider too; when that finds it paid, or being paid, it is the answer.
	 * @throws SERVICE_UNAVAILABLE when the provider does not answer; the payment then stays `created`.
	 */
	async create(wanted: Wanted): Promise<{ payment: PaymentDoc; made: boolean }> {
		for (let round = 0; round < rounds; round++) {
			const found = await this.#findOrInsert(wanted);
			if (!found) continue;
			const made = found.id === wanted.id;
			if (made || isSame(found, wanted)) return { payment: await this.open(found), made };
			const closed = await this.close(found, "canceled");
			if (closed.capturedAt || isOpen(closed.status)) return { payment: closed, made: false };
		}
		throw platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 });
	}

	/**
	 * Makes a payment that was only written down at its provider too. Any other is answered as it is.
	 * @throws SERVICE_UNAVAILABLE
	 */
	async open(payment: PaymentDoc): Promise<PaymentDoc> {
		if (payment.status !== "created") return payment;
		const { id, method, amountMinor, currency, title } = payment;
		const untouched = { id, status: "created" } as const;
		const provider = this.#needs.providers.get(payment.provider);
		if (!provider) throw unanswered();
		if (!(await this.#note("create", payment, untouched))) return this.get(id);
		const answer = await this.#ask("create", id, () =>
			provider.create({ key: id, method, amountMinor, currency, title }),
		);
		if ("refused" in answer)
			return this.#move(
				id,
				"failed",
				{
					$set: {
						lastError: this.#errorOf(answer.refused),
						closedAt: this.#now(),
						"attempts.create.outcome": "refused",
					},
					$unset: { openKey: true },
				},
				{ guard: untouched },
			);
		const { id: gatewayId, clientSecret, checkoutUrl } = answer.opened;
		const opened = await this.#move(
			id,
			"requires_action",
			{ $set: { gatewayId, clientSecret, checkoutUrl, "attempts.create.outcome": "answered" } },
			{ guard: untouched },
		);
		if (!opened.gatewayId) await this.#abandon(provider, gatewayId);
		return opened;
	}

	/** Whether the provider signed for the buyer that this payment is paid. @throws SERVICE_UNAVAILABLE */
	async isSigned({ id, ...payment }: PaymentDoc, signature: string): Promise<boolean> {
		const { gatewayId, method } = payment;
		const provider = this.#needs.providers.get(payment.provider);
		if (!provider || !gatewayId) return false;
		return this.#ask("fetch", id, async () => {
			const chargeId = payment.chargeId ?? (await provider.fetch(gatewayId)).chargeId;
			return provider.checkSignature({ id: gatewayId, chargeId, method }, signature);
		});
	}

	/**
	 * Asks the provider how a payment stands and writes down what that means. The same whoever calls it, and however
	 * often.
	 * @param hint the provider's id as a webhook has it, for a payment that was closed before it was known here.
	 * @throws PAYMENT_NOT_FOUND @throws SERVICE_UNAVAILABLE
	 */
	async settle(id: string, hint?: string): Promise<PaymentDoc> {
		const payment = await this.open(await this.get(id));
		const { gatewayId = hint } = payment;
		if (payment.capturedAt || !gatewayId) return payment;
		const provider = this.#needs.providers.get(payment.provider);
		if (!provider) throw unanswered();
		return this.#apply(payment, await this.#ask("fetch", id, () => provider.fetch(gatewayId)));
	}

	/**
	 * Closes an open payment, at its provider first. It may turn out to be paid, or to be past closing there: the
	 * answer tells. One that never got as far as the provider's answer is closed here even while the provider is
	 * away: nobody was given what it takes to pay it. So is one whose provider is not set up any more.
	 * @param by the request that closes it, to be known again when it is taken up after a crash.
	 * @throws SERVICE_UNAVAILABLE
	 */
	async close(payment: PaymentDoc, to: "canceled" | "expired", by?: string): Promise<PaymentDoc> {
		const provider = this.#needs.providers.get(payment.provider);
		let current = payment;
		if (provider && payment.status === "created")
			current = await this.open(payment).catch(() => payment);
		const { gatewayId } = current;
		if (!isOpen(current.status)) return current;
		if (!provider || !gatewayId) {
			const shut = await this.#shut(current, to, by);
			return provider && isOpen(shut.status) ? this.close(shut, to, by) : shut;
		}
		await this.#note("cancel", current, { id: current.id });
		const answer = await this.#ask("cancel", current.id, () => provider.cancel(gatewayId));
		await this.#answered("cancel", current.id);
		if (answer.status === "paid" || answer.status === "processing")
			return this.#apply(current, answer);
		return this.#shut(current, to, by);
	}

	/** Closes what has been open for 24 h and needs nobody to look at it. */
	async expire(): Promise<number> {
		const { payments, clock, warn } = this.#needs;
		const createdAt = { $lte: iso(clock.now() - openForMs) };
		let expired = 0;
		for (let after = ""; ; ) {
			const due = await payments.find(
				{
					id: { $gt: after },
					status: { $in: openStatuses },
					createdAt,
					review: { $exists: false },
				},
				{ sort: { id: 1 }, limit: batch },
			);
			for (const payment of due) {
				after = payment.id;
				try {
					if ((await this.close(payment, "expired")).status === "expired") expired++;
				} catch (error) {
					warn(`${payment.id} could not expire yet`, error);
				}
			}
			if (due.length < batch) return expired;
		}
	}

	/** Writes down that an attempt to pay was declined and tells the buyer, once for each attempt. */
	async decline(id: string, failure: Failure): Promise<PaymentDoc> {
		const { payments } = this.#needs;
		const payment = await this.get(id);
		const lastError = this.#errorOf(failure);
		const told = await payments.advance(
			{
				id,
				status: { $in: ["requires_action", "processing"] },
				[`declines.${failure.id}`]: { $exists: false },
			},
			{
				$set: {
					status: "requires_action",
					lastError,
					[`declines.${failure.id}`]: lastError.at,
					updatedAt: lastError.at,
				},
			},
			[this.#fact(payment, `failed/${failure.id}`, { reason: failure.code })],
		);
		return told ?? this.get(id);
	}

	async #findOrInsert(wanted: Wanted): Promise<PaymentDoc | null> {
		const { payments } = this.#needs;
		const openKey = payableKeyOf(wanted.userId, wanted.payable);
		const found = await payments.findOne({ openKey });
		if (found) return found;
		const { amountMinor, currency, title } = wanted.quote;
		const now = this.#now();
		try {
			return await payments.insert({
				id: wanted.id,
				userId: wanted.userId,
				payable: wanted.payable,
				payableKey: openKey,
				openKey,
				status: "created",
				amountMinor,
				currency,
				title,
				method: wanted.method,
				provider: wanted.provider,
				attempts: {},
				declines: {},
				createdAt: now,
				updatedAt: now,
			});
		} catch (error) {
			if (isDuplicate(error)) return null;
			throw error;
		}
	}

	async #apply(payment: PaymentDoc, answer: Snapshot): Promise<PaymentDoc> {
		const { payments } = this.#needs;
		const { id } = payment;
		const now = this.#now();
		const lastAnswer = { status: answer.status, at: now };
		const found = consequence(payment, answer);
		switch (found.do) {
			case "capture":
				return this.#move(
					id,
					"captured",
					{
						$set: {
							capturedAt: now,
							refundableMinor: payment.amountMinor,
							gatewayId: answer.id,
							chargeId: answer.chargeId,
							lastAnswer,
						},
						$unset: { openKey: true, review: true, lastError: true },
					},
					{
						guard: { capturedAt: { $exists: false } },
						facts: [this.#fact(payment, "captured")],
					},
				);
			case "close":
				return this.#shut(payment, "canceled");
			case "process":
				return this.#move(id, "processing", { $set: { lastAnswer } });
			case "reopen":
				return this.#move(id, "requires_action", { $set: { lastAnswer } });
			case "decline":
				return this.decline(id, found.failure);
			case "review":
				await payments.advance(
					{ id, capturedAt: { $exists: false } },
					{ $set: { review: found.reason, lastAnswer, updatedAt: now } },
				);
				return this.get(id);
			case "nothing":
				return payment;
		}
	}

	/** Closes it here; one that was not opened yet only as long as it is not. */
	async #shut(
		payment: PaymentDoc,
		to: "canceled" | "expired",
		closedBy?: string,
	): Promise<PaymentDoc> {
		return this.#move(
			payment.id,
			to,
			{ $set: { closedAt: this.#now(), closedBy }, $unset: { openKey: true } },
			payment.status === "created" ? { guard: { status: "created" } } : {},
		);
	}

	/** Changes the status along the table; what another was quicker to change is answered as it now is. */
	async #move(
		id: string,
		to: PaymentStatus,
		change: Change,
		{ guard = {}, facts = [] }: { guard?: Guard; facts?: OutgoingFact[] } = {},
	): Promise<PaymentDoc> {
		const moved = await this.#needs.payments.advance(
			{ id, status: { $in: sourcesOf(to) }, ...guard },
			{ ...change, $set: { ...change.$set, status: to, updatedAt: this.#now() } },
			facts,
		);
		if (moved) return moved;
		const current = await this.get(id);
		if (current.status !== to && !transitions[current.status].includes(to))
			this.#needs.onRefused(current.status, to);
		return current;
	}

	/** Writes down that the provider is about to be asked for something. */
	async #note(call: "create" | "cancel", payment: PaymentDoc, guard: Guard) {
		const at = `attempts.${call}`;
		return this.#needs.payments.advance(guard, {
			$set: { [`${at}.key`]: payment.id, [`${at}.at`]: this.#now(), [`${at}.outcome`]: "asked" },
			$inc: { [`${at}.tries`]: 1 },
		});
	}

	async #answered(call: "create" | "cancel", id: string) {
		return this.#needs.payments.advance(
			{ id },
			{ $set: { [`attempts.${call}.outcome`]: "answered" } },
		);
	}

	/** @throws SERVICE_UNAVAILABLE for whatever is no answer: the outcome is unknown. */
	async #ask<T>(
		call: "create" | "cancel" | "fetch",
		id: string,
		ask: () => Promise<T>,
	): Promise<T> {
		const { payments, timeoutMs = providerTimeoutMs, warn } = this.#needs;
		try {
			return await within(timeoutMs, ask());
		} catch (error) {
			warn(`The provider does not answer to ${call} of ${id}`, error);
			if (call !== "fetch")
				await payments.advance(
					{ id, [`attempts.${call}.outcome`]: "asked" },
					{
						$set: {
							[`attempts.${call}.outcome`]: "unknown",
							[`attempts.${call}.error`]: messageOf(error),
						},
					},
				);
			throw unanswered();
		}
	}

	/** Closes at the provider what was closed here while the provider still made it; nobody was given its secret. */
	async #abandon(provider: PaymentProvider, gatewayId: string): Promise<void> {
		const { timeoutMs = providerTimeoutMs, warn } = this.#needs;
		await within(timeoutMs, provider.cancel(gatewayId)).catch(error =>
			warn(`${gatewayId} stays open at the provider`, error),
		);
	}

	#now(): string {
		return iso(this.#needs.clock.now());
	}

	#errorOf({ code, message }: Failure) {
		return { code, message, at: this.#now() };
	}

	/** A fact of a payment, its id derived from what it tells: told twice it is the same one. */
	#fact(payment: PaymentDoc, what: string, failed?: { reason: string }): OutgoingFact {
		const { id: paymentId, userId, payable, amountMinor, currency, provider } = payment;
		const seed = { headers: { seed: `${paymentId}/${what}` }, locals: {} } as never;
		const about = { paymentId, userId, payable };
		return failed
			? fact(seed, this.#needs.clock, contract, "payment.failed", { ...about, ...failed })
			: fact(seed, this.#needs.clock, contract, "payment.captured", {
					...about,
					amountMinor,
					currency,
					provider,
				});
	}
}

const unanswered = () =>
	platformProblem(
		"SERVICE_UNAVAILABLE",
		{ retryAfter: 1 },
		"The payment provider does not answer; ask again, nothing is paid twice",
	);

const isSame = (payment: PaymentDoc, { method, provider, quote }: Wanted): boolean =>
	payment.method === method &&
	payment.provider === provider &&
	payment.amountMinor === quote.amountMinor &&
	payment.currency === quote.currency;
