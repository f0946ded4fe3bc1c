import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { createTransport } from "nodemailer";
import type { ShownMail } from "../../../models/engagement/mail.model.ts";

/** What is handed to whoever carries mail. */
export interface Sendable extends ShownMail {
	/** The mail's own, the same on each try. */
	messageId: string;
	unsubscribeUrl?: string;
}

/** Why a mail was not taken. */
export interface Refusal {
	/**
	 * `refused`: this mail, for good; `later`: this mail, for now; `away`: nobody there to take any. After the last two it
	 * may yet have been taken: the answer was lost.
	 */
	kind: "refused" | "later" | "away";
	/** The carrier's codes, without what it wrote beside them, which may name the reader. */
	code: string;
}

/** Who carries mail. */
export interface Carrier {
	/** It is the sandbox's inbox: what it took can be read there. */
	readonly isInbox: boolean;
	/** @throws anything; `refusalOf` says what it means. */
	send(mail: Sendable): Promise<void>;
	refusalOf(error: unknown): Refusal;
	close(): void;
}

/** The sandbox's inbox takes everything; the stored mail is what it shows. */
export const inboxCarrier: Carrier = {
	isInbox: true,
	send: async () => {},
	refusalOf: () => ({ kind: "away", code: "UNKNOWN" }),
	close: () => {},
};

const connectMs = 10_000;
const silenceMs = 20_000;
const connections = 4;

/** Errors that are about one mail and say nothing of the server. */
const ofTheMail = new Set(["EENVELOPE", "EMESSAGE"]);

/** The host part of addresses of this deployment. */
export function mailDomain(publicUrl: string): string {
	const { hostname } = new URL(publicUrl);
	return isIP(hostname.replace(/[[\]]/g, "")) ? "localhost" : hostname;
}

/** The Message-ID (RFC 5322 §3.6.4) of the mail with this key: the same on each try, so that a second copy is known. */
export const messageIdOf = (key: string, domain: string): string =>
	`<${createHash("sha256").update(key).digest("hex").slice(0, 40)}@${domain}>`;

/** What nodemailer says of a failure. */
export function refusalOf(error: unknown): Refusal {
	const {
		code = "UNKNOWN",
		responseCode = "",
		permanent = false,
	} = (error ?? {}) as {
		code?: string;
		responseCode?: number | "";
		permanent?: boolean;
	};
	const isOfTheMail = ofTheMail.has(code) && responseCode !== "";
	const kind = !isOfTheMail ? "away" : permanent ? "refused" : "later";
	return { kind, code: `${code} ${responseCode}`.trim() };
}

/**
 * An SMTP server, over a pool of connections.
 * @param url `smtp://` or `smtps://`, with user and password; `?from=` names the sender, else it is `no-reply` here.
 */
export function smtpCarrier(url: string, publicUrl: string): Carrier {
	const parsed = new URL(url);
	const from = parsed.searchParams.get("from") ?? `no-reply@${mailDomain(publicUrl)}`;
	parsed.searchParams.delete("from");
	const transport = createTransport({
		pool: true,
		url: parsed.href,
		maxConnections: connections,
		connectionTimeout: connectMs,
		greetingTimeout: connectMs,
		dnsTimeout: connectMs,
		socketTimeout: silenceMs,
		// A broken connection is ours to judge: nodemailer would hand the mail to the next by itself.
		maxRequeues: 0,
		disableFileAccess: true,
		disableUrlAccess: true,
	});
	return {
		isInbox: false,
		async send({ to, subject, text, html, messageId, unsubscribeUrl }) {
			await transport.sendMail({
				from,
				to: { name: "", address: to },
				subject,
				text,
				html,
				messageId,
				headers: {
					"Auto-Submitted": "auto-generated",
					...(unsubscribeUrl && {
						"List-Unsubscribe": `<${unsubscribeUrl}>`,
						"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
					}),
				},
			});
		},
		refusalOf,
		close: () => transport.close(),
	};
}
