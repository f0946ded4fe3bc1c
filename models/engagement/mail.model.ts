import { defineModel } from "../../kernel/store/model.ts";
import { type Ageing, ageing } from "../../kernel/store/retention.ts";

/** A mail as it reads. */
export interface ShownMail {
	to: string;
	subject: string;
	text: string;
	html: string;
}

/** One mail to one reader, kept from before it is sent; what it says, until that is past its retention. */
export interface MailDoc extends Ageing {
	/** Derived from its key: one mail for each, for ever. */
	id: string;
	key: string;
	/** Whose it is; their address is looked up when it is sent. */
	userId?: string;
	/** The address, for who has no account. */
	to?: string;
	template: string;
	/** What the template says of it; never a secret. Empty past its retention. */
	data: { title?: string; body?: string; path?: string; id?: string };
	unsubscribeUrl?: string;
	/**
	 * `waiting` is sent at `nextAt`; `parked` was refused for good, or could not be sent for days; `dropped` had lost its
	 * use before it could be sent.
	 */
	state: "waiting" | "sent" | "parked" | "dropped";
	tries: number;
	/** Not tried before this instant, ms; while a try is under way, the instant at which it is taken for dead. */
	nextAt?: number;
	lastError?: string;
	/** ms */
	createdAt: number;
	/** ms */
	sentAt?: number;
	/** As it was sent, where the sandbox's inbox is who got it; past its retention, that it is. */
	shown?: ShownMail;
}

export const MailModel = defineModel<MailDoc>()({
	name: "mails",
	fields: {
		key: String,
		userId: String,
		to: String,
		template: String,
		data: { type: Object },
		unsubscribeUrl: String,
		state: String,
		tries: Number,
		nextAt: Number,
		lastError: String,
		createdAt: Number,
		sentAt: Number,
		shown: { type: Object },
		...ageing.fields,
	},
	indexes: { userId: { sparse: true }, nextAt: { sparse: true }, state: {}, ...ageing.indexes },
});
