import { setTimeout as pause } from "node:timers/promises";
import type { FakeStripe } from "../../support/stripe/fake-stripe.ts";
import type { StripeEvent } from "../../support/stripe/objects.ts";
import { sign } from "../../support/stripe/webhooks.ts";
import type { Gateways } from "./gateways.ts";

const everyMs = 25;
/** Stripe tries again within minutes to hours; a drill has no such time. */
const againMs = 1_000;
const answerMs = 10_000;
const parallel = 16;

/**
 * Posts each event of a fake Stripe to the gateways in turn, as soon as it happened and again each second until a
 * delivery is answered 2xx, as Stripe does over days.
 */
export class Webhooks {
	readonly #fake: FakeStripe;
	readonly #gateways: Gateways;
	readonly #due: { event: StripeEvent; at: number }[] = [];
	readonly #stop = new AbortController();
	#taken = 0;
	#posting = 0;
	#held = false;
	/** Deliveries that were answered otherwise, or not at all. */
	refused = 0;
	/** Events that were answered 2xx. */
	delivered = 0;

	constructor(fake: FakeStripe, gateways: Gateways) {
		this.#fake = fake;
		this.#gateways = gateways;
		void this.#run();
	}

	/** Events that no delivery was answered 2xx yet. */
	get undelivered(): number {
		return this.#fake.books.events.length - this.delivered;
	}

	/** Posts nothing until `flow`: the provider's queue is stuck. */
	hold(): void {
		this.#held = true;
	}

	flow(): void {
		this.#held = false;
	}

	/** All events from the `from`-th on are delivered once more, as an operator asks Stripe to. */
	resend(from = 0): void {
		for (const event of this.#fake.books.events.slice(from, this.#taken)) {
			this.delivered--;
			this.#due.push({ event, at: 0 });
		}
	}

	stop(): void {
		this.#stop.abort();
	}

	async #run(): Promise<void> {
		const { events } = this.#fake.books;
		while (!this.#stop.signal.aborted) {
			for (; this.#taken < events.length; this.#taken++)
				this.#due.push({ event: events[this.#taken] as StripeEvent, at: 0 });
			while (!this.#held && this.#posting < parallel) {
				const next = this.#due.findIndex(({ at }) => at <= Date.now());
				if (next < 0) break;
				const [due] = this.#due.splice(next, 1);
				if (due) void this.#post(due.event);
			}
			await pause(everyMs);
		}
	}

	async #post(event: StripeEvent): Promise<void> {
		this.#posting++;
		const { headers, body } = sign(event, { secret: this.#fake.webhookSecret });
		const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerMs)]);
		const url = `${this.#gateways.next()}/webhooks/stripe`;
		const isTaken = await fetch(url, { method: "POST", headers, body, signal }).then(
			async answer => {
				await answer.arrayBuffer();
				return answer.ok;
			},
			() => false,
		);
		this.#posting--;
		if (isTaken) this.delivered++;
		else {
			this.refused++;
			this.#due.push({ event, at: Date.now() + againMs });
		}
	}
}
