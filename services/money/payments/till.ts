import { type Clock, iso } from "../../../kernel/clock.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import { continuing } from "../../../kernel/tracing/spans.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { Calls, type CallsNeeds, unanswered } from "./calls.ts";
import { closeStep, declineStep, nextStep } from "./consequence.ts";
import type { Payable, PaymentMethod, PaymentStatus, Quote } from "./payments.contract.ts";
import type { Failure, Opened, Snapshot } from "./providers/port.ts";
import { Records, type Step } from "./records.ts";
import { isOpen, openStatuses } from "./states.ts";

const openForMs = 24 * 3_600_000;
/** How long after it was closed here alone money may still come. */
const lateForMs = 7 * 24 * 3_600_000;
const rounds = 10;
const batch = 100;

export interface TillNeeds extends CallsNeeds {
	payments: Collection<PaymentDoc>;
	clock: Clock;
	/** Who or what causes the changes. */
	by: string;
	/** Told of each change of status that the table does not allow. */
	onRefused(from: PaymentStatus, to: PaymentStatus): void;
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

/**
 * Takes money. Each step is one guarded update; each call that changes something at a provider is written down before
 * it is made, under the payment's id as its key for ever. Whatever is cut off, the next that comes by (create, verify,
 * webhook, reconciler, expiry) goes on from what is written.
 */
export class Till {
	readonly #needs: TillNeeds;
	readonly #records: Records;
	readonly #calls: Calls;

	constructor(needs: TillNeeds) {
		this.#needs = needs;
		this.#records = new Records(needs);
		this.#calls = new Calls(needs);
	}

	/** @throws PAYMENT_NOT_FOUND */
	async get(id: string): Promise<PaymentDoc> {
		return this.#records.get(id);
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
		if (!this.#calls.of(payment)) throw unanswered();
		const asked = await this.#note("create", payment, current => current.status === "created");
		return asked.status === "created" ? this.#make(asked) : asked;
	}

	/** Whether the provider signed for the buyer that this payment is paid. @throws SERVICE_UNAVAILABLE */
	async isSigned(payment: PaymentDoc, signature: string): Promise<boolean> {
		const { gatewayId, method } = payment;
		const provider = this.#calls.of(payment);
		if (!provider || !gatewayId) return false;
		return this.#calls.ask(`fetch of ${payment.id}`, async () => {
			const chargeId = payment.chargeId ?? (await provider.fetch(gatewayId)).chargeId;
			return provider.checkSignature({ id: gatewayId, chargeId, method }, signature);
		});
	}

