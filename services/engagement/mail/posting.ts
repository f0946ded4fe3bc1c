import type { Clock } from "../../../kernel/clock.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { MailDoc, ShownMail } from "../../../models/engagement/mail.model.ts";
import { type Carrier, messageIdOf } from "./carrier.ts";

/** Longer than any try may take: after it, whoever was trying has died. */
const leaseMs = 120_000;
const firstBackOffMs = 5_000;
const longestBackOffMs = 600_000;
/** How long a mail is tried, ms. */
const triedMs = 3 * 86_400_000;
/** How long nobody is tried after the server was not there. */
const restMs = 5_000;
const batch = 100;
const atOnce = 8;

/** How long after its `tries`-th failure a mail is tried again: doubling from 5 s to 10 min. */
export const mailBackOffMs = (tries: number): number =>
	Math.min(longestBackOffMs, firstBackOffMs * 2 ** (tries - 1));

export interface PostingNeeds {
	mails: Collection<MailDoc>;
	clock: Clock;
	carrier: Carrier;
	/** Host part of Message-IDs. */
	domain: string;
	/** The mail as it reads now; null where it has no use any more. */
	compose(mail: MailDoc): Promise<ShownMail | null>;
	/** Told without the reader's address. */
	warn(message: string): void;
}

/**
 * Sends stored mails. Whoever sends one holds it by its `nextAt`, for 2 min; a mail is sent when the carrier has said so and
 * that is written. Where either is lost it goes again under the same Message-ID.
 */
export class Posting {
	readonly #needs: PostingNeeds;
	readonly #underWay = new Set<Promise<boolean>>();
	#restsUntil = 0;

	constructor(needs: PostingNeeds) {
		this.#needs = needs;
	}

	/** What a new mail needs to be held by who stores it. */
	get held(): Pick<MailDoc, "tries" | "nextAt"> {
		return { tries: 1, nextAt: this.#needs.clock.now() + leaseMs };
	}

	/** Whether one more can be sent at once. */
	get hasRoom(): boolean {
		return this.#underWay.size < atOnce && this.#needs.clock.now() >= this.#restsUntil;
	}

	/** Sends one that the caller holds, without being waited for. */
	begin(mail: MailDoc): void {
		const sending = this.#send(mail).finally(() => this.#underWay.delete(sending));
		this.#underWay.add(sending);
	}

	/** Waits for what is under way. */
	async idle(): Promise<void> {
		await Promise.allSettled(this.#underWay);
	}

	/** Sends what is due. @returns how many were sent. */
	async sendDue(): Promise<number> {
		const { mails, clock } = this.#needs;
		const due = await mails.find(
			{ state: "waiting", nextAt: { $lte: clock.now() } },
			{ sort: { nextAt: 1 }, limit: batch },
		);
		let sent = 0;
		const sendNext = async () => {
			for (let mail = due.shift(); mail; mail = due.shift()) {
				if (clock.now() < this.#restsUntil) return;
				const mine = await this.#take(mail);
				if (mine && (await this.#send(mine))) sent++;
			}
		};
		await Promise.all(Array.from({ length: atOnce }, sendNext));
		return sent;
	}

	/** Holds a mail, unless somebody else does. */
	#take({ id, nextAt }: MailDoc): Promise<MailDoc | null> {
		const { mails, clock } = this.#needs;
		return mails.advance(
			{ id, state: "waiting", nextAt },
			{ $set: { nextAt: clock.now() + leaseMs }, $inc: { tries: 1 } },
		);
	}

	async #send(mail: MailDoc): Promise<boolean> {
		const { carrier, compose, warn, domain } = this.#needs;
		const { id, key, unsubscribeUrl } = mail;
		try {
			let shown: ShownMail | null;
			try {
				shown = await compose(mail);
			} catch (error) {
				await this.#postpone(mail, `could not be written: ${(error as Error).name}`);
				return false;
			}
			if (!shown) {
				await this.#end(mail, { state: "dropped", agesFrom: this.#needs.clock.now() });
				return false;
			}
			try {
				await carrier.send({
					...shown,
					messageId: messageIdOf(key, domain),
					...(unsubscribeUrl && { unsubscribeUrl }),
				});
			} catch (error) {
				await this.#refused(mail, error);
				return false;
			}
			const sentAt = this.#needs.clock.now();
			await this.#end(mail, {
				state: "sent",
				sentAt,
				agesFrom: sentAt,
				...(carrier.isInbox && { shown }),
			});
			return true;
		} catch (error) {
			// The store is away; whoever comes after the lease takes it up.
			warn(`What became of mail ${id} could not be written: ${(error as Error).name}`);
			return false;
		}
	}

	async #refused(mail: MailDoc, error: unknown): Promise<void> {
		const { carrier, clock, warn } = this.#needs;
		const { kind, code } = carrier.refusalOf(error);
		if (kind === "away") this.#restsUntil = clock.now() + restMs;
		if (kind !== "refused") return this.#postpone(mail, code);
		warn(`Mail ${mail.id} was refused for good, parked: ${code}`);
		await this.#end(mail, { state: "parked", lastError: code });
	}

	async #postpone(mail: MailDoc, reason: string): Promise<void> {
		const { mails, clock, warn } = this.#needs;
		const { id, tries, createdAt } = mail;
		const isLast = clock.now() - createdAt >= triedMs;
		warn(`Mail ${id} could not be sent, try ${tries}${isLast ? ", parked" : ""}: ${reason}`);
		if (isLast) return this.#end(mail, { state: "parked", lastError: reason });
		await mails.advance(
			{ id, state: "waiting", tries },
			{ $set: { nextAt: clock.now() + mailBackOffMs(tries), lastError: reason } },
		);
	}

	async #end({ id }: MailDoc, $set: Partial<MailDoc>): Promise<void> {
		const { lastError } = $set;
		await this.#needs.mails.advance(
			{ id, state: "waiting" },
			{ $set, $unset: { nextAt: true, ...(!lastError && { lastError: true }) } },
		);
	}
}
