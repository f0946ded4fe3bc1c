import type { Clock } from "../../../kernel/clock.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import { pastRetention, Retention } from "../../../kernel/store/retention.ts";
import type { MailDoc, ShownMail } from "../../../models/engagement/mail.model.ts";

/** What the sandbox's inbox shows of a mail whose words are gone. */
const nothingShown: ShownMail = {
	to: "",
	subject: pastRetention,
	text: pastRetention,
	html: `<!doctype html>\n<html lang="en"><body><p>${pastRetention}</p></body></html>\n`,
};

/** Ends address, words and link of mails that went or have no use; which waits or is parked is sent one day. */
export const retentionOf = (
	mails: Collection<MailDoc>,
	clock: Clock,
	days: number | "off",
): Retention<MailDoc> =>
	new Retention({
		collection: mails,
		clock,
		days,
		settled: { state: { $in: ["sent", "dropped"] } },
		settledAt: ({ sentAt, createdAt }) => sentAt ?? createdAt,
		without: ({ shown }) => ({
			$set: { data: {}, ...(shown && { shown: nothingShown }) },
			$unset: { to: true, unsubscribeUrl: true },
		}),
	});
