import { Liquid } from "liquidjs";
import type { Template } from "./mail.contract.ts";

/** What a mail says, before it has a form. */
export interface Letter {
	subject: string;
	text: string;
	html: string;
}

interface Words {
	subject: string;
	paragraphs: readonly string[];
	/** What the one link of the letter is called; its address is `url`. */
	link: string;
	/** What it cannot be written without. */
	needs: readonly string[];
}

const words: Record<Template, Words> = {
	notification: {
		subject: "{{ title }}",
		paragraphs: ["{{ body }}"],
		link: "Open it",
		needs: ["title", "body"],
	},
	password_reset: {
		subject: "Choose a new password",
		paragraphs: [
			"Somebody asked for a new password for your account. If that was you, choose one here; the link is good once and for 30 minutes.",
			"If it was not you, there is nothing to do: your password stays as it is.",
		],
		link: "Choose a new password",
		needs: ["id"],
	},
	email_verification: {
		subject: "Confirm your e-mail address",
		paragraphs: [
			"Welcome. Please confirm that this address is yours; the link is good for 3 days.",
		],
		link: "Confirm the address",
		needs: ["id"],
	},
};

const form = {
	jsTruthy: true,
	strictVariables: true,
	strictFilters: true,
	ownPropertyOnly: true,
	lenientIf: true,
};
const plain = new Liquid(form);
const escaping = new Liquid({ ...form, outputEscape: "escape" });

const asText = plain.parse(`{% if name %}Hello {{ name }},

{% endif %}{% for paragraph in paragraphs %}{{ paragraph }}

{% endfor %}{% if url %}{{ link }}:
{{ url }}
{% endif %}{% if unsubscribeUrl %}
To get no more mail of this kind: {{ unsubscribeUrl }}
{% endif %}`);

const asHtml = escaping.parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ subject }}</title></head>
<body>
{% if name %}<p>Hello {{ name }},</p>
{% endif %}{% for paragraph in paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}{% if url %}<p><a href="{{ url }}">{{ link }}</a></p>
{% endif %}{% if unsubscribeUrl %}<p><small><a href="{{ unsubscribeUrl }}">Get no more mail of this kind</a></small></p>
{% endif %}</body>
</html>
`);

const parsed = new Map(
	Object.entries(words).map(([template, { subject, paragraphs, link }]) => [
		template as Template,
		{ subject: plain.parse(subject), paragraphs: paragraphs.map(one => plain.parse(one)), link },
	]),
);

/** What of the data of a template is missing. */
export const missingOf = (template: Template, data: object): string[] =>
	words[template].needs.filter(name => !Object.hasOwn(data, name));

/** A line break in a heading would be another heading. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim();

/**
 * A mail as text and as HTML in which every value is escaped.
 * @param data what the template names, and for the letter around it `name`, `url`, `unsubscribeUrl` where it has them.
 * @throws Error where the template names what is not there.
 */
export function writeLetter(template: Template, data: Readonly<Record<string, string>>): Letter {
	const {
		subject: heading,
		paragraphs: parts,
		link,
	} = parsed.get(template) as NonNullable<ReturnType<typeof parsed.get>>;
	const subject = oneLine(plain.renderSync(heading, data) as string);
	const paragraphs = parts.map(one => plain.renderSync(one, data) as string);
	const said = { ...data, name: oneLine(data.name ?? ""), subject, paragraphs, link };
	return {
		subject,
		text: plain.renderSync(asText, said) as string,
		html: escaping.renderSync(asHtml, said) as string,
	};
}
