import { StripeRefusal } from "./errors.ts";

/** An answer as it was sent. */
export interface Answer {
	status: number;
	body: object;
}

interface Kept {
	path: string;
	fingerprint: string;
	answer?: Answer;
	busy: boolean;
}

/**
 * What Stripe keeps under idempotency keys: the first answer of an endpoint that ran, whatever it
 * was. https://docs.stripe.com/api/idempotent_requests
 */
export class IdempotencyKeys {
	readonly #kept = new Map<string, Kept>();

	/**
	 * Takes a key for a request.
	 * @returns the answer to repeat, undefined for a new key, which is then taken
	 * @throws StripeRefusal 400 for other parameters or another path, 409 while it is in use
	 */
	take(key: string, path: string, params: object): Answer | undefined {
		const fingerprint = JSON.stringify(params);
		const kept = this.#kept.get(key);
		if (kept === undefined) {
			this.#kept.set(key, { path, fingerprint, busy: false });
			return undefined;
		}
		const other = `Try using a key other than '${key}' if you meant to execute a different request.`;
		const first = "Keys for idempotent requests can only be used ";
		if (kept.path !== path)
			throw refusal(400, `${first}for the same endpoint they were first used for. ${other}`);
		if (kept.fingerprint !== fingerprint)
			throw refusal(400, `${first}with the same parameters they were first used with. ${other}`);
		if (kept.busy || kept.answer === undefined) {
			const message = `There is currently another in-progress request using this idempotent key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`;
			throw refusal(409, message, "idempotency_key_in_use");
		}
		return kept.answer;
	}

	/** Keeps an answer, in the place of one that was kept before. */
	keep(key: string, answer: Answer): void {
		const kept = this.#kept.get(key);
		if (kept) kept.answer = answer;
	}

	/** While busy, a second request under this key is refused. */
	setBusy(key: string, busy: boolean): void {
		const kept = this.#kept.get(key);
		if (kept) kept.busy = busy;
	}

	/** Frees a key whose request did not run. */
	free(key: string): void {
		this.#kept.delete(key);
	}

	/** Forgets all, as Stripe may after 24 hours. */
	forget(): void {
		this.#kept.clear();
	}
}

function refusal(status: number, message: string, code?: string): StripeRefusal {
	return new StripeRefusal(status, { type: "idempotency_error", message, ...(code && { code }) });
}