	/**
	 * Asks the provider how a payment stands and writes down what that means. The same whoever calls it, and however
	 * often. One that was captured is only asked about again with `again`.
	 * @param hint the provider's id as a webhook has it, for a payment that was closed before it was known here.
	 * @throws PAYMENT_NOT_FOUND @throws SERVICE_UNAVAILABLE
	 */
	async settle(
		id: string,
		{ hint, again = false }: { hint?: string | undefined; again?: boolean } = {},
	): Promise<PaymentDoc> {
		const known = await this.get(id);
		return continuing(known.traceparent, "payments settle", () => this.#settle(known, hint, again));
	}

	/** Writes down all that a provider's answer means. */
	async apply(payment: PaymentDoc, answer: Snapshot): Promise<PaymentDoc> {
		return this.#records.follow(payment, now => nextStep(now, answer, this.#needs.clock));
	}

	/**
	 * Closes an open payment, at its provider first. It may turn out to be paid, or to be past closing there: the
	 * answer tells. One that never got as far as the provider's answer is closed here even while the provider is
	 * away: nobody was given what it takes to pay it, and the reconciler closes it there. So is one whose provider is
	 * not set up any more.
	 * @param by the request that closes it, to be known again when it is taken up after a crash.
	 * @throws SERVICE_UNAVAILABLE
	 */
	async close(payment: PaymentDoc, to: "canceled" | "expired", by?: string): Promise<PaymentDoc> {
		const provider = this.#calls.of(payment);
		let current = payment;
		if (provider && payment.status === "created")
			current = await this.open(payment).catch(() => this.get(payment.id));
		if (!isOpen(current.status)) return current;
		if (!provider || !current.gatewayId) {
			const shut = await this.#shut(current, to, by);
			return provider && isOpen(shut.status) ? this.close(shut, to, by) : shut;
		}
		const answer = await this.#cancel(current, current.gatewayId, isOpenNow);
		if (answer.status === "paid" || answer.status === "processing")
			return this.apply(current, answer);
		return this.#shut(current, to, by);
	}

	/**
	 * Closes at the provider what was closed here without its answer: finds it under its key, or makes it to cancel it,
	 * which comes to the same. @throws SERVICE_UNAVAILABLE
	 */
	async finish(payment: PaymentDoc): Promise<PaymentDoc> {
		const provider = this.#calls.of(payment);
		if (!provider || isOpen(payment.status) || payment.capturedAt) return payment;
		if (payment.gatewayId && payment.attempts.cancel?.outcome === "answered") return payment;
		let { gatewayId } = payment;
		if (!gatewayId) {
			const answer = await this.#calls.ask(`create of ${payment.id}`, () =>
				provider.create(orderOf(payment)),
			);
			if ("refused" in answer)
				return this.#records.step(payment, () => ({
					change: { $set: { "attempts.create.outcome": "refused" } },
					what: "the provider never had it",
				}));
			gatewayId = answer.opened.id;
		}
		const answer = await this.#cancel(payment, gatewayId, () => true);
		return this.apply(await this.get(payment.id), answer);
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
		const { clock } = this.#needs;
		return this.#records.step(await this.get(id), payment => declineStep(payment, failure, clock));
	}

	async #settle(known: PaymentDoc, hint: string | undefined, again: boolean): Promise<PaymentDoc> {
		const payment = await this.open(known);
		const { id, gatewayId = hint } = payment;
		if ((payment.capturedAt && !again) || !gatewayId) return payment;
		const provider = this.#calls.of(payment);
		if (!provider) throw unanswered();
		const answer = await this.#calls.ask(`fetch of ${id}`, () => provider.fetch(gatewayId));
		return this.apply(payment, answer);
	}

	async #findOrInsert(wanted: Wanted): Promise<PaymentDoc | null> {
		const openKey = payableKeyOf(wanted.userId, wanted.payable);
		const found = await this.#needs.payments.findOne({ openKey });
		if (found) return found;
		const { amountMinor, currency, title } = wanted.quote;
		const now = iso(this.#needs.clock.now());
		try {
			return await this.#records.insert({
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
				createdAt: now,
				updatedAt: now,
			});
		} catch (error) {
			if (isDuplicate(error)) return null;
			throw error;
		}
	}

	/** Asks the provider to make it, which was written down, and writes down the answer. */
	async #make(payment: PaymentDoc): Promise<PaymentDoc> {
		const provider = this.#calls.of(payment);
		if (!provider) throw unanswered();
		const outcome = await this.#calls.try(`create of ${payment.id}`, () =>
			provider.create(orderOf(payment)),
		);
		if ("error" in outcome) {
			await this.#unknown("create", payment, outcome.error);
			throw unanswered();
		}
		const { answer } = outcome;
		if ("refused" in answer)
			return this.#records.step(payment, now => this.#refused(now, answer.refused));
		const now = iso(this.#needs.clock.now());
		const opened = await this.#records.step(payment, current =>
			openedStep(current, answer.opened, now),
		);
		return isOpen(opened.status) ? opened : this.finish(opened).catch(() => opened);
	}

	async #cancel(
		payment: PaymentDoc,
		gatewayId: string,
		may: (payment: PaymentDoc) => boolean,
	): Promise<Snapshot> {
		const provider = this.#calls.of(payment);
		if (!provider) throw unanswered();
		const asked = await this.#note("cancel", payment, may);
		const outcome = await this.#calls.try(`cancel of ${payment.id}`, () =>
			provider.cancel(gatewayId),
		);
		if ("error" in outcome) {
			await this.#unknown("cancel", asked, outcome.error);
			throw unanswered();
		}
		const { answer } = outcome;
		const isOpenThere = answer.status === "open" || answer.status === "processing";
		await this.#records.step(asked, current => ({
			change: {
				$set: {
					"attempts.cancel.outcome": "answered",
					...(!current.gatewayId && { gatewayId }),
					...(isOpenThere && { lateUntil: this.#needs.clock.now() + lateForMs }),
					...(asked.attempts.create && { "attempts.create.outcome": "answered" }),
				},
			},
			what: "the provider answered to cancel",
			detail: answer.status,
		}));
		return answer;
	}

	/** Closes it here; one that was not opened yet only as long as it is not. */
	async #shut(
		payment: PaymentDoc,
		to: "canceled" | "expired",
		closedBy?: string,
	): Promise<PaymentDoc> {
		const { clock } = this.#needs;
		return this.#records.step(payment, now =>
			payment.status === "created" && now.status !== "created"
				? null
				: closeStep(now, to, clock, closedBy),
		);
	}

	#refused(payment: PaymentDoc, { code, message }: Failure): Step | null {
		if (payment.status !== "created") return null;
		const at = iso(this.#needs.clock.now());
		return {
			change: {
				$set: {
					status: "failed",
					lastError: { code, message, at },
					closedAt: at,
					"attempts.create.outcome": "refused",
				},
				$unset: { openKey: true },
			},
			what: "refused by the provider",
			detail: code,
		};
	}

	/** Writes down that the provider is about to be asked for something. */
	async #note(
		call: "create" | "cancel",
		payment: PaymentDoc,
		may: (payment: PaymentDoc) => boolean,
	): Promise<PaymentDoc> {
		const at = `attempts.${call}`;
		const now = iso(this.#needs.clock.now());
		return this.#records.step(payment, current =>
			may(current)
				? {
						change: {
							$set: { [`${at}.key`]: payment.id, [`${at}.at`]: now, [`${at}.outcome`]: "asked" },
							$inc: { [`${at}.tries`]: 1 },
						},
						...(!current.attempts[call] && { what: `${call} asked of the provider` }),
					}
				: null,
		);
	}

	/** The provider did not answer: what happened there is not known. */
	async #unknown(call: "create" | "cancel", payment: PaymentDoc, error: string): Promise<void> {
		const at = `attempts.${call}`;
		await this.#records.step(payment, current =>
			current.attempts[call]?.outcome === "asked"
				? {
						change: { $set: { [`${at}.outcome`]: "unknown", [`${at}.error`]: error } },
						what: `no answer to ${call}`,
						detail: error,
					}
				: null,
		);
	}
}

