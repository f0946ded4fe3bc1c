import { createHmac } from "node:crypto";
import { isSameSecret } from "../../../kernel/secrets.ts";

/** What a signed address on disk is good for, until when. */
export interface Ticket {
	fileId: string;
	/** To upload the whole, or one part of it; or to open it, shown or saved. */
	use: "whole" | "part" | "inline" | "attachment";
	/** Of a part. */
	number?: number;
	/** ms */
	expiresAt: number;
}

const mac = (secret: string, text: string): string =>
	createHmac("sha256", secret).update(`file-ticket.${text}`).digest("base64url");

/** A ticket as it stands in an address: `base64url(JSON).base64url(HMAC-SHA256)`. */
export function signTicket(secret: string, ticket: Ticket): string {
	const text = Buffer.from(JSON.stringify(ticket)).toString("base64url");
	return `${text}.${mac(secret, text)}`;
}

/** The ticket of an address that any of the secrets signed, and whose time is not over; else undefined. */
export function readTicket(
	secrets: readonly string[],
	signed: string,
	nowMs: number,
): Ticket | undefined {
	const [, text, signature] = /^([\w-]+)\.([\w-]{43})$/.exec(signed) ?? [];
	if (text === undefined || signature === undefined) return undefined;
	if (!secrets.some(secret => isSameSecret(mac(secret, text), signature))) return undefined;
	const ticket = JSON.parse(Buffer.from(text, "base64url").toString()) as Ticket;
	return nowMs < ticket.expiresAt ? ticket : undefined;
}
