import type { Clock } from "../../../kernel/clock.ts";
import { backOffMs } from "../../../kernel/facts/consumer.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type {
	SandboxIntentDoc,
	SandboxWebhook,
} from "../../../models/money/sandbox-intent.model.ts";
import { signWebhook } from "../signatures.ts";

const batch = 100;

export interface PostNeeds {
	intents: Collection<SandboxIntentDoc>;
	clock: Clock;
	/** What it signs with now. */
	secret(): Promise<string>;
	/** Hands a signed webhook over; throws where it was not taken. */
	send(webhook: { headers: Record<string, string>; body: string }): Promise<void>;
	warn(message: string, error: unknown): void;
}

type Due = SandboxWebhook & { dueAt: number };

/** Delivers the sandbox's webhooks. They lie in its payments, so that what is due or withheld outlives every node. */
export class Post {
	readonly #needs: PostNeeds;

	constructor(needs: PostNeeds) {
		this.#needs = needs;
	}

	/** Delivers what is due, of all payments. */
	async deliverDue(): Promise<number> {
		const { intents, clock } = this.#needs;
		const due = await intents.find(
			{ dueAt: { $lte: clock.now() } },
			{ sort: { dueAt: 1 }, limit: batch },
		);
		let delivered = 0;
		for (const intent of due) delivered += await this.deliver(intent.id);
		return delivered;
	}

	/** Delivers what is due of one payment; what is not taken comes again, ever later up to 5 min. */
	async deliver(id: string): Promise<number> {
		const { intents, clock } = this.#needs;
		const intent = await intents.get(id);
		let delivered = 0;
		for (const [eventId, webhook] of Object.entries(intent?.webhooks ?? {}))
			if (webhook.dueAt !== undefined && webhook.dueAt <= clock.now())
				if (await this.#deliverOne(intent as SandboxIntentDoc, eventId, webhook as Due))
					delivered++;
		await this.#plan(id);
		return delivered;
	}

	async #deliverOne(intent: SandboxIntentDoc, eventId: string, webhook: Due): Promise<boolean> {
		const { intents, clock, secret, send, warn } = this.#needs;
		const at = `webhooks.${eventId}`;
		const stillDue = { id: intent.id, [`${at}.dueAt`]: webhook.dueAt };
		const { type, createdAt, failure, objectId } = webhook;
		const { id, key } = intent;
		const data = { id, key, ...(failure && { failure }), ...(objectId && { objectId }) };
		const body = Buffer.from(JSON.stringify({ id: eventId, type, createdAt, data }));
		try {
			await send({
				headers: { "sandbox-signature": signWebhook(await secret(), body, clock.now()) },
				body: body.toString("base64"),
			});
		} catch (error) {
			warn(`The webhook ${eventId} was not taken`, error);
			await intents.advance(stillDue, {
				$set: { [`${at}.dueAt`]: clock.now() + backOffMs(webhook.tries + 1) },
				$inc: { [`${at}.tries`]: 1 },
			});
			return false;
		}
		await intents.advance(stillDue, { $unset: { [`${at}.dueAt`]: true } });
		return true;
	}

	/** Puts the payment where the next sweep looks for it; a change made meanwhile has done that itself. */
	async #plan(id: string): Promise<void> {
		const { intents } = this.#needs;
		const intent = await intents.get(id);
		if (intent?.dueAt === undefined) return;
		const waiting = Object.values(intent.webhooks).flatMap(webhook => webhook.dueAt ?? []);
		const next = Math.min(...waiting);
		await intents.advance(
			{ id, dueAt: intent.dueAt },
			waiting.length > 0 ? { $set: { dueAt: next } } : { $unset: { dueAt: true } },
		);
	}
}
