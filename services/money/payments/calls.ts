import { platformProblem } from "../../../kernel/errors.ts";
import { within } from "../../../kernel/within.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { PaymentProvider } from "./providers/port.ts";

const timeoutMs = 5_000;

export interface CallsNeeds {
	/** By name; one that is missing is not set up any more. */
	providers: ReadonlyMap<string, PaymentProvider>;
	/** Longest wait for a provider, ms. */
	timeoutMs?: number;
	warn(message: string, error: unknown): void;
}

/** What became of a call: an answer, or nothing that says what happened. */
export type Outcome<T> = { answer: T } | { error: string };

const messageOf = (error: unknown): string =>
	(error instanceof Error ? error.message : String(error)).slice(0, 500);

/** Calls of providers, each with its time-out. */
export class Calls {
	readonly #needs: CallsNeeds;

	constructor(needs: CallsNeeds) {
		this.#needs = needs;
	}

	of(payment: Pick<PaymentDoc, "provider">): PaymentProvider | undefined {
		return this.#needs.providers.get(payment.provider);
	}

	/** Never throws: whatever is no answer leaves the outcome unknown. */
	async try<T>(what: string, ask: () => Promise<T>): Promise<Outcome<T>> {
		try {
			return { answer: await within(this.#needs.timeoutMs ?? timeoutMs, ask()) };
		} catch (error) {
			this.#needs.warn(`The provider does not answer to ${what}`, error);
			return { error: messageOf(error) };
		}
	}

	/** @throws SERVICE_UNAVAILABLE for whatever is no answer. */
	async ask<T>(what: string, ask: () => Promise<T>): Promise<T> {
		const outcome = await this.try(what, ask);
		if ("answer" in outcome) return outcome.answer;
		throw unanswered();
	}
}

export const unanswered = () =>
	platformProblem(
		"SERVICE_UNAVAILABLE",
		{ retryAfter: 1 },
		"The payment provider does not answer; ask again, nothing is paid twice",
	);