const isOpenNow = (payment: PaymentDoc): boolean => isOpen(payment.status);

const orderOf = ({ id, method, amountMinor, currency, title }: PaymentDoc) => ({
	key: id,
	method,
	amountMinor,
	currency,
	title,
});

/** What was closed here while the provider made it is to be closed there too: nobody was given its secret. */
function openedStep(payment: PaymentDoc, opened: Opened, now: string): Step | null {
	const { id: gatewayId, clientSecret, checkoutUrl } = opened;
	const answered = { gatewayId, "attempts.create.outcome": "answered" };
	if (payment.status === "created")
		return {
			change: { $set: { ...answered, status: "requires_action", clientSecret, checkoutUrl } },
			what: "opened at the provider",
			detail: gatewayId,
		};
	if (payment.gatewayId || isOpen(payment.status)) return null;
	const cancel = { key: payment.id, tries: 0, at: now, outcome: "asked" };
	return {
		change: { $set: { ...answered, "attempts.cancel": cancel } },
		what: "opened at the provider after it was closed",
		detail: gatewayId,
	};
}

const isSame = (payment: PaymentDoc, { method, provider, quote }: Wanted): boolean =>
	payment.method === method &&
	payment.provider === provider &&
	payment.amountMinor === quote.amountMinor &&
	payment.currency === quote.currency;
