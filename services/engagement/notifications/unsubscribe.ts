import { createHmac } from "node:crypto";
import { escapeHtml } from "../../../kernel/html.ts";
import { isSameSecret } from "../../../kernel/secrets.ts";
import { type NotificationType, optionalTypes } from "./kinds.ts";

const sign = (secret: string, userId: string, type: string): string =>
	createHmac("sha256", secret)
		.update(`unsubscribe\n${userId}\n${type}`)
		.digest()
		.subarray(0, 16)
		.toString("base64url");

/** What a mail's address to turn its kind off ends in; it lets its holder do that and nothing else. */
export const unsubscribeToken = (secret: string, userId: string, type: NotificationType): string =>
	`${userId}.${sign(secret, userId, type)}.${type}`;

/** Whose mails of which type a token turns off; null where none of the secrets signed it. */
export function readUnsubscribeToken(
	secrets: readonly string[],
	token: string,
): { userId: string; type: NotificationType } | null {
	const [, userId, mac, name] = /^(usr_[0-9a-f-]{36})\.([\w-]{22})\.([a-z._]+)$/.exec(token) ?? [];
	const type = optionalTypes.find(known => known === name);
	if (!userId || !mac || !type) return null;
	return secrets.some(secret => isSameSecret(mac, sign(secret, userId, type)))
		? { userId, type }
		: null;
}

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
	<head>
		<meta charset="utf-8">
		<meta name="viewport" content="width=device-width, initial-scale=1">
		<meta name="robots" content="noindex">
		<meta name="referrer" content="no-referrer">
		<title>${escapeHtml(title)}</title>
	</head>
	<body>
		<main>
			<h1>${escapeHtml(title)}</h1>
			${body}
		</main>
	</body>
</html>
`;

/** What a reader sees who follows the address: reading it changes nothing, since programs follow links, too. */
export const unsubscribePage = (type: NotificationType): string =>
	page(
		"Get no more of these mails",
		`<p>These are the mails of the kind <code>${escapeHtml(type)}</code>. What happens is still shown in the school.</p>
			<form method="post"><button name="List-Unsubscribe" value="One-Click">Send me no more</button></form>`,
	);

/** What they see once it is done. */
export const unsubscribedPage = (type: NotificationType): string =>
	page(
		"You get no more of these mails",
		`<p>Mails of the kind <code>${escapeHtml(type)}</code> are turned off. In the school, your account turns them on again.</p>`,
	);
